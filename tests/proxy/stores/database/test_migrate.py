"""Migrations lead to the tables that the code knows, once, however many begin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from proxy.stores.database.engine import database_url, open_engine, sqlite_url, writing
from proxy.stores.database.migrate import (
    LOCK,
    MigrationBusy,
    Schema,
    SchemaApart,
    migrate,
    schema,
)
from proxy.stores.database.tables import METADATA
from tests.fakes.later import Later
from tests.fakes.servers import postgres


@asynccontextmanager
async def _sqlite() -> AsyncIterator[AsyncEngine]:
    with TemporaryDirectory() as folder:
        engine = open_engine(sqlite_url(Path(folder) / "h.db"))
        yield engine
        await engine.dispose()


@asynccontextmanager
async def _postgres() -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database_url(postgres().new_database()))
    yield engine
    await engine.dispose()


@pytest.fixture(params=[_sqlite, _postgres], ids=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Later:
    """An empty database of each kind."""
    opens: Callable[..., object] = request.param
    return Later(opens)  # type: ignore[arg-type]


def _columns(connection: Connection) -> dict[str, set[str]]:
    found = inspect(connection)
    return {
        table: {str(one["name"]) for one in found.get_columns(table)}
        for table in found.get_table_names()
    }


async def test_an_empty_database_gets_every_table_with_every_column(engine: AsyncEngine) -> None:
    assert (await schema(engine)).current == 0
    before = await migrate(engine)
    assert before.current == 0
    now = await schema(engine)
    assert now.current == now.wanted > 0
    async with engine.connect() as connection:
        there = await connection.run_sync(_columns)
    for table in METADATA.sorted_tables:
        assert {column.name for column in table.columns} <= there[table.name], table.name


async def test_a_second_run_changes_nothing_and_several_at_once_make_one(
    engine: AsyncEngine,
) -> None:
    found = await asyncio.gather(*(migrate(engine) for _ in range(3)))
    assert sorted(one.current == 0 for one in found) == [False, False, True]


async def test_a_schema_that_is_one_version_away_serves_and_two_do_not(
    engine: AsyncEngine,
) -> None:
    Schema(3, 4).check()
    Schema(5, 4).check()
    with pytest.raises(SchemaApart, match="upgrade the gateway"):
        Schema(6, 4).check()
    with pytest.raises(SchemaApart, match="run `headgate migrate`"):
        Schema(2, 4).check()
    with pytest.raises(SchemaApart, match="no tables yet"):
        (await schema(engine)).check()


async def test_tables_of_a_later_version_are_left_alone(engine: AsyncEngine) -> None:
    await migrate(engine)
    async with writing(engine) as connection:
        await connection.execute(text("UPDATE headgate_version SET version_num = '0009'"))
    with pytest.raises(SchemaApart, match="of version 9"):
        await migrate(engine)


async def test_who_waits_too_long_for_another_gives_up() -> None:
    async with _postgres() as engine, engine.connect() as other, other.begin():
        await other.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        with pytest.raises(MigrationBusy):
            await migrate(engine, patience=0.3)
