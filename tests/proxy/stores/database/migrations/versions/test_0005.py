"""PostgreSQL keeps a day's records in a part of the table, and SQLite all in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, inspect, select, text

from proxy.stores.database.engine import database_url, open_engine, sqlite_url, writing
from proxy.stores.database.migrate import migrate
from proxy.stores.database.tables import RECORDS, ROLLUPS, TEXTS
from tests.fakes.servers import postgres


async def test_a_part_is_made_once_and_dropped_with_its_texts() -> None:
    engine = open_engine(database_url(postgres().new_database()))
    await migrate(engine)
    async with writing(engine) as connection:
        assert await connection.scalar(select(func.headgate_record_part(7)))
        assert not await connection.scalar(select(func.headgate_record_part(7)))
        assert await connection.scalar(select(func.headgate_record_part(8)))
        days = await connection.execute(select(func.headgate_record_days()))
        assert [row[0] for row in days] == [7, 8]
        await connection.execute(select(func.headgate_record_drop(7)))
        left = await connection.execute(
            text("SELECT count(*) FROM pg_inherits WHERE inhparent::regclass::text LIKE :of"),
            {"of": "headgate_record%"},
        )
        # Of the two tables a part each, and of each of these its indexes.
        assert left.scalar() == 2 + 10
    await engine.dispose()


def _columns(connection: Connection, name: str) -> Sequence[Mapping[str, Any]]:
    return inspect(connection).get_columns(name)


async def test_the_tables_are_as_the_code_sees_them(tmp_path: Path) -> None:
    for url in (sqlite_url(tmp_path / "h.db"), database_url(postgres().new_database())):
        engine = open_engine(url)
        await migrate(engine)
        async with engine.connect() as connection:
            for table in (RECORDS, TEXTS, ROLLUPS):
                columns = await connection.run_sync(_columns, table.name)
                assert {one["name"]: one["nullable"] for one in columns} == {
                    one.name: one.nullable for one in table.c
                }
        await engine.dispose()
