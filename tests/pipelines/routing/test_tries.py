"""The tries of one call within its group: who is next, and after which wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest

from pipelines.deployment import Deployment
from pipelines.errors import (
    ConnectFailed,
    Denied,
    FirstByteTimeout,
    Overloaded,
    Rejected,
    StreamBroken,
    Unsupported,
    UpstreamError,
    UpstreamFailed,
)
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Routes
from pipelines.routing.tries import FIRST_WAIT, LONGEST_BACKOFF, Tries
from tests.builders import a_deployment


class InOrder:
    """Chooses the first of the lowest order."""

    def choose(self, deployments: Sequence[Deployment]) -> Deployment:
        return min(deployments, key=lambda deployment: deployment.order)


class Middle(Random):
    """A random that always says one half."""

    def random(self) -> float:
        return 0.5


def tries(*deployments: Deployment, **policy: Any) -> Tries:
    return Tries("gpt", Routes(deployments), RoutePolicy(**policy), Middle())


def played(
    tried: Tries, error: Callable[[Deployment], UpstreamError], limit: int = 50
) -> tuple[list[str], list[float]]:
    """Who is tried, and after which waits, where every try fails with the error."""
    names: list[str] = []
    waits: list[float] = []
    while len(names) < limit:
        deployment = tried.next(InOrder())
        assert deployment is not None
        names.append(deployment.id)
        wait = tried.failed(error(deployment))
        if wait is None:
            return names, waits
        waits.append(wait)
    raise AssertionError("it never gives up")


def failed(_: Deployment) -> UpstreamError:
    return UpstreamFailed("no")


def not_found() -> Rejected:
    error = Rejected("no such model", 404)
    error.elsewhere = True
    return error


def test_tries_have_nothing_for_a_name_that_nobody_serves() -> None:
    tried = tries()
    assert tried.next(InOrder()) is None
    assert tried.failed(UpstreamFailed("no")) is None


def test_tries_go_on_with_another_deployment_at_once() -> None:
    names, waits = played(tries(*map(a_deployment, "abc")), failed)
    assert names == ["a", "b", "c"]
    assert waits == [0.0, 0.0]


def test_tries_come_back_to_the_same_one_after_a_wait() -> None:
    names, waits = played(tries(a_deployment("a")), failed)
    assert names == ["a", "a", "a"]
    assert waits == [0.75 * FIRST_WAIT, 0.75 * FIRST_WAIT * 2]


def test_tries_exhaust_the_group_before_they_wait() -> None:
    names, waits = played(tries(*map(a_deployment, "ab"), num_retries=4), failed)
    assert names == ["a", "b", "a", "b", "a"]
    assert waits == [0.0, 0.75 * FIRST_WAIT * 2, 0.0, 0.75 * FIRST_WAIT * 8]


def test_tries_count_further_tries_and_not_the_first() -> None:
    assert played(tries(*map(a_deployment, "abc"), num_retries=0), failed) == (["a"], [])
    assert played(tries(a_deployment("a"), num_retries=1), failed)[0] == ["a", "a"]


def test_tries_let_a_deployments_own_count_win() -> None:
    assert played(tries(a_deployment("a", max_retries=0)), failed)[0] == ["a"]
    assert played(tries(a_deployment("a", max_retries=4)), failed)[0] == ["a"] * 5


def test_tries_grow_their_waits_up_to_a_bound() -> None:
    _, waits = played(tries(a_deployment("a"), num_retries=12), failed)
    assert waits == sorted(waits)
    assert waits[-1] == 0.75 * LONGEST_BACKOFF


def test_tries_spread_their_waits() -> None:
    def first_wait(seed: int) -> float:
        tried = Tries("gpt", Routes([a_deployment()]), RoutePolicy(), Random(seed))
        return played(tried, failed)[1][0]

    waits = {first_wait(seed) for seed in range(50)}
    assert len(waits) == 50
    assert all(FIRST_WAIT / 2 <= wait <= FIRST_WAIT for wait in waits)


def test_tries_wait_as_long_as_the_provider_asks() -> None:
    _, waits = played(tries(a_deployment("a")), lambda _: Overloaded("busy", 429, 7.0))
    assert waits == [7.0, 7.0]


def test_tries_wait_at_least_as_long_as_the_operator_says() -> None:
    busy = Overloaded("busy", 429, 1.0)
    assert played(tries(a_deployment("a"), retry_after=3.0), failed)[1] == [3.0, 3.0]
    assert played(tries(a_deployment("a"), retry_after=3.0), lambda _: busy)[1] == [3.0, 3.0]


def test_tries_take_a_wait_of_zero_for_none() -> None:
    # As LiteLLM: "Retry-After: 0" would have a busy provider asked again in the same moment.
    _, waits = played(tries(a_deployment("a")), lambda _: Overloaded("busy", 429, 0.0))
    assert waits[0] == 0.75 * FIRST_WAIT


@pytest.mark.parametrize(("asked", "names"), [(60.0, ["a", "a", "a"]), (60.1, ["a"])])
def test_tries_give_up_where_the_wait_would_be_too_long(asked: float, names: list[str]) -> None:
    got, _ = played(tries(a_deployment("a")), lambda _: Overloaded("busy", 429, asked))
    assert got == names


def test_tries_ask_another_deployment_at_once_however_long_the_first_wants_to_wait() -> None:
    errors = {"a": Overloaded("busy", 429, 600.0), "b": UpstreamFailed("no")}
    tried = tries(*map(a_deployment, "ab"), num_retries=1)
    assert played(tried, lambda one: errors[one.id]) == (["a", "b"], [0.0])


@pytest.mark.parametrize(
    "error",
    [
        ConnectFailed("no"),
        UpstreamFailed("no"),
        FirstByteTimeout("no"),
        Overloaded("no"),
        Overloaded("no", 503),
    ],
)
def test_tries_repeat_what_may_pass(error: UpstreamError) -> None:
    assert played(tries(a_deployment("a")), lambda _: error)[0] == ["a", "a", "a"]


@pytest.mark.parametrize("error", [Rejected("bad"), StreamBroken("cut")])
def test_tries_do_not_repeat_what_will_fail_everywhere(error: UpstreamError) -> None:
    assert played(tries(*map(a_deployment, "abc")), lambda _: error) == (["a"], [])


@pytest.mark.parametrize("error", [Denied("key"), not_found()])
def test_tries_go_elsewhere_and_never_back_with_what_fails_here(error: UpstreamError) -> None:
    tried = tries(*map(a_deployment, "abc"), num_retries=9)
    assert played(tried, lambda _: error) == (["a", "b", "c"], [0.0, 0.0])


def test_tries_come_back_only_to_those_that_may_recover() -> None:
    errors = {"a": Denied("key"), "b": UpstreamFailed("no")}
    tried = tries(*map(a_deployment, "ab"), num_retries=3)
    assert played(tried, lambda one: errors[one.id])[0] == ["a", "b", "b", "b"]


def test_tries_come_back_when_only_the_last_one_was_hopeless() -> None:
    errors = {"a": UpstreamFailed("no"), "b": Denied("key")}
    names, waits = played(tries(*map(a_deployment, "ab")), lambda one: errors[one.id])
    assert names == ["a", "b", "a"]
    assert waits[1] > 0


def test_tries_go_up_the_orders() -> None:
    group = [
        a_deployment("late", order=3),
        a_deployment("first", order=1),
        a_deployment("second", order=2),
    ]
    assert played(tries(*group), failed)[0] == ["first", "second", "late"]


def test_tries_of_a_wildcard_ask_for_the_concrete_model() -> None:
    routes = Routes([a_deployment("w", "acme/*", model="*")])
    tried = Tries("acme/x", routes, RoutePolicy(), Random(1))
    deployment = tried.next(InOrder())
    assert deployment is not None
    assert deployment.model == "x"


def test_to_ask_one_that_can_is_no_retry() -> None:
    deployments = [a_deployment(name, order=order) for order, name in enumerate("abc")]
    tried = tries(*deployments, num_retries=0)
    names = []
    for expected in (0.0, 0.0, None):
        deployment = tried.next(InOrder())
        assert deployment is not None
        names.append(deployment.id)
        assert tried.failed(Unsupported("sound", "Acme")) == expected
    assert names == ["a", "b", "c"]
