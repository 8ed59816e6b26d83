"""The tries of one call within its group: who is next, and after which wait."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from random import Random
from typing import Any

import pytest

from pipelines.deployment import Deployment
from pipelines.errors import (
    ConnectFailed,
    Denied,
    FirstByteTimeout,
    GatewayError,
    Overloaded,
    Rejected,
    StreamBroken,
    Unsupported,
    UpstreamError,
    UpstreamFailed,
)
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Routes
from pipelines.routing.tries import FIRST_WAIT, LONGEST_BACKOFF, LONGEST_JITTER, Rules, Tries
from tests.builders import a_deployment


class InOrder:
    """Chooses the first of the lowest order; nothing rests but what is said to."""

    def __init__(self) -> None:
        self.pauses: dict[str, float] = {}
        self.rousable: set[str] = set()
        self.forbidden: set[str] = set()
        self.refusal: GatewayError | None = None
        self.left = 1000
        self.asked: list[list[str]] = []

    def kept(
        self, members: Sequence[Deployment], closed: Collection[str]
    ) -> tuple[Deployment, ...]:
        awake = [one for one in members if one.id not in self.pauses]
        lowest = min((one.order for one in awake), default=0)
        return tuple(one for one in awake if one.order == lowest and one.id not in closed)

    def roused(
        self, members: Sequence[Deployment], tried: Collection[str]
    ) -> tuple[Deployment, ...]:
        return tuple(one for one in members if one.id in self.rousable and one.id not in tried)

    def choose(self, kept: tuple[Deployment, ...]) -> Deployment:
        return kept[0]

    def pause(self, deployment: Deployment) -> float:
        return self.pauses.get(deployment.id, 0.0)

    def spend(self, targets: Iterable[Deployment]) -> bool:
        self.asked.append([one.id for one in targets])
        self.left -= 1
        return self.left >= 0

    def may_use(self, model: str) -> bool:
        return model not in self.forbidden


class Middle(Random):
    """A random that always says one half."""

    def random(self) -> float:
        return 0.5


def rules(*deployments: Deployment, **policy: Any) -> Rules:
    return Rules(Routes(deployments), RoutePolicy(**policy), Middle())


def tries(*deployments: Deployment, **policy: Any) -> Tries:
    return Tries("gpt", rules(*deployments, **policy), InOrder())


def played(
    tried: Tries, error: Callable[[Deployment], UpstreamError], limit: int = 50
) -> tuple[list[str], list[float]]:
    """Who is tried, and after which waits, where every try fails with the error."""
    names: list[str] = []
    waits: list[float] = []
    while len(names) < limit:
        deployment = tried.next()
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
    assert tried.next() is None
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
        tried = Tries(
            "gpt", Rules(Routes([a_deployment()]), RoutePolicy(), Random(seed)), InOrder()
        )
        return played(tried, failed)[1][0]

    waits = {first_wait(seed) for seed in range(50)}
    assert len(waits) == 50
    assert all(FIRST_WAIT / 2 <= wait <= FIRST_WAIT for wait in waits)


def test_tries_wait_as_long_as_the_provider_asks() -> None:
    _, waits = played(tries(a_deployment("a")), lambda _: Overloaded("busy", 429, 7.0))
    assert waits == [7.0 + 0.5 * 0.7] * 2
    _, waits = played(tries(a_deployment("a")), lambda _: Overloaded("busy", 429, 20.0))
    assert waits == [20.0 + 0.5 * LONGEST_JITTER] * 2


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
        StreamBroken("it never began"),
        Overloaded("no"),
        Overloaded("no", 503),
    ],
)
def test_tries_repeat_what_may_pass(error: UpstreamError) -> None:
    assert played(tries(a_deployment("a")), lambda _: error)[0] == ["a", "a", "a"]


def test_tries_do_not_repeat_what_will_fail_everywhere() -> None:
    error = Rejected("bad")
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
    assert played(tries(*group, num_retries=0), failed)[0] == ["first", "second", "late"]


def test_tries_go_up_the_orders_after_the_retries_which_do_not_wait_then() -> None:
    group = [a_deployment("a", order=1), a_deployment("b", order=2)]
    names, waits = played(tries(*group, num_retries=1), failed)
    assert names == ["a", "a", "b", "b"]
    assert waits == [0.0, 0.0, 0.75 * FIRST_WAIT]


def test_tries_go_up_at_once_where_the_lowest_order_rests() -> None:
    choice = InOrder()
    group = [a_deployment("a", order=1), a_deployment("b", order=2)]
    tried = Tries("gpt", rules(*group), choice)
    assert tried.next() is group[0]
    choice.pauses["a"] = 5.0
    assert tried.failed(UpstreamFailed("no")) == 0.0
    assert tried.next() is group[1]


def test_tries_of_a_wildcard_ask_for_the_concrete_model() -> None:
    routes = Routes([a_deployment("w", "acme/*", model="*")])
    tried = Tries("acme/x", Rules(routes, RoutePolicy(), Random(1)), InOrder())
    deployment = tried.next()
    assert deployment is not None
    assert deployment.model == "x"


def test_to_ask_one_that_can_is_no_retry() -> None:
    deployments = [a_deployment(name, order=order) for order, name in enumerate("abc")]
    tried = tries(*deployments, num_retries=0)
    names = []
    for expected in (0.0, 0.0, None):
        deployment = tried.next()
        assert deployment is not None
        names.append(deployment.id)
        assert tried.failed(Unsupported("sound", "Acme")) == expected
    assert names == ["a", "b", "c"]


def test_one_more_is_asked_beside_the_current_one_and_never_again() -> None:
    tried = tries(a_deployment("a"), a_deployment("b"), num_retries=0)
    first = tried.next()
    beside = tried.beside()
    assert first is not None
    assert beside is not None
    assert (first.id, beside.id, tried.current) == ("a", "b", first)
    assert tried.beside() is None
    assert tried.failed(UpstreamFailed("no")) is None


def test_nobody_is_asked_beside_one_that_is_alone_or_of_another_order() -> None:
    for group in ([a_deployment("a")], [a_deployment("a"), a_deployment("b", order=1)]):
        tried = tries(*group)
        tried.next()
        assert tried.beside() is None


def test_nobody_is_asked_beside_where_no_retry_can_be_paid_for() -> None:
    choice = InOrder()
    choice.left = 0
    tried = Tries("gpt", rules(a_deployment("a"), a_deployment("b")), choice)
    tried.next()
    assert tried.beside() is None
    # That one is well makes it no cheaper.
    assert choice.asked == [[]]


def test_a_call_that_fails_all_the_same_rouses_one_that_rests() -> None:
    choice = InOrder()
    choice.pauses, choice.rousable = {"b": 60.0}, {"b"}
    tried = Tries("gpt", rules(*map(a_deployment, "ab"), num_retries=0), choice)
    assert played(tried, failed)[0] == ["a", "b"]


def test_nobody_is_roused_where_no_retry_can_be_paid_for() -> None:
    choice = InOrder()
    choice.pauses, choice.rousable, choice.left = {"b": 60.0}, {"b"}, 0
    tried = Tries("gpt", rules(*map(a_deployment, "ab"), num_retries=0), choice)
    assert played(tried, failed)[0] == ["a"]
