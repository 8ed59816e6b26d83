"""Every attempt is in the books once, and only what it shows is learned."""

from __future__ import annotations

from pipelines.errors import BadCall, ConnectFailed, Denied, FirstByteTimeout, GatewayError
from pipelines.exchange import Attempt, Exchange
from pipelines.routing.attempts import Attempts
from pipelines.routing.filters import View
from pipelines.routing.health import Health, Rest
from pipelines.routing.wishes import NO_WISHES
from tests.builders import a_deployment, a_stream_call, an_exchange
from tests.fakes.ports import FakeClock

ONE = a_deployment("a")


def begun(view: View, clock: FakeClock) -> tuple[Attempts, Exchange, Attempt]:
    books, exchange = Attempts(view, clock), an_exchange(a_stream_call())
    return books, exchange, books.begin(exchange, ONE)


def ended(error: GatewayError, hurried: bool = False) -> bool:
    """Whether such an end speaks against the deployment."""
    clock, view = FakeClock(), View(Health())
    books, exchange, attempt = begun(view, clock)
    books.failed(exchange, attempt, error, False, hurried)
    assert view.traffic.seen("a", clock.time()).in_flight == 0
    return not view.health.clean(ONE, clock.time())


def test_an_attempt_is_in_flight_until_it_ends() -> None:
    clock, view = FakeClock(), View(Health())
    books, exchange, attempt = begun(view, clock)
    assert view.traffic.seen("a", clock.time()).in_flight == 1
    books.answered(attempt)
    books.succeeded(exchange, attempt, NO_WISHES)
    assert view.traffic.seen("a", clock.time()).in_flight == 0
    assert attempt.committed
    assert view.traffic.latency("a", True, 0.0, 10) == 0.0


def test_failures_count_but_a_clients_mistake_and_hurry_do_not() -> None:
    assert ended(ConnectFailed("no"))
    assert ended(FirstByteTimeout("late"))
    assert not ended(FirstByteTimeout("late"), hurried=True)
    assert not ended(BadCall("no"))


def test_a_first_byte_ends_a_rest_that_is_over() -> None:
    clock, view = FakeClock(), View(Health())
    view.health.heard({"a": Rest(clock.time(), "it was down")})
    books, _, attempt = begun(view, clock)
    assert view.health.probing
    books.answered(attempt)
    assert not view.health.resting


def test_a_client_that_leaves_says_nothing() -> None:
    clock, view = FakeClock(), View(Health())
    view.health.heard({"a": Rest(clock.time(), "it was down")})
    books, exchange, attempt = begun(view, clock)
    books.left(exchange, attempt)
    assert view.health.resting
    assert not view.health.probing


def test_the_reason_of_a_rest_repeats_no_prompt() -> None:
    clock, view = FakeClock(), View(Health())
    books, exchange, attempt = begun(view, clock)
    said = exchange.call.json["messages"][0]
    said["content"] = "the cat is called Grane"
    books.failed(exchange, attempt, Denied("no key for 'the cat is called Grane'"), False, False)
    rest = view.health.rest("a", clock.time())
    assert rest is not None
    assert rest.reason.endswith("no key for '[…]'")
