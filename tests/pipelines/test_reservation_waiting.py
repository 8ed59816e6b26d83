"""A call whose money others hold waits for it, in its place, and no longer than it is worth."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.budgets import BudgetPolicy
from pipelines.claims import Claims
from pipelines.errors import OverBudget
from pipelines.exchange import Principal
from pipelines.queueing import Queue
from pipelines.reservation import Reservation
from proxy.stores.ledger.memory import MemoryLedger
from tests.builders import a_body, a_call, an_exchange
from tests.fakes.ports import FakeClock
from tests.pipelines.test_reservation import PAID, PROMPT, WORST, a_key


class Yielding(FakeClock):
    """A clock that lets the others run while somebody sleeps."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.sleep(0)


class Crowd:
    """Calls of one key that wait in one line; each may cost WORST."""

    def __init__(self, limit: int, policy: BudgetPolicy | None = None) -> None:
        self.clock = Yielding()
        self.ledger = MemoryLedger(self.clock)
        self.queue = Queue(self.clock)
        self.claims = Claims(policy or BudgetPolicy(), self.queue)
        self.key = a_key(limit)
        self.let_in: list[int] = []

    def call(self, number: int) -> Reservation:
        exchange = an_exchange(
            a_call(a_body(max_tokens=1000)), Principal("t", allowances=(self.key,))
        )
        exchange.id = str(number)
        return Reservation(exchange, self.ledger, self.claims, self.clock, lambda _: PROMPT)

    async def run(self, number: int, price: int) -> None:
        """One call that asks, runs for a moment, and costs so much."""
        reservation = self.call(number)
        await reservation.take(PAID)
        self.let_in.append(number)
        await asyncio.sleep(0)
        reservation._exchange.cost = price
        reservation.settle()

    def start(self, number: int) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self.run(number, WORST // 4))


async def test_money_that_others_hold_is_waited_for_until_it_is_given_back() -> None:
    crowd = Crowd(2 * WORST - 1)
    first = crowd.call(1)
    await first.take(PAID)
    second = crowd.start(2)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not second.done()
    first.settle()
    await second
    assert not crowd.queue._lines
    assert sum(crowd.clock.sleeps) < 5


async def test_those_who_wait_are_let_in_in_their_order() -> None:
    crowd = Crowd(2 * WORST)
    await asyncio.gather(*(crowd.start(number) for number in range(5)))
    assert crowd.let_in == [0, 1, 2, 3, 4]
    assert not crowd.queue._lines


async def test_what_is_spent_is_not_waited_for() -> None:
    crowd = Crowd(2 * WORST, BudgetPolicy(over="refuse"))
    await crowd.ledger.set_spent("key:1", WORST + 1)
    with pytest.raises(OverBudget):
        await crowd.call(1).take(PAID)
    other = crowd.call(2)
    crowd.ledger.load("key:1", WORST)
    await other.take(PAID)
    crowd.ledger.load("key:1", WORST + 1)
    with pytest.raises(OverBudget):
        await crowd.call(3).take(PAID)
    assert not crowd.clock.sleeps


async def test_a_call_is_made_shorter_only_when_it_has_waited() -> None:
    crowd = Crowd(2 * WORST - 1)
    await crowd.call(1).take(PAID)
    late = crowd.call(2)
    await late.take(PAID)
    assert late._exchange.outgoing is not None
    assert 5 <= sum(crowd.clock.sleeps) < 5.1
    assert not crowd.queue._lines


async def test_without_patience_nobody_waits() -> None:
    crowd = Crowd(2 * WORST - 1, BudgetPolicy(patience=0.0))
    await crowd.call(1).take(PAID)
    await crowd.call(2).take(PAID)
    assert not crowd.clock.sleeps


async def test_a_client_that_leaves_while_it_waits_leaves_the_line() -> None:
    crowd = Crowd(WORST)
    first = crowd.call(1)
    await first.take(PAID)
    head, behind, last = crowd.start(2), crowd.start(3), crowd.start(4)
    await asyncio.sleep(0)
    behind.cancel()
    head.cancel()
    ends = await asyncio.gather(head, behind, return_exceptions=True)
    assert [type(one) for one in ends] == [asyncio.CancelledError] * 2
    crowd.ledger.load("key:1", 0)
    first.settle()
    await last
    assert crowd.let_in == [4]
    assert not crowd.queue._lines


async def test_who_waits_for_a_rate_does_not_stand_in_the_line_for_money() -> None:
    crowd = Crowd(2 * WORST - 1, BudgetPolicy(queue=90))
    crowd.key = a_key(2 * WORST - 1, rpm=1)
    first = crowd.call(1)
    await first.take(PAID)
    second = crowd.start(2)
    await asyncio.sleep(0)
    first.settle()
    for _ in range(5):
        await asyncio.sleep(0)
    assert crowd.clock.sleeps[-1] > 1
    assert not crowd.queue._lines
    await second
