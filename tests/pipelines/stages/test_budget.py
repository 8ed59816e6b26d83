"""Budget holds what a call may cost, meters it, and settles it whatever happens."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.allowance import Allowance, Budget
from pipelines.deployment import Deployment
from pipelines.errors import OverBudget, UpstreamFailed
from pipelines.events import Data, End, Event, Flow
from pipelines.exchange import Exchange, Principal
from pipelines.ledger import Ledger
from pipelines.money import Prices, cost
from pipelines.usage import NO_USAGE, Usage
from proxy.stores.ledger.memory import MemoryLedger
from tests.builders import (
    a_deployment,
    a_head,
    a_stream_call,
    an_exchange,
    flow_of,
    left_after,
    taken,
)
from tests.fakes.ports import FakeClock, a_budget

PRICES = Prices(prompt=1_000_000, completion=2_000_000)
SPENT = Usage(prompt_tokens=9, completion_tokens=12)


def a_caller(limit: int | None = 10**9) -> Principal:
    return Principal("tester", allowances=(Allowance("key:1", "Key=t", (Budget(limit),)),))


def a_priced() -> Deployment:
    return a_deployment(prices=PRICES)


def a_capped_exchange(tokens: int = 100, limit: int | None = 10**9) -> Exchange:
    return an_exchange(a_stream_call(max_tokens=tokens), a_caller(limit))


class Meter:
    def __init__(self, usage: Usage) -> None:
        self.usage = usage


def routed(exchange: Exchange, *events: Event, usage: Usage | None = SPENT) -> Flow:
    """The rest of the chain: takes the reservation, speaks, and accounts for it."""

    async def flow() -> Flow:
        deployment = a_priced()
        exchange.attempt(deployment, 100.0)
        assert exchange.reservation is not None
        await exchange.reservation.take(deployment)
        try:
            for event in events:
                yield event
        finally:
            if usage is not None:
                exchange.usage, exchange.cost = usage, cost(usage, PRICES)

    return flow()


async def books(ledger: Ledger) -> tuple[int, int]:
    await ledger.flush()
    found = (await ledger.balances(["key:1"]))["key:1"]
    return found.spent, found.held


def test_budget_passes_the_very_same_events() -> None:
    events = (a_head(), Data(b"a"), End(NO_USAGE))
    got = asyncio.run(taken(a_budget()(an_exchange(), flow_of(*events))))
    assert [id(event) for event in got] == [id(event) for event in events]


def test_budget_lets_an_error_through() -> None:
    error = UpstreamFailed("no")
    with pytest.raises(UpstreamFailed) as raised:
        asyncio.run(taken(a_budget()(an_exchange(), flow_of(error))))
    assert raised.value is error


def test_budget_yields_nothing_more_once_it_is_closed_midway() -> None:
    rest = flow_of(a_head(), Data(b"a"), Data(b"b"))
    got = asyncio.run(left_after(a_budget()(an_exchange(), rest), 2))
    assert got == [a_head(), Data(b"a")]
    assert rest.opened == 1


async def test_what_a_call_can_cost_is_held_while_it_runs_and_settled_at_its_end() -> None:
    ledger = MemoryLedger(FakeClock())
    exchange = a_capped_exchange()
    flow = a_budget(ledger)(exchange, lambda: routed(exchange, a_head(), End(SPENT)))
    await anext(flow)
    spent, held = await books(ledger)
    assert spent == 0
    assert held >= cost(Usage(prompt_tokens=9, completion_tokens=100), PRICES)
    assert [event async for event in flow] == [End(SPENT)]
    assert await books(ledger) == (cost(SPENT, PRICES), 0)


async def test_budget_settles_what_was_seen_when_the_client_leaves() -> None:
    ledger = MemoryLedger(FakeClock())
    exchange = a_capped_exchange()
    flow = a_budget(ledger)(exchange, lambda: routed(exchange, a_head(), Data(b"a"), Data(b"b")))
    await anext(flow)
    await anext(flow)
    exchange.usage, exchange.cost = SPENT, 3
    await flow.aclose()
    assert await books(ledger) == (3, 0)


async def test_an_exhausted_budget_refuses_before_anything_is_sent() -> None:
    ledger = MemoryLedger(FakeClock())
    exchange = a_capped_exchange(limit=0)
    flow = a_budget(ledger)(exchange, lambda: routed(exchange, a_head()))
    with pytest.raises(OverBudget, match=r"Budget has been exceeded! Key=t Current cost: 0") as no:
        await anext(flow)
    assert (no.value.status, no.value.type) == (400, "budget_exceeded")
    assert await books(ledger) == (0, 0)


async def test_a_reply_that_outgrows_what_is_left_is_ended() -> None:
    ledger = MemoryLedger(FakeClock())
    exchange = a_capped_exchange(tokens=16, limit=200_000)
    long = [Data(b"x" * 4000)] * 2
    flow = a_budget(ledger)(exchange, lambda: routed(exchange, a_head(), *long, usage=Usage(9, 80)))
    await anext(flow)
    exchange.gauge = Meter(Usage(9, 800))
    with pytest.raises(OverBudget):
        async for _ in flow:
            pass
    assert (await books(ledger))[1] == 0


async def test_a_reply_that_outgrows_its_hold_goes_on_while_there_is_money() -> None:
    ledger = MemoryLedger(FakeClock())
    exchange = a_capped_exchange(tokens=16)
    flow = a_budget(ledger)(
        exchange, lambda: routed(exchange, a_head(), Data(b"x" * 4000), End(SPENT))
    )
    await anext(flow)
    before = (await books(ledger))[1]
    exchange.gauge = Meter(Usage(9, 800))
    await anext(flow)
    assert (await books(ledger))[1] > before + cost(Usage(0, 700), PRICES)
    assert [event async for event in flow] == [End(SPENT)]
    assert await books(ledger) == (cost(SPENT, PRICES), 0)


async def test_a_reply_that_outgrows_what_is_left_is_cut_short_where_it_can_be() -> None:
    ledger = MemoryLedger(FakeClock())
    exchange = a_capped_exchange(tokens=16, limit=200_000)
    events = (a_head(), Data(b"x" * 4000), End(SPENT))
    flow = a_budget(ledger)(exchange, lambda: routed(exchange, *events, usage=Usage(9, 80)))
    await anext(flow)
    exchange.gauge = Meter(Usage(9, 800))
    exchange.leave = flow_of(End(SPENT))().aclose
    assert [event async for event in flow] == [Data(b"x" * 4000), End(SPENT)]
    assert isinstance(exchange.cut, OverBudget)
    assert await books(ledger) == (cost(Usage(9, 80), PRICES), 0)
