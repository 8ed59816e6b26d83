"""Route tries again until the first byte has left the house, and never after it."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from pipelines.call import Call as Asked
from pipelines.errors import (
    BadCall,
    Denied,
    GatewayError,
    Overloaded,
    Rejected,
    StreamBroken,
    UnknownModel,
    Unsupported,
    UpstreamFailed,
)
from pipelines.events import Data, End, Event, Flow
from pipelines.exchange import Exchange
from pipelines.routing.choice import Chooser
from pipelines.routing.filters import View
from pipelines.routing.health import Health
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.retry_budget import RetryBudget
from pipelines.routing.routes import Fallbacks, Routes
from pipelines.routing.strategies import Means, SimpleShuffle
from pipelines.routing.tries import Rules
from pipelines.stages.route import Route
from pipelines.usage import NO_USAGE
from tests.builders import (
    Rest,
    Step,
    a_body,
    a_call,
    a_deployment,
    a_head,
    a_principal,
    an_exchange,
    flow_of,
    left_after,
    taken,
)
from tests.fakes.ports import FakeClock

GOOD: tuple[Event, ...] = (a_head(), Data(b"a"), End(NO_USAGE))


def a_route(
    routes: Routes,
    clock: FakeClock,
    policy: RoutePolicy | None = None,
    health: Health | None = None,
    budget: RetryBudget | None = None,
) -> Route:
    """The stage, which chooses by chance."""
    random = Random(4)
    view = View(health or Health())
    strategy = SimpleShuffle(Means(view.traffic, random))
    chooser = Chooser(view, strategy, clock, budget or RetryBudget())
    return Route(Rules(routes, policy or RoutePolicy(), random), chooser)


class Call:
    """One call through route, and what became of it."""

    def __init__(
        self,
        *scripts: tuple[Step, ...],
        routes: Routes | None = None,
        call: Asked | None = None,
        budget: RetryBudget | None = None,
        health: Health | None = None,
        **policy: Any,
    ) -> None:
        self.clock = FakeClock()
        self.rest = Rest(*scripts)
        self.exchange = an_exchange(call, a_principal())
        self.events: list[Event] = []
        self.tried: list[str] = []
        routes = routes or Routes([a_deployment("a"), a_deployment("b")])
        self.health = health or Health()
        self._route = a_route(routes, self.clock, RoutePolicy(**policy), self.health, budget)

    def flow(self) -> Flow:
        return self._route(self.exchange, self._proceed)

    def run(self) -> list[Event]:
        return asyncio.run(taken(self.flow(), self.events))

    def fails(self) -> GatewayError:
        with pytest.raises(GatewayError) as raised:
            self.run()
        return raised.value

    def _proceed(self) -> Flow:
        self.tried.append(self.exchange.deployment.id)
        return self.rest()


def unknown_to(models: list[str] | None, routes: Routes) -> str:
    """The message for a caller of these models who asks for one that nobody serves."""
    exchange = an_exchange(a_call(a_body("nobody")), a_principal(models=models))
    route = a_route(routes, FakeClock())
    with pytest.raises(UnknownModel) as raised:
        asyncio.run(taken(route(exchange, flow_of())))
    assert raised.value.status == 404
    return raised.value.message


def test_route_passes_the_very_same_events() -> None:
    call = Call(GOOD)
    assert [id(event) for event in call.run()] == [id(event) for event in GOOD]
    assert call.clock.sleeps == []


def test_route_holds_the_head_until_a_byte_proves_the_target() -> None:
    call = Call((a_head(), UpstreamFailed("died")), GOOD)
    assert call.run() == list(GOOD)
    assert len(call.exchange.attempts) == 2
    assert call.clock.sleeps == []


def test_route_tries_again_when_nothing_came_at_all() -> None:
    call = Call((UpstreamFailed("no"),), GOOD)
    assert call.run() == list(GOOD)
    assert sorted(call.tried) == ["a", "b"]


def test_route_never_tries_again_after_the_first_byte() -> None:
    error = UpstreamFailed("died")
    call = Call((a_head(), Data(b"a"), error), GOOD)
    assert call.fails() is error
    assert call.events == [a_head(), Data(b"a")]
    assert len(call.tried) == 1


def test_route_does_not_go_on_after_a_broken_stream() -> None:
    error = StreamBroken("cut")
    call = Call((a_head(), Data(b"a"), error), GOOD)
    assert call.fails() is error
    assert call.exchange.attempts[0].committed


def test_route_gives_an_empty_reply_as_it_is() -> None:
    assert Call((a_head(), End(NO_USAGE))).run() == [a_head(), End(NO_USAGE)]


def test_route_remembers_every_attempt() -> None:
    first, second = UpstreamFailed("one"), UpstreamFailed("two")
    call = Call((first,), (a_head(), second), GOOD, num_retries=2)
    call.run()
    attempts = call.exchange.attempts
    assert [attempt.error for attempt in attempts] == [first, second, None]
    assert [attempt.committed for attempt in attempts] == [False, False, True]
    assert [attempt.deployment.id for attempt in attempts] == call.tried
    assert all(attempt.ended is not None for attempt in attempts)


def test_route_tells_when_the_first_byte_came() -> None:
    call = Call((UpstreamFailed("no"),), GOOD, routes=Routes([a_deployment("a")]))
    call.run()
    first, second = call.exchange.attempts
    assert (first.started, first.first_byte, first.ended) == (100.0, None, 100.0)
    assert second.started == second.first_byte == second.ended == 100.0 + call.clock.sleeps[0]


def test_route_waits_before_it_asks_the_same_one_again() -> None:
    call = Call((UpstreamFailed("no"),), GOOD, routes=Routes([a_deployment("a")]))
    call.run()
    (wait,) = call.clock.sleeps
    assert 0 < wait <= 0.1


def test_route_waits_as_long_as_the_provider_asks() -> None:
    busy = Overloaded("busy", 429, 7.0)
    call = Call((busy,), GOOD, routes=Routes([a_deployment("a")]))
    call.run()
    (wait,) = call.clock.sleeps
    assert 7.0 <= wait <= 7.75


def test_route_gives_up_at_once_where_the_provider_asks_for_too_long() -> None:
    busy = Overloaded("busy", 429, 3600.0)
    call = Call((busy,), GOOD, routes=Routes([a_deployment("a")]))
    assert call.fails() is busy
    assert call.clock.sleeps == []


def test_route_gives_the_client_the_last_error() -> None:
    errors = [UpstreamFailed("one"), UpstreamFailed("two"), Overloaded("three")]
    call = Call(*((error,) for error in errors))
    assert call.fails() is errors[-1]
    assert len(call.tried) == 3


def test_route_does_not_repeat_a_call_that_is_wrong_in_itself() -> None:
    error = Rejected("too long")
    call = Call((error,), GOOD)
    assert call.fails() is error
    assert len(call.tried) == 1


def test_route_takes_a_refused_credential_elsewhere() -> None:
    call = Call((Denied("key"),), GOOD)
    assert call.run() == list(GOOD)


def test_route_takes_a_feature_that_is_missing_elsewhere() -> None:
    # One deployment of the group may be of a provider that has no embeddings.
    call = Call((Unsupported("the operation 'embeddings'", "Acme"),), GOOD)
    assert call.run() == list(GOOD)
    assert call.clock.sleeps == []


def test_route_tells_that_a_feature_is_missing_everywhere() -> None:
    error = Unsupported("the operation 'embeddings'", "Acme")
    call = Call((error,), num_retries=5)
    assert call.fails() is error
    assert sorted(call.tried) == ["a", "b"]


def test_route_does_not_repeat_what_is_no_fault_of_a_provider() -> None:
    error = BadCall("no")
    call = Call((error,), GOOD)
    assert call.fails() is error
    assert len(call.tried) == 1


def test_route_falls_back_and_counts_it() -> None:
    routes = Routes(
        [a_deployment("a"), a_deployment("b", "other")],
        fallbacks=Fallbacks({"gpt": ["other"]}),
    )
    call = Call(
        (UpstreamFailed("no"),), (UpstreamFailed("no"),), GOOD, routes=routes, num_retries=1
    )
    assert call.run() == list(GOOD)
    assert call.tried == ["a", "a", "b"]
    assert call.exchange.fallbacks == 1


def test_route_counts_no_fallback_that_was_not_tried() -> None:
    routes = Routes([a_deployment("a")], fallbacks=Fallbacks({"gpt": ["ghost"]}))
    call = Call((UpstreamFailed("no"),), routes=routes, num_retries=0)
    call.fails()
    assert (call.exchange.fallbacks, call.tried) == (0, ["a"])


def test_route_takes_a_rate_limit_to_the_fallback_without_waiting() -> None:
    routes = Routes(
        [a_deployment("a"), a_deployment("b", "other")],
        fallbacks=Fallbacks({"gpt": ["other"]}),
    )
    call = Call((Overloaded("busy", 429, 5.0),), GOOD, routes=routes)
    call.run()
    assert (call.tried, call.clock.sleeps) == (["a", "b"], [])


def test_route_leaves_nothing_of_a_failed_attempt_to_the_next() -> None:
    call = Call((UpstreamFailed("no"),), GOOD)
    seen: list[object] = []

    def proceed() -> Flow:
        seen.append(call.exchange._upstream)
        call.exchange._upstream = object()  # type: ignore[assignment]
        return call.rest()

    route = a_route(Routes([a_deployment("a")]), FakeClock())
    asyncio.run(taken(route(call.exchange, proceed)))
    assert seen == [None, None]


def test_route_has_its_books_in_order_when_it_is_closed_midway() -> None:
    call = Call((a_head(), Data(b"a"), Data(b"b")))
    asyncio.run(left_after(call.flow(), 2))
    (attempt,) = call.exchange.attempts
    assert attempt.committed
    assert (attempt.first_byte, attempt.error) == (100.0, None)
    assert len(call.tried) == 1


def test_route_does_not_try_again_when_it_is_cancelled() -> None:
    call = Call((asyncio.CancelledError(),), GOOD)
    with pytest.raises(asyncio.CancelledError):
        call.run()
    assert len(call.tried) == 1


def test_route_names_what_the_caller_may_use() -> None:
    routes = Routes(
        [a_deployment("a"), a_deployment("b", "other"), a_deployment("w", "acme/*", model="*")],
        hidden=frozenset({"other"}),
    )
    assert unknown_to(None, routes) == (
        "The model 'nobody' does not exist. Models you may use: 'gpt', 'acme/*'."
    )
    assert unknown_to(["gpt", "nobody"], routes) == (
        "The model 'nobody' does not exist. Models you may use: 'gpt'."
    )
    assert unknown_to(["nobody"], routes) == (
        "The model 'nobody' does not exist. No model is configured for you."
    )


def test_route_names_ten_models_at_most() -> None:
    routes = Routes([a_deployment(str(number), f"m{number}") for number in range(30)])
    assert unknown_to(None, routes).count("'m") == 10


def test_route_gives_each_attempt_its_own_deployment() -> None:
    exchange: Exchange = Call((UpstreamFailed("no"),), GOOD).exchange
    with pytest.raises(GatewayError):
        _ = exchange.deployment
