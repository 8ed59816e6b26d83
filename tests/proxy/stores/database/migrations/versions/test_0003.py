"""A key is found by a former secret without reading all keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from proxy.stores.database.engine import database_url, open_engine, sqlite_url
from proxy.stores.database.migrate import migrate
from proxy.stores.entities.sql import HOLDER
from tests.fakes.servers import postgres


def address(kind: str, folder: Path) -> URL:
    if kind == "sqlite":
        return sqlite_url(folder / "h.db")
    return database_url(postgres().new_database())


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_every_way_to_a_key_has_an_index(kind: str, tmp_path: Path) -> None:
    engine = open_engine(address(kind, tmp_path))
    await migrate(engine)
    asked = str(HOLDER.compile(engine.sync_engine))
    asked = asked.replace("$1::VARCHAR", "?").replace("?", "'d'")
    explain = "EXPLAIN QUERY PLAN" if kind == "sqlite" else "EXPLAIN"
    async with engine.connect() as connection:
        if kind == "postgres":
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        rows = await connection.exec_driver_sql(f"{explain} {asked}")
        plan = " ".join(str(one) for one in rows)
    await engine.dispose()
    assert "SCAN headgate_key" not in plan
    assert "Seq Scan" not in plan
    for number in range(8):
        assert f"headgate_key_former_{number}" in plan
