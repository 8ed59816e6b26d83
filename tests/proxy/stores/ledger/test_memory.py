"""The ledger in memory is fast and forgets what it need not know; its promises are in the
conformance suite."""

from __future__ import annotations

from pipelines.ledger import Account, Hold, Settlement, Slot
from proxy.stores.ledger.memory import MemoryLedger
from tests.fakes.ports import FakeClock


async def test_slots_that_nobody_holds_are_forgotten() -> None:
    ledger = MemoryLedger(FakeClock())
    for number in range(100):
        hold = Hold(f"h{number}", 0, (), (), (Slot(f"parallel:key:{number}", 1),))
        await ledger.reserve(hold)
        ledger.settle(Settlement(hold, 0))
    assert ledger._slots == {}
    assert ledger._holds == {}


async def test_a_hold_that_was_settled_before_it_was_reserved_holds_nothing() -> None:
    ledger = MemoryLedger(FakeClock())
    hold = Hold("late", 5, (Account("key:1", 10),))
    ledger.settle(Settlement(hold, 2))
    await ledger.reserve(hold)
    found = (await ledger.balances(["key:1"]))["key:1"]
    assert (found.spent, found.held) == (2, 0)


async def test_it_knows_which_holds_are_open() -> None:
    ledger = MemoryLedger(FakeClock())
    hold = Hold("h", 5, (Account("key:1", 10),))
    await ledger.reserve(hold)
    assert list(ledger.held) == ["h"]
    ledger.settle(Settlement(hold, 2))
    assert not ledger.held
