"""The rows of the SQLite ledger add up."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from pipelines.ledger import Account, Hold, Rate, Settlement
from proxy.stores.ledger.sqlite import SqliteLedger
from tests.fakes.ports import FakeClock


async def test_a_settled_hold_leaves_an_entry_and_nothing_else(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "l.db", FakeClock())
    hold = Hold("h", 9, (Account("key:1", 10),), (Rate("rpm:key:1", 5),))
    await ledger.reserve(hold)
    ledger.settle(Settlement(hold, 4, (1,), estimated=True))
    await ledger.close()
    rows = sqlite3.connect(tmp_path / "l.db")
    assert rows.execute("SELECT count(*) FROM holds").fetchone() == (0,)
    assert rows.execute("SELECT id, cost, state FROM entries").fetchall() == [("h", 4, 1)]
    assert rows.execute("SELECT name, spent, held FROM accounts").fetchall() == [("key:1", 4, 0)]
    rows.close()
