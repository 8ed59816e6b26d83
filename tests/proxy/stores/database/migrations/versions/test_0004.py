"""The old entries of the ledger are found without reading all of them."""

from __future__ import annotations

from proxy.stores.ledger.postgres_line import PostgresLine
from tests.conformance.ledgers import migrated


async def test_entries_are_found_by_their_age() -> None:
    line = PostgresLine(await migrated())
    async with line.connection() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        rows = await connection.fetch("EXPLAIN SELECT id FROM headgate_ledger_entry WHERE at < 1")
    assert "headgate_ledger_entry_at" in str(rows)
    await line.close()
