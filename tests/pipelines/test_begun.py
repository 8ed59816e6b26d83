"""A call that has begun leaves a record that would do if it never ended."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.begun import begun
from pipelines.exchange import Exchange
from pipelines.usage import NO_USAGE, Usage
from tests.builders import a_deployment, a_principal, a_stream_call, an_exchange


@dataclass
class Watching:
    """A gauge that knows what was consumed until now."""

    usage: Usage


def an_open_exchange() -> Exchange:
    call = a_stream_call()
    assert call.streaming
    return an_exchange(call, a_principal("ann"), a_deployment())


def test_it_tells_who_called_whom() -> None:
    record = begun(an_open_exchange(), 200, 101.5)
    assert (record.id, record.operation, record.outcome) == ("call-1", "chat", "orphaned")
    assert (record.key, record.deployment, record.streaming) == ("ann", "d1", True)
    assert (record.status, record.duration) == (200, 1.5)
    assert record.model == record.model_group == "gpt"


def test_it_tells_what_was_consumed_until_now_and_leaves_the_call_as_it_is() -> None:
    exchange = an_open_exchange()
    exchange.gauge = Watching(Usage(7, 9, estimated=True))
    assert begun(exchange, 200, 101.0).usage == Usage(7, 9, estimated=True)
    assert (exchange.usage, exchange.cost) == (NO_USAGE, None)


def test_what_attempts_before_have_cost_is_counted_too() -> None:
    exchange = an_open_exchange()
    exchange.usage, exchange.cost = Usage(1, 2), 30
    exchange.attempt(exchange.deployment, 101.0)
    exchange.gauge = Watching(Usage(7, 9, estimated=True))
    record = begun(exchange, 200, 102.0)
    assert record.usage == Usage(8, 11, estimated=True)
    assert (record.cost, record.cost_source) == (None, "unknown")


def test_a_call_without_a_provider_has_what_it_says_itself() -> None:
    exchange = an_exchange(a_stream_call(), a_principal())
    exchange.cost, exchange.cost_source = 0, "table"
    record = begun(exchange, 200, 101.0)
    assert (record.cost, record.deployment, record.usage) == (0, None, NO_USAGE)
