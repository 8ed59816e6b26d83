"""What is old becomes one entry an account, and is found without reading everything."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pipelines.ledger import Account, Hold
from proxy.stores.ledger.books import SETTLED, Books
from proxy.stores.ledger.folding import open_books
from proxy.stores.ledger.postgres_line import PostgresLine
from proxy.stores.ledger.pruning import AT_ONCE, add_up, add_up_postgres
from tests.conformance.ledgers import migrated


@pytest.fixture
def books(tmp_path: Path) -> sqlite3.Connection:
    return open_books(tmp_path / "ledger.db", 1.0)


def entries(books: sqlite3.Connection) -> list[tuple[str, int]]:
    return books.execute("SELECT id, cost FROM entries ORDER BY id").fetchall()


def test_what_is_old_becomes_one_entry_an_account(books: sqlite3.Connection) -> None:
    accounts = (Account("key:1"), Account("team:1"))
    for number in range(5):
        hold = Hold(f"h{number}", 0, accounts)
        Books(books).settle(hold.id, hold, 10, (), SETTLED, float(number))
    assert add_up(books, 3.0, 2) == 2
    assert add_up(books, 3.0, 2) == 1
    assert add_up(books, 3.0, 2) == 0
    assert entries(books) == [("fold:key:1", 30), ("fold:team:1", 30), ("h3", 10), ("h4", 10)]
    assert Books(books).total("team:1") == 50
    books.close()


def test_the_old_are_found_by_an_index(books: sqlite3.Connection) -> None:
    plan = books.execute("EXPLAIN QUERY PLAN SELECT id FROM entries WHERE at < 1").fetchall()
    assert "entries_at" in str(plan)
    books.close()


async def test_postgres_goes_on_until_nothing_old_is_left() -> None:
    line = PostgresLine(await migrated())
    await line.rows(
        "INSERT INTO headgate_ledger_entry(id, at, cost, state, epoch, accounts)"
        " SELECT 'h' || i, i, 2, 0, 0, ARRAY['key:1', 'team:1'] FROM generate_series(1, $1) i",
        2 * AT_ONCE + 1,
    )
    await add_up_postgres(line, 60.0)
    found = await line.rows("SELECT id, cost FROM headgate_ledger_entry ORDER BY id")
    cost = 2 * (2 * AT_ONCE + 1)
    assert [tuple(one) for one in found] == [("fold:key:1", cost), ("fold:team:1", cost)]
    await line.close()
