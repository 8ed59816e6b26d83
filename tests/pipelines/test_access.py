"""Every layer has a say in which model is used, and a key's list in which route."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pipelines.access import (
    Bearer,
    Layer,
    check_route,
    fits,
    layer,
    may_call,
    model_refused,
    routes_of,
)
from pipelines.errors import Forbidden
from pipelines.exchange import Principal

GROUPS = {"beta": ("gpt-5", "openai/*"), "all": ("*",), "empty": ()}


def allows(bearer: Bearer, listed: Iterable[str], model: str) -> bool:
    found = layer(bearer, listed, GROUPS)
    return found is None or found.allows(model)


@pytest.mark.parametrize(
    ("listed", "model", "wanted"),
    [
        ((), "gpt", True),
        (("gpt",), "gpt", True),
        (("gpt",), "gpt-5", False),
        (("gpt",), "", False),
        (("openai/*",), "openai/gpt", True),
        (("openai/*",), "openaix/gpt", False),
        (("*-mini",), "gpt-mini", True),
        (("*",), "anything", True),
        (("all-proxy-models",), "anything", True),
        (("all-team-models",), "anything", True),
        (("all-org-models", "gpt"), "anything", True),
        (("beta",), "gpt-5", True),
        (("beta",), "openai/x", True),
        (("beta",), "gpt-4", False),
        (("all",), "anything", True),
        (("empty",), "gpt", False),
        (("no-default-models",), "gpt", False),
        (("no-default-models", "gpt"), "gpt", True),
    ],
)
def test_a_key_may_use_what_its_list_says(
    listed: tuple[str, ...], model: str, wanted: bool
) -> None:
    assert allows("key", listed, model) is wanted


def test_a_team_does_not_answer_for_itself() -> None:
    assert not allows("team", ["all-team-models"], "gpt")
    assert allows("team", ["all-org-models"], "gpt")
    assert not allows("end_user", ["all-team-models"], "gpt")


def test_a_user_without_default_models_has_none() -> None:
    assert not allows("user", ["no-default-models"], "gpt")


def test_every_layer_must_allow() -> None:
    principal = Principal(
        "a", layers=(Layer("key", frozenset({"x", "y"})), Layer("organization", frozenset({"x"})))
    )
    assert principal.may_use("x")
    assert not principal.may_use("y")
    with pytest.raises(Forbidden) as refused:
        principal.outgoing("y")
    assert refused.value.type == "org_model_access_denied"


def test_a_plain_list_counts_beside_the_layers() -> None:
    principal = Principal("a", models=frozenset({"x"}), layers=(Layer("key", frozenset({"y"})),))
    assert not principal.may_use("x")
    assert not principal.may_use("y")


@pytest.mark.parametrize(
    ("bearer", "wanted"),
    [
        ("key", "key_model_access_denied"),
        ("team", "team_model_access_denied"),
        ("member", "team_model_access_denied"),
        ("user", "user_model_access_denied"),
        ("end_user", "customer_model_access_denied"),
        ("organization", "org_model_access_denied"),
    ],
)
def test_a_refusal_says_who_refused(bearer: Bearer, wanted: str) -> None:
    error = model_refused(bearer, "m" * 1000)
    assert (error.status, error.type, error.param) == (403, wanted, "model")
    assert error.message.startswith("The requested model 'mmm")
    assert "is not available for this API key, or the model name is invalid." in error.message
    assert len(error.message) < 400


def test_an_alias_of_a_key_needs_its_target_to_be_allowed() -> None:
    aliases = {"cheap": "dear"}
    assert Principal("a", aliases=aliases).outgoing("cheap") == "dear"
    for bearer in ("key", "team", "user"):
        layers = (Layer(bearer, frozenset({"cheap"})),)
        assert not Principal("a", aliases=aliases, layers=layers).may_use("cheap")
        layers = (Layer(bearer, frozenset({"dear"})),)
        assert Principal("a", aliases=aliases, layers=layers).may_use("cheap")


def test_an_alias_of_a_team_is_allowed_by_either_name_within_the_team() -> None:
    aliases = {"gpt": "gpt-eu"}
    inside = Principal("a", team_aliases=aliases, layers=(Layer("key", frozenset({"gpt"})),))
    assert inside.outgoing("gpt") == "gpt-eu"
    above = Principal(
        "a", team_aliases=aliases, layers=(Layer("organization", frozenset({"gpt"})),)
    )
    assert not above.may_use("gpt")


def test_aliases_of_key_and_team_follow_one_another() -> None:
    principal = Principal("a", aliases={"x": "y"}, team_aliases={"y": "z"})
    assert principal.outgoing("x") == "z"
    assert principal.outgoing("other") == "other"


@pytest.mark.parametrize(
    ("pattern", "name", "wanted"),
    [("a*b", "ab", True), ("a*b", "a", False), ("a", "a", False), ("aa*a", "aa", False)],
)
def test_a_pattern_fits_its_head_and_its_tail(pattern: str, name: str, wanted: bool) -> None:
    assert fits(pattern, name) is wanted


@pytest.mark.parametrize(
    ("routes", "path", "kind", "wanted"),
    [
        ((), "/chat/completions", "llm", True),
        (("llm_api_routes",), "/chat/completions", "llm", True),
        (("llm_api_routes",), "/key/generate", "management", False),
        (("management_routes",), "/key/generate", "management", True),
        (("management_routes",), "/key/info", "info", True),
        (("management_routes",), "/chat/completions", "llm", False),
        (("info_routes",), "/key/info", "info", True),
        (("info_routes",), "/key/generate", "management", False),
        (("/chat/completions",), "/chat/completions", "llm", True),
        (("/v1/chat/completions",), "/chat/completions", "llm", True),
        (("/v1/chat/completions",), "/embeddings", "llm", False),
        (("/v1/*",), "/embeddings", "llm", True),
        (("/embed*",), "/embeddings", "llm", True),
        (("openai_routes",), "/embeddings", "llm", True),
        (("openai_routes",), "/messages", "llm", False),
        (("anthropic_routes",), "/messages", "llm", True),
        (("anthropic_routes",), "/embeddings", "llm", False),
        (("google_routes",), "/models/{model}:generateContent", "llm", True),
    ],
)
def test_a_list_of_routes_allows_names_patterns_and_groups(
    routes: tuple[str, ...], path: str, kind: str, wanted: bool
) -> None:
    assert may_call(routes, path, kind) is wanted  # type: ignore[arg-type]


def test_a_route_that_is_not_allowed_is_refused_in_words() -> None:
    with pytest.raises(Forbidden, match=r"Only allowed to call routes: /a, /b\. Tried") as refused:
        check_route(("/a", "/b"), "/chat/completions", "llm")
    assert (refused.value.type, refused.value.param) == ("auth_error", None)
    check_route(("llm_api_routes",), "/chat/completions", "llm")


def test_a_type_of_key_stands_for_routes_unless_it_has_a_list() -> None:
    assert routes_of("llm_api", ()) == ("llm_api_routes",)
    assert routes_of("management", ()) == ("management_routes",)
    assert routes_of("read_only", ()) == ("info_routes",)
    assert routes_of("default", ()) == routes_of(None, ()) == ()
    assert routes_of("llm_api", ["/a"]) == ("/a",)
