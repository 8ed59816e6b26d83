"""Replicas share PostgreSQL exactly, and what one of them leaves is settled by another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pipelines.errors import LedgerUnavailable
from pipelines.ledger import Account, Balance, Granted, Hold, Rate, Settlement, Slot
from proxy.background import Background
from proxy.stores.ledger.owed import GIVEN_BACK, row
from proxy.stores.ledger.postgres import PostgresLedger
from tests.conformance.ledgers import migrated, unique
from tests.fakes.later import Later

KEY = Account("key:1", 100)
Pair = tuple[PostgresLedger, PostgresLedger]


def a_hold(amount: int = 60, *accounts: Account) -> Hold:
    slot = Slot("parallel:key:1", 5)
    return Hold(unique(), amount, accounts or (KEY,), (Rate("rpm:key:1", 500),), (slot,))


@asynccontextmanager
async def pair(lease: float = 30.0) -> AsyncIterator[Pair]:
    """Two replicas."""
    background, address = Background(), await migrated()
    first, second = (PostgresLedger(address, background, lease) for _ in range(2))
    yield first, second
    await first.close()
    await second.close()
    await background.close()


@pytest.fixture
def replicas() -> Later:
    return Later(pair)


async def balance(ledger: PostgresLedger) -> Balance:
    await ledger.flush()
    return (await ledger.balances(["key:1"]))["key:1"]


async def test_two_replicas_never_let_in_more_than_one_sum_has(replicas: Pair) -> None:
    answers = await asyncio.gather(*(one.reserve(a_hold(30)) for _ in range(3) for one in replicas))
    assert sum(isinstance(one, Granted) for one in answers) == 3


async def test_accounts_in_any_order_wait_for_each_other_in_one(replicas: Pair) -> None:
    names = [Account(f"team:{number}", 10**9) for number in range(6)]
    holds = [a_hold(1, *(names if number % 2 else names[::-1])) for number in range(60)]
    free = [Hold(one.id, one.amount, one.accounts) for one in holds]
    answers = await asyncio.gather(
        *(replicas[number % 2].reserve(one) for number, one in enumerate(free))
    )
    assert all(isinstance(one, Granted) for one in answers)


async def test_holds_of_the_dead_are_spent_in_full_when_their_lease_is_over() -> None:
    async with pair(lease=0.4) as (dead, alive):
        lost, kept = a_hold(60), a_hold(30)
        await dead.reserve(lost)
        await alive.reserve(kept)
        for _ in range(4):
            await asyncio.sleep(0.15)
            await alive.tend()
        assert await balance(alive) == Balance(60, 30)
        dead.settle(Settlement(lost, 5))
        await dead.flush()
        assert await balance(alive) == Balance(5, 30)
        assert await alive.total("key:1") == 5


async def test_who_stops_waiting_holds_nothing(replicas: Pair) -> None:
    first, second = replicas
    hold = a_hold(60)
    await first.reserve(a_hold(0))
    async with second._line.connection() as other, other.transaction():
        await other.execute("SELECT headgate_ledger_lock(ARRAY['key:1'], '{}', '{}')")
        asking = asyncio.ensure_future(first.reserve(hold))
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    await asyncio.sleep(0.2)
    await first.flush()
    assert await balance(second) == Balance(0, 0)
    await second.reserve(hold)
    assert await balance(second) == Balance(0, 0)


async def test_what_was_given_back_holds_nothing_and_is_charged_when_it_cost_something(
    replicas: Pair,
) -> None:
    first, _ = replicas
    late, hold = a_hold(50), a_hold(60)
    await first.reserve(hold)
    first._put(row(Settlement(hold, 0, (0,)), GIVEN_BACK))
    first._put(row(Settlement(late, 0, (0,)), GIVEN_BACK))
    assert await balance(first) == Balance(0, 0)
    assert await first.used(hold.rates) == (0,)
    await first.reserve(late)
    assert await balance(first) == Balance(0, 0)
    first.settle(Settlement(hold, 9))
    assert await balance(first) == Balance(9, 0)
    assert await first.total("key:1") == 9


async def test_settlements_wait_for_a_database_that_is_away() -> None:
    background = Background()
    ledger = PostgresLedger(await migrated(), background)
    hold = a_hold()
    await ledger.reserve(hold)
    rows, ledger._line.rows = ledger._line.rows, _away  # type: ignore[method-assign]
    ledger.settle(Settlement(hold, 7))
    with pytest.raises(LedgerUnavailable):
        await ledger.flush()
    await asyncio.sleep(0.05)
    ledger._line.rows = rows  # type: ignore[method-assign]
    assert await balance(ledger) == Balance(7, 0)
    await ledger.close()
    await background.close()


async def _away(statement: str, *values: object) -> list[object]:
    raise LedgerUnavailable("away")


async def test_connections_that_were_cut_are_made_anew(replicas: Pair) -> None:
    first, second = replicas
    hold = a_hold(10)
    await first.reserve(hold)
    await second._line.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await asyncio.sleep(0.05)
    assert isinstance(await first.reserve(a_hold(10)), Granted)
    assert await balance(first) == Balance(0, 20)
