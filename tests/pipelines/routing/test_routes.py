"""The table of names finds who serves a model, and only that."""

from __future__ import annotations

import pytest

from pipelines.routing.routes import LONGEST_KEPT, Fallbacks, Routes, stars
from tests.builders import a_deployment


def found(routes: Routes, name: str) -> list[tuple[str, str]]:
    """Ids and the provider's model names of those who serve a name."""
    return [(one.id, one.model) for one in routes.find(name)]


def wild(group: str, model: str, name: str = "w") -> Routes:
    return Routes([a_deployment(name, group, model=model)])


def test_routes_find_the_deployments_of_a_name_in_their_order() -> None:
    routes = Routes([a_deployment("a"), a_deployment("b", "other"), a_deployment("c")])
    assert found(routes, "gpt") == [("a", "gpt"), ("c", "gpt")]
    assert found(routes, "nobody") == []
    assert [one.id for one in routes.deployments] == ["a", "c", "b"]


def test_routes_follow_an_alias_once() -> None:
    routes = Routes([a_deployment("a")], aliases={"best": "gpt", "bester": "best"})
    assert found(routes, "best") == [("a", "gpt")]
    assert found(routes, "bester") == []


def test_routes_prefer_a_name_to_an_alias_and_an_alias_to_a_wildcard() -> None:
    routes = Routes(
        [a_deployment("a"), a_deployment("b", "other"), a_deployment("w", "g*", model="g*")],
        aliases={"gpt": "other", "gpt2": "other"},
    )
    assert found(routes, "gpt") == [("a", "gpt")]
    assert found(routes, "gpt2") == [("b", "other")]
    assert found(routes, "gpt3") == [("w", "gpt3")]


def test_routes_let_an_alias_stand_for_a_name_behind_a_wildcard() -> None:
    routes = Routes([a_deployment("w", "acme/*", model="*")], aliases={"best": "acme/x"})
    assert found(routes, "best") == [("w", "x")]


@pytest.mark.parametrize(
    ("group", "model", "name", "sent"),
    [
        ("openai/*", "*", "openai/gpt-4o", "gpt-4o"),
        ("openai/*", "openai/*", "openai/gpt-4o", "openai/gpt-4o"),
        ("*", "*", "anything/at/all", "anything/at/all"),
        ("gpt-*", "gpt-*", "gpt-4o", "gpt-4o"),
        ("*-latest", "*", "claude-latest", "claude"),
        ("a/*/b", "*", "a/mid/b", "mid"),
        ("fast/*", "llama-3", "fast/anything", "llama-3"),
    ],
)
def test_routes_fill_a_wildcard_with_the_middle_of_the_name(
    group: str, model: str, name: str, sent: str
) -> None:
    assert found(wild(group, model), name) == [("w", sent)]


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("openai/*", "openai/"),
        ("openai/*", "openai"),
        ("openai/*", "azure/gpt"),
        ("*", ""),
        ("ab*ba", "aba"),
        ("gpt-*", "GPT-4o"),
    ],
)
def test_routes_do_not_stretch_a_wildcard(group: str, name: str) -> None:
    assert found(wild(group, "*"), name) == []


@pytest.mark.parametrize("name", ["openai/*", "*"])
def test_routes_serve_no_call_for_the_wildcard_itself(name: str) -> None:
    # Else the provider is asked for a model called "*".
    assert found(wild(name, "*"), name) == []


def test_routes_keep_no_monstrous_name_that_a_client_made_up() -> None:
    # What is kept is bounded in number; a name may be as long as a body.
    routes = wild("*", "*")
    assert found(routes, "m" * 1_000_000) == [("w", "m" * 1_000_000)]
    assert routes._find_wildcard.cache_info().currsize == 0
    assert found(routes, "m" * LONGEST_KEPT) == [("w", "m" * LONGEST_KEPT)]
    assert routes._find_wildcard.cache_info().currsize == 1


def test_routes_prefer_the_longest_wildcard() -> None:
    routes = Routes(
        [
            a_deployment("all", "*", model="*"),
            a_deployment("mini", "openai/gpt-*", model="gpt-*"),
            a_deployment("openai", "openai/*", model="*"),
        ]
    )
    assert routes.wildcards == ("openai/gpt-*", "openai/*", "*")
    assert found(routes, "openai/gpt-4o") == [("mini", "gpt-4o")]
    assert found(routes, "openai/o1") == [("openai", "o1")]
    assert found(routes, "claude") == [("all", "claude")]


def test_routes_name_what_is_no_wildcard_and_not_hidden_once_each() -> None:
    routes = Routes(
        [a_deployment("a"), a_deployment("b"), a_deployment("w", "x/*", model="*")],
        aliases={"best": "gpt", "gpt": "gpt", "secret": "gpt", "any/*": "gpt"},
        hidden=frozenset({"secret"}),
    )
    assert routes.names == ("gpt", "best")
    assert found(routes, "secret") == [("a", "gpt"), ("b", "gpt")]


def test_fallbacks_of_a_group_win_over_the_star_and_the_star_over_the_default() -> None:
    starred = Fallbacks({"a": ["b"], "*": ["c"]}, default=["d"])
    assert (starred.of("a"), starred.of("x")) == (["b"], ["c"])
    assert Fallbacks({"a": ["b"]}, default=["d"]).of("x") == ["d"]
    assert Fallbacks().of("x") == ()


def test_an_empty_list_of_fallbacks_is_a_list_of_its_own() -> None:
    assert Fallbacks({"a": [], "*": ["c"]}, default=["d"]).of("a") == []


def test_added_deployments_are_served_until_others_take_their_place() -> None:
    routes = wild("g*", "g*")
    assert found(routes, "gpt") == [("w", "gpt")]
    routes.renew([a_deployment("a")])
    assert found(routes, "gpt") == [("a", "gpt")]
    routes.renew([a_deployment("b", "h*", model="h*")])
    assert found(routes, "gpt") == [("w", "gpt")]
    assert found(routes, "hello") == [("b", "hello")]
    assert [one.id for one in routes.written] == ["w"]


@pytest.mark.parametrize(
    ("group", "model", "name", "sent"),
    [
        ("acme/*::static::*", "x/*::static::*", "acme/a::static::b", "x/a::static::b"),
        ("*/x-*", "*-*", "a/x-b/x-c", "a/x-b-c"),
        ("re:gpt-(4|5)(o?)", "model-*-*", "gpt-4o", "model-4-o"),
        ("re:gpt-[45]", "llama", "gpt-5", "llama"),
        ("re:gpt-.*", "llama", "gpt-5", "llama"),
    ],
)
def test_routes_fill_every_star_with_its_own_part(
    group: str, model: str, name: str, sent: str
) -> None:
    assert found(wild(group, model), name) == [("w", sent)]


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("a*b*c", "acb"),
        ("re:gpt-[45]", "gpt-45"),
        ("re:gpt-[45]", "re:gpt-[45]"),
        ("re:.*", "m" * (LONGEST_KEPT + 1)),
    ],
)
def test_routes_find_nobody_for_a_name_that_fits_no_pattern(group: str, name: str) -> None:
    assert found(wild(group, "llama"), name) == []


def test_routes_list_no_expression_among_names_or_wildcards() -> None:
    routes = Routes([a_deployment("r", "re:gpt-.*", model="x"), a_deployment("a", "b*")])
    assert routes.names == ()
    assert routes.wildcards == ("b*",)


def test_stars_are_counted_and_a_broken_expression_is_told() -> None:
    assert [stars(name) for name in ("a", "a*", "*b*", "re:(a)(b)", "re:(")] == [0, 1, 2, 2, -1]
