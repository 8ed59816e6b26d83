"""The journal in the database loses nothing that it can keep, and never holds up a call."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import suppress

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from pipelines.errors import StoreUnavailable
from proxy.clock import SystemClock
from proxy.stores.database.engine import database_url, open_engine, reading
from proxy.stores.database.migrate import migrate
from proxy.stores.database.tables import RECORDS
from proxy.stores.journal.database import DatabaseJournal
from proxy.stores.journal.memory import MemorySpool
from tests.conformance.journals import DATABASES
from tests.fakes.later import Later
from tests.fakes.servers import start_postgres
from tests.proxy.stores.journal.test_rows import a_record


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest) -> Later:
    """Each kind of database in turn."""
    return Later(DATABASES[request.param])


async def kept(engine: AsyncEngine) -> list[str]:
    async with reading(engine) as connection:
        return [
            row[0] for row in await connection.execute(select(RECORDS.c.id).order_by(RECORDS.c.id))
        ]


async def test_what_was_put_is_written_within_a_second(engine: AsyncEngine) -> None:
    journal = DatabaseJournal(engine, every=0.05)
    task = asyncio.get_running_loop().create_task(journal.run())
    journal.put(a_record("a"))
    deadline = time.monotonic() + 5
    while await kept(engine) != ["a"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert journal.waiting == 0


async def test_many_records_are_written_in_batches_and_once(engine: AsyncEngine) -> None:
    journal = DatabaseJournal(engine)
    for number in range(1_234):
        journal.put(a_record(f"{number:05}"))
    journal.put(a_record("00000"))
    await journal.flush()
    assert len(await kept(engine)) == 1_234


async def test_what_comes_while_it_writes_waits_for_the_next_time(engine: AsyncEngine) -> None:
    journal = DatabaseJournal(engine)
    journal.put(a_record("a"))
    writing = asyncio.ensure_future(journal.flush())
    await asyncio.sleep(0)
    journal.put(a_record("b"))
    await writing
    assert (await kept(engine), journal.waiting) == (["a"], 1)


async def test_closing_writes_what_waits(engine: AsyncEngine) -> None:
    journal = DatabaseJournal(engine)
    journal.put(a_record("last"))
    await journal.close()
    assert await kept(engine) == ["last"]


async def test_a_row_that_the_database_refuses_does_not_hold_up_the_others(
    engine: AsyncEngine,
) -> None:
    journal = DatabaseJournal(engine)
    journal.put(a_record("a"))
    journal.put(a_record("b", outcome=None))
    journal.put(a_record("c"))
    await journal.flush()
    assert await kept(engine) == ["a", "c"]
    assert (journal.dropped, journal.waiting) == (1, 0)


async def test_what_finds_no_room_is_counted(engine: AsyncEngine) -> None:
    journal = DatabaseJournal(engine, MemorySpool(SystemClock(), most_waiting=2))
    for name in "abc":
        journal.put(a_record(name))
    assert (journal.waiting, journal.dropped) == (2, 1)
    await journal.flush()
    assert await kept(engine) == ["a", "b"]


async def test_records_wait_for_a_database_that_is_away() -> None:
    server = start_postgres()
    engine = open_engine(database_url(server.new_database()))
    await migrate(engine)
    journal = DatabaseJournal(engine)
    journal.put(a_record("a"))
    server.stop(signal.SIGKILL)
    with pytest.raises(StoreUnavailable):
        await journal.flush()
    assert journal.waiting == 1
    journal.put(a_record("b"))
    server.start()
    await journal.flush()
    assert await kept(engine) == ["a", "b"]
    await engine.dispose()
    server.stop()
