"""The writer tells a database that is away from a record that none will have."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from pipelines.errors import StoreUnavailable
from proxy.stores.database.engine import database_url, open_engine, writing
from proxy.stores.journal.calls import CallLog, Wanted
from proxy.stores.journal.shipper import RecordRefused
from proxy.stores.journal.writer import DatabaseWriter
from tests.conformance.journals import DATABASES
from tests.fakes.later import Later
from tests.fakes.servers import free_port
from tests.proxy.stores.journal.test_rows import a_record


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest) -> Later:
    """Each kind of database in turn."""
    return Later(DATABASES[request.param])


async def test_records_are_written_once(engine: AsyncEngine) -> None:
    write = DatabaseWriter(engine)
    await write([a_record("a"), a_record("b")])
    await write([a_record("b"), a_record("c")])
    assert await CallLog(engine).count(Wanted()) == 3


async def test_nothing_of_a_batch_is_written_where_one_is_refused(engine: AsyncEngine) -> None:
    write = DatabaseWriter(engine)
    for bad in (a_record("b", outcome=None), a_record("b", usage=3)):
        with pytest.raises(RecordRefused):
            await write([a_record("a"), bad])
    assert await CallLog(engine).count(Wanted()) == 0


async def test_tables_that_are_not_there_are_waited_for(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.execute(text("DROP TABLE headgate_rollup"))
    with pytest.raises(StoreUnavailable):
        await DatabaseWriter(engine)([a_record("a")])


async def test_a_database_that_is_away_is_told() -> None:
    engine = open_engine(database_url(f"postgresql://postgres@127.0.0.1:{free_port()}/x"))
    with pytest.raises(StoreUnavailable):
        await DatabaseWriter(engine)([a_record("a")])
    await engine.dispose()
