"""Route knows who rests, keeps to the deadline, and hears what the call itself wants."""

from __future__ import annotations

import asyncio

from pipelines.errors import NoDeployment, OutOfTime, Overloaded, StreamBroken, UpstreamFailed
from pipelines.events import Data
from pipelines.routing.health import Health
from pipelines.routing.health import Rest as Rested
from pipelines.routing.policy import Cooldowns
from pipelines.routing.retry_budget import RetryBudget
from pipelines.routing.routes import Fallbacks, Routes
from tests.builders import a_body, a_call, a_deployment, a_head, left_after
from tests.pipelines.stages.test_route import GOOD, Call


def test_route_tells_when_all_rest_and_calls_nobody() -> None:
    call = Call(GOOD, routes=Routes([a_deployment("a")]))
    call.health.heard({"a": Rested(call.clock.time() + 7, "it is down")})
    error = call.fails()
    assert isinstance(error, NoDeployment)
    assert (error.status, error.retry_after, call.tried) == (429, 7.0, [])


def test_route_leaves_out_who_rests() -> None:
    for _ in range(20):
        call = Call(GOOD)
        call.health.heard({"a": Rested(call.clock.time() + 7, "it is down")})
        call.run()
        assert call.tried == ["b"]


def test_route_takes_a_call_whose_group_rests_to_the_fallback() -> None:
    routes = Routes(
        [a_deployment("a"), a_deployment("b", "other")], fallbacks=Fallbacks({"gpt": ["other"]})
    )
    call = Call(GOOD, routes=routes)
    call.health.heard({"a": Rested(call.clock.time() + 7, "it is down")})
    call.run()
    assert (call.tried, call.exchange.fallbacks) == (["b"], 1)
    assert call.exchange.attempts[0].kind == "fallback"


def test_route_begins_nothing_that_the_deadline_cannot_hold() -> None:
    call = Call((UpstreamFailed("no"),), GOOD, whole=5.0)
    call.clock.now += 5.0
    error = call.fails()
    assert isinstance(error, OutOfTime)
    assert error.status == 504
    assert error.message.endswith("The last try ended so: no")
    assert len(call.tried) == 1


def test_route_does_not_wait_past_the_deadline() -> None:
    busy = Overloaded("busy", 429, 30.0)
    call = Call((busy,), GOOD, routes=Routes([a_deployment("a")]), whole=20.0)
    assert call.fails() is busy
    assert call.clock.sleeps == []


def test_route_gives_each_attempt_its_time() -> None:
    call = Call(GOOD, whole=20.0)
    call.run()
    assert call.exchange.patience == 15.0


def test_route_hears_what_the_call_wants() -> None:
    call = Call((UpstreamFailed("no"),), call=a_call(a_body(num_retries=0)))
    call.fails()
    assert len(call.tried) == 1


def test_route_takes_the_calls_own_fallbacks_with_their_fields() -> None:
    routes = Routes([a_deployment("a"), a_deployment("b", "other")])
    body = a_body(num_retries=0, fallbacks=[{"model": "other", "temperature": 0.5}])
    call = Call((UpstreamFailed("no"),), GOOD, routes=routes, call=a_call(body))
    call.run()
    assert call.tried == ["a", "b"]
    assert call.exchange.call.json["temperature"] == 0.5
    assert call.exchange.call.model == "gpt"


def test_route_falls_back_nowhere_where_the_call_does_not_want_it() -> None:
    routes = Routes(
        [a_deployment("a"), a_deployment("b", "other")], fallbacks=Fallbacks({"gpt": ["other"]})
    )
    body = a_body(num_retries=0, disable_fallbacks=True)
    call = Call((UpstreamFailed("no"),), routes=routes, call=a_call(body))
    call.fails()
    assert call.tried == ["a"]


def test_route_tells_that_the_retries_are_used_up() -> None:
    budget = RetryBudget(floor=0)
    call = Call((UpstreamFailed("no"),), routes=Routes([a_deployment("a")]), budget=budget)
    error = call.fails()
    assert (len(call.tried), error.hopeless) == (1, True)
    assert error.details == {"retry_budget": "used up"}


def test_route_keeps_a_storm_of_failures_from_being_multiplied() -> None:
    budget, health, tried = RetryBudget(), Health(Cooldowns(disabled=True)), 0
    for _ in range(500):
        call = Call((UpstreamFailed("no"),), budget=budget, health=health)
        call.fails()
        tried += len(call.tried)
    assert tried <= 500 * 1.2 + 12


def test_route_says_nothing_of_a_deployment_whose_client_left() -> None:
    call = Call((a_head(), Data(b"a"), Data(b"b")), routes=Routes([a_deployment("a")]))
    call.health.heard({"a": Rested(call.clock.time(), "it was down")})
    asyncio.run(left_after(call.flow(), 1))
    assert not call.health.probing


def test_route_lets_a_stream_that_never_began_begin_elsewhere() -> None:
    call = Call((a_head(), StreamBroken("cut")), GOOD)
    assert call.run() == list(GOOD)
