"""The ledger in a file outlives its process, and two processes share it exactly."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pipelines.errors import LedgerUnavailable
from pipelines.ledger import LEASE, Account, Balance, Granted, Hold, Refused, Settlement, Slot
from proxy.stores.ledger.sqlite import SqliteLedger
from tests.conformance.ledgers import unique
from tests.fakes.ports import FakeClock

KEY = Account("key:1", 100)


def a_hold(amount: int = 60) -> Hold:
    return Hold(unique(), amount, (KEY,), (), (Slot("parallel:key:1", 5),))


async def test_what_was_spent_is_there_after_a_restart(tmp_path: Path) -> None:
    hold = a_hold()
    first = SqliteLedger(tmp_path / "l.db", FakeClock())
    await first.reserve(hold)
    first.settle(Settlement(hold, 7))
    await first.close()
    second = SqliteLedger(tmp_path / "l.db", FakeClock())
    assert (await second.balances(["key:1"]))["key:1"] == Balance(7, 0)
    await second.close()


async def test_two_processes_never_let_in_more_than_one_sum_has(tmp_path: Path) -> None:
    ledgers = [SqliteLedger(tmp_path / "l.db", FakeClock()) for _ in range(2)]
    answers = [await one.reserve(a_hold(30)) for _ in range(3) for one in ledgers]
    assert sum(isinstance(one, Granted) for one in answers) == 3
    for one in ledgers:
        await one.close()


async def test_holds_of_the_dead_are_spent_in_full_when_their_lease_is_over(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    dead, alive = (SqliteLedger(tmp_path / "l.db", clock) for _ in range(2))
    lost, kept = a_hold(60), a_hold(30)
    await dead.reserve(lost)
    await alive.reserve(kept)
    clock.now += LEASE - 1
    await alive.tend()
    clock.now += 2
    await alive.tend()
    assert (await alive.balances(["key:1"]))["key:1"] == Balance(60, 30)
    dead.settle(Settlement(lost, 5))
    await dead.flush()
    assert (await alive.balances(["key:1"]))["key:1"] == Balance(5, 30)
    assert await alive.total("key:1") == 5
    for one in (dead, alive):
        await one.close()


async def test_a_file_that_is_locked_refuses_and_loses_nothing(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "l.db", FakeClock())
    hold = a_hold()
    await ledger.reserve(hold)
    stranger = sqlite3.connect(tmp_path / "l.db", isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    ledger.settle(Settlement(hold, 7))
    with pytest.raises(LedgerUnavailable):
        await ledger.reserve(a_hold(1))
    stranger.execute("COMMIT")
    stranger.close()
    await ledger.flush()
    assert (await ledger.balances(["key:1"]))["key:1"] == Balance(7, 0)
    assert isinstance(await ledger.reserve(a_hold(94)), Refused)
    await ledger.close()


async def test_the_file_is_for_this_user_alone(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "l.db", FakeClock())
    assert (tmp_path / "l.db").stat().st_mode & 0o777 == 0o600
    await ledger.close()
