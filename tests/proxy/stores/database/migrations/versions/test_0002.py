"""PostgreSQL has the ledger's tables and functions, and SQLite does without."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from proxy.stores.database.engine import database_url, open_engine, sqlite_url
from proxy.stores.database.migrate import migrate
from tests.fakes.servers import postgres


async def test_the_functions_are_there_in_postgres() -> None:
    engine = open_engine(database_url(postgres().new_database()))
    await migrate(engine)
    async with engine.connect() as connection:
        found = await connection.execute(
            text("SELECT count(*) FROM pg_proc WHERE proname LIKE 'headgate_ledger_%'")
        )
        assert found.scalar() == 12
        epoch = await connection.execute(text("SELECT number FROM headgate_ledger_epoch"))
        assert epoch.all() == [(0,)]
    await engine.dispose()


async def test_sqlite_is_left_as_it_is(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "h.db"))
    await migrate(engine)
    async with engine.connect() as connection:
        found = await connection.execute(
            text("SELECT count(*) FROM sqlite_master WHERE name LIKE 'headgate_ledger%'")
        )
        assert found.scalar() == 0
    await engine.dispose()
