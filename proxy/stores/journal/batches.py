"""Writes records of calls with all that hangs on them: their texts, and the rollups.

The rule: it is one transaction, which may be repeated; a record that is there already changes
nothing, and everything that is locked is locked in one order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Insert, Table, bindparam, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from proxy.stores.database.tables import RECORDS, ROLLUPS, TEXTS
from proxy.stores.journal.rollups import SUMS, rolled_up

Row = Mapping[str, Any]

# Many rows become one statement, of which SQLite keeps the last hundred: of so few lengths, it is
# the same ones again and again.
LENGTHS = (256, 32, 4, 1)


async def write_batch(connection: AsyncConnection, rows: Sequence[Row]) -> int:
    """Write rows of `row_of` in the connection's transaction; gives how many were new.

    Raises what SQLAlchemy raises; then the transaction must be taken back as a whole.
    """
    if not rows:
        return 0
    if connection.dialect.name == "postgresql":
        await _make_parts(connection, {row["day"] for row in rows})
    by_id = {(row["id"], row["day"]): row for row in reversed(rows)}
    given = list(by_id.values())
    written = await _insert(connection, RECORDS, given)
    fresh = [row for place, row in by_id.items() if place in written]
    texts = [row for row in fresh if row["prompt"] is not None or row["answer"] is not None]
    if texts:
        await _insert(connection, TEXTS, texts)
    if fresh:
        await add_rollups(connection, rolled_up(fresh))
    return len(fresh)


async def add_rollups(connection: AsyncConnection, rollups: Sequence[Row]) -> None:
    """Add these amounts to the rollups that are there, in the order given."""
    statement, given = _insertion(connection, ROLLUPS, rollups)
    grown = {name: ROLLUPS.c[name] + statement.excluded[name] for name in SUMS}
    key = ["kind", "day", "id"]
    await connection.execute(statement.on_conflict_do_update(index_elements=key, set_=grown), given)


async def _insert(
    connection: AsyncConnection, table: Table, rows: Sequence[Row]
) -> set[tuple[str, int]]:
    written: set[tuple[str, int]] = set()
    for part in pieces(rows) if connection.dialect.name == "sqlite" else [rows]:
        statement, given = _insertion(connection, table, part)
        once = statement.on_conflict_do_nothing(index_elements=["id", "day"])
        found = await connection.execute(once.returning(table.c.id, table.c.day), given)
        written |= {(row[0], row[1]) for row in found}
    return written


def pieces(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """The rows in their order, in pieces of a few different lengths."""
    at = 0
    for length in LENGTHS:
        while len(rows) - at >= length:
            yield rows[at : at + length]
            at += length


def _insertion(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> tuple[Any, Any]:
    names = [column.name for column in table.c]
    if connection.dialect.name != "postgresql":
        return sqlite.insert(table), [{name: row[name] for name in names} for row in rows]
    # One parameter a column, whatever the number of rows: the statement is read only once.
    arrays = {name: [row[name] for row in rows] for name in names}
    return _columnwise(table, names), arrays


def _columnwise(table: Table, names: Sequence[str]) -> Insert:
    # Whoever has a PostgreSQL has loaded it already.
    from sqlalchemy.dialects.postgresql import insert

    arrays = [bindparam(name, type_=ARRAY(table.c[name].type)) for name in names]
    found = func.unnest(*arrays).table_valued(*names).render_derived()
    return insert(table).from_select(list(names), select(*[found.c[name] for name in names]))


async def _make_parts(connection: AsyncConnection, days: Iterable[int]) -> None:
    for day in sorted(days):
        await connection.execute(select(func.headgate_record_part(day)))
