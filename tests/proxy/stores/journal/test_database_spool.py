"""What processes leave in their spools reaches the database once, whoever brings it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from pipelines.errors import StoreUnavailable
from pipelines.usage import Usage
from proxy.clock import SystemClock
from proxy.stores.database.engine import database_url, open_engine
from proxy.stores.database.migrate import migrate
from proxy.stores.journal.calls import CallLog, Wanted
from proxy.stores.journal.database import DatabaseJournal
from proxy.stores.journal.spool import Spool
from tests.conformance.journals import DATABASES
from tests.fakes.later import Later
from tests.fakes.servers import start_postgres
from tests.proxy.stores.journal.test_rows import a_record


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest) -> Later:
    """Each kind of database in turn."""
    return Later(DATABASES[request.param])


def a_journal(engine: AsyncEngine, root: Path) -> DatabaseJournal:
    return DatabaseJournal(engine, Spool(root, SystemClock()), root, every=0.02)


async def outcomes(engine: AsyncEngine) -> dict[str, str]:
    rows = await CallLog(engine).page(Wanted(), 10_000)
    return {row["id"]: row["outcome"] for row in rows}


async def test_records_go_through_the_spool(engine: AsyncEngine, tmp_path: Path) -> None:
    journal = a_journal(engine, tmp_path)
    for number in range(1_100):
        journal.put(a_record(f"{number}"))
    await journal.flush()
    assert len(await outcomes(engine)) == 1_100
    assert (journal.waiting, journal.shipped, journal.dropped) == (0, 1_100, 0)
    await journal.close()
    assert os.listdir(tmp_path) == []


async def test_what_another_process_left_is_written_too(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    dead = Spool(tmp_path, SystemClock())
    dead.begin(a_record("a", outcome="orphaned", usage=Usage(3, 4), cost=9))
    dead.put(a_record("b"))
    journal = a_journal(engine, tmp_path)
    await journal.adopt()
    assert journal.adopted == 0
    dead.close()
    task = asyncio.get_running_loop().create_task(journal.run())
    deadline = time.monotonic() + 5
    while await outcomes(engine) != {"a": "orphaned", "b": "ok"}:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert (journal.adopted, journal.orphans) == (1, 1)
    await journal.close()
    assert os.listdir(tmp_path) == []


async def test_a_folder_that_cannot_be_read_holds_up_no_other(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    for id in "ab":
        dead = Spool(tmp_path, SystemClock())
        dead.put(a_record(id))
        dead.close()
    first = min(os.listdir(tmp_path))
    os.remove(tmp_path / first / "0000000001.log")
    os.mkdir(tmp_path / first / "0000000001.log")
    journal = a_journal(engine, tmp_path)
    with structlog.testing.capture_logs() as lines:
        await journal.adopt()
        await journal.adopt()
    assert len(await outcomes(engine)) == journal.adopted == 1
    assert [line["folder"] for line in lines if line["log_level"] == "error"] == [first]
    await journal.close()


async def test_what_is_adopted_twice_is_there_once(engine: AsyncEngine, tmp_path: Path) -> None:
    dead = Spool(tmp_path / "one", SystemClock())
    for number in range(20):
        dead.put(a_record(f"{number}", cost=1))
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    dead.close()
    first, second = a_journal(engine, tmp_path / "one"), a_journal(engine, tmp_path / "two")
    await asyncio.gather(first.adopt(), second.adopt())
    assert len(await outcomes(engine)) == 20
    assert (first.adopted, second.adopted) == (1, 1)
    for one in (first, second):
        await one.close()


async def test_several_that_look_at_once_take_each_folder_once(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    for number in range(6):
        dead = Spool(tmp_path, SystemClock())
        dead.begin(a_record(f"{number}", outcome="orphaned"))
        dead.close()
    journals = [a_journal(engine, tmp_path) for _ in range(3)]
    await asyncio.gather(*(one.adopt() for one in journals))
    assert sum(one.adopted for one in journals) == 6
    assert set((await outcomes(engine)).values()) == {"orphaned"}
    for one in journals:
        await one.close()


async def test_records_wait_in_the_spool_for_a_database_that_is_away(tmp_path: Path) -> None:
    server = start_postgres()
    engine = open_engine(database_url(server.new_database()))
    await migrate(engine)
    journal = a_journal(engine, tmp_path)
    journal.put(a_record("a"))
    await journal.flush()
    server.stop(signal.SIGKILL)
    for number in range(700):
        journal.put(a_record(f"{number}"))
    with pytest.raises(StoreUnavailable):
        await journal.flush()
    await journal.close()
    server.start()
    journal = a_journal(engine, tmp_path)
    await journal.adopt()
    assert len(await outcomes(engine)) == 701
    await journal.close()
    await engine.dispose()
    server.stop()
