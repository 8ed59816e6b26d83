"""The tries of one call beyond its group: fallbacks, their order, and their bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from pipelines.errors import (
    ContentRefused,
    ContextTooLong,
    Denied,
    Overloaded,
    Rejected,
    UpstreamError,
    UpstreamFailed,
)
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Fallbacks, Routes
from pipelines.routing.tries import Rules, Tries
from pipelines.routing.wishes import NO_WISHES, Alternative, Wishes
from tests.builders import a_deployment
from tests.pipelines.routing.test_tries import InOrder, played

Lists = Mapping[str, Sequence[str]]


def falling(
    lists: Lists,
    groups: str = "abcdefgh",
    default: Sequence[str] = (),
    depth: int = 5,
    aliases: Mapping[str, str] | None = None,
    num_retries: int = 0,
) -> Tries:
    """The tries of group "a", where each group has one deployment of its own name."""
    deployments = [a_deployment(name, name) for name in groups]
    routes = Routes(deployments, aliases, Fallbacks(lists, default, depth))
    return Tries("a", Rules(routes, RoutePolicy(num_retries=num_retries), Random(1)), InOrder())


def tried(tries: Tries, error: UpstreamError | None = None) -> str:
    """The groups in the order in which they are tried, where every try fails."""
    names, _ = played(tries, lambda _: error or UpstreamFailed("no"))
    return "".join(names)


def test_fallbacks_come_in_their_order() -> None:
    tries = falling({"a": ["c", "b"]})
    assert tried(tries) == "acb"
    assert tries.fallbacks == 2


def test_fallbacks_come_after_the_retries_and_have_their_own() -> None:
    assert tried(falling({"a": ["b"]}, num_retries=2)) == "aaabbb"


def test_fallbacks_come_at_once() -> None:
    _, waits = played(falling({"a": ["b", "c"]}), lambda _: UpstreamFailed("no"))
    assert waits == [0.0, 0.0]


def test_fallbacks_of_a_fallback_come_before_the_rest_of_the_list() -> None:
    assert tried(falling({"a": ["b", "c"], "b": ["d"]})) == "abdc"


def test_fallbacks_of_the_star_serve_every_group() -> None:
    assert tried(falling({"*": ["b", "c"]})) == "abc"
    assert tried(falling({"a": ["d"], "*": ["b"]})) == "adb"


def test_default_fallbacks_serve_who_has_none() -> None:
    assert tried(falling({}, default=["b", "c"])) == "abc"
    assert tried(falling({"a": ["d"]}, default=["b"])) == "adb"


def test_fallbacks_visit_no_group_twice() -> None:
    assert tried(falling({"a": ["b"], "b": ["a", "c"], "c": ["b", "a"]})) == "abc"
    assert tried(falling({"a": ["a"]})) == "a"
    assert tried(falling({"*": ["a", "b", "b"]})) == "ab"


@pytest.mark.parametrize(("depth", "groups"), [(0, "a"), (1, "ab"), (3, "abcd"), (9, "abcdefgh")])
def test_fallbacks_go_only_so_deep(depth: int, groups: str) -> None:
    tries = falling({"a": list("bcdefgh")}, depth=depth)
    assert tried(tries) == groups
    assert tries.fallbacks == len(groups) - 1


def test_fallbacks_may_be_aliases_and_an_alias_is_its_group() -> None:
    assert tried(falling({"a": ["best", "b"]}, aliases={"best": "b"})) == "ab"
    assert tried(falling({"a": ["me", "c"]}, aliases={"me": "a"})) == "ac"


def test_fallbacks_of_an_alias_are_those_of_its_group() -> None:
    routes = Routes(
        [a_deployment("a", "a"), a_deployment("b", "b")], {"x": "a"}, Fallbacks({"a": ["b"]})
    )
    assert (
        tried(Tries("x", Rules(routes, RoutePolicy(num_retries=0), Random(1)), InOrder())) == "ab"
    )


def test_fallbacks_may_stand_behind_a_wildcard() -> None:
    routes = Routes(
        [a_deployment("a", "a"), a_deployment("w", "acme/*", model="*")],
        fallbacks=Fallbacks({"a": ["acme/x"]}),
    )
    tries = Tries("a", Rules(routes, RoutePolicy(num_retries=0), Random(1)), InOrder())
    assert tries.next() is not None
    assert tries.failed(UpstreamFailed("no")) == 0.0
    fallback = tries.next()
    assert fallback is not None
    assert (fallback.id, fallback.model) == ("w", "x")


def test_a_fallback_that_nobody_serves_is_passed_over_and_not_counted() -> None:
    tries = falling({"a": ["ghost", "b"]}, depth=1)
    assert tried(tries) == "ab"
    assert tries.fallbacks == 1
    tries = falling({"a": ["ghost"], "ghost": ["b"]})
    assert tried(tries) == "ab"
    assert tries.fallbacks == 1


def test_a_rate_limit_goes_to_the_fallback_at_once() -> None:
    busy = Overloaded("busy", 429, 1.0)
    assert tried(falling({"a": ["b"]}, num_retries=2), busy) == "abbb"


def test_a_rate_limit_tries_the_rest_of_the_group_first() -> None:
    routes = Routes(
        [a_deployment("a", "a"), a_deployment("A", "a"), a_deployment("b", "b")],
        fallbacks=Fallbacks({"a": ["b"]}),
    )
    tries = Tries("a", Rules(routes, RoutePolicy(num_retries=1), Random(1)), InOrder())
    assert tried(tries, Overloaded("busy")) == "aAbb"


@pytest.mark.parametrize(
    "tries",
    [
        falling({"a": ["ghost"]}, num_retries=2),
        falling({"a": ["a"]}, num_retries=2),
        falling({"a": ["b"]}, num_retries=2, depth=0),
    ],
)
def test_a_rate_limit_is_waited_for_where_no_fallback_can_answer(tries: Tries) -> None:
    assert tried(tries, Overloaded("busy", 429, 1.0)) == "aaa"


def test_a_rejected_call_is_not_repeated_but_may_fall_back_as_in_litellm() -> None:
    # A prompt that is too long for one model may fit another.
    assert tried(falling({"a": ["b"]}, num_retries=2), Rejected("too long")) == "ab"


def test_a_refused_credential_falls_back() -> None:
    assert tried(falling({"a": ["b"]}, num_retries=2), Denied("key")) == "ab"


def falling_for(
    error: UpstreamError, wishes: Wishes = NO_WISHES, checks: bool = False, **lists: Any
) -> str:
    """The groups that are tried for a call to "a" whose every try fails with the error."""
    groups = [a_deployment(name, name) for name in "abcde"]
    rules = Rules(
        Routes(groups, None, replace(Fallbacks({"a": ["b"]}), **lists)),
        RoutePolicy(num_retries=0, checks_fallbacks=checks),
        Random(1),
    )
    choice = InOrder()
    choice.forbidden = {"b"}
    return tried(Tries("a", rules, choice, wishes), error)


def test_long_prompts_and_refused_contents_have_fallbacks_of_their_own() -> None:
    long, refused = ContextTooLong("no"), ContentRefused("no")
    assert falling_for(long, context_window={"a": ["c"]}) == "acb"
    assert falling_for(refused, content_policy={"*": ["d"]}) == "adb"
    assert falling_for(refused, context_window={"a": ["c"]}) == "ab"
    assert falling_for(UpstreamFailed("no"), context_window={"a": ["c"]}) == "ab"


def test_the_calls_own_fallbacks_come_in_place_of_the_operators() -> None:
    own = Wishes(fallbacks=(Alternative("d"), Alternative("e")))
    assert falling_for(UpstreamFailed("no"), own) == "ade"
    assert falling_for(ContextTooLong("no"), own, context_window={"a": ["c"]}) == "adec"
    assert falling_for(UpstreamFailed("no"), Wishes(disable_fallbacks=True)) == "a"


def test_a_fallback_that_the_caller_may_not_use_is_passed_over_where_the_operator_says_so() -> None:
    assert falling_for(UpstreamFailed("no")) == "ab"
    assert falling_for(UpstreamFailed("no"), checks=True) == "a"


def test_a_providers_prefix_and_a_pattern_find_the_fallbacks_too() -> None:
    routes = Routes(
        [a_deployment("w", "acme/*", model="*"), a_deployment("b", "b")],
        fallbacks=Fallbacks({"x": ["b"], "acme/*": ["b"]}),
    )
    for name in ("acme/x", "acme/other"):
        rules = Rules(routes, RoutePolicy(num_retries=0), Random(1))
        assert tried(Tries(name, rules, InOrder())) == "wb"
