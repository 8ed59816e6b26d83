"""Old records go, their sums stay, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from proxy.stores.database.engine import reading
from proxy.stores.database.tables import RECORDS, TEXTS
from proxy.stores.journal import retention
from proxy.stores.journal.calls import CallLog, Wanted
from proxy.stores.journal.retention import Retention
from proxy.stores.journal.rollups import DAY
from proxy.stores.journal.sums import Asked
from tests.conformance.journals import DATABASES, in_postgres, in_sqlite
from tests.fakes.later import Later
from tests.proxy.stores.journal.test_batches import NOON, rows_of, written


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest) -> Later:
    """Each kind of database in turn."""
    return Later(DATABASES[request.param])


@pytest.fixture
def server() -> Later:
    """A PostgreSQL alone."""
    return Later(in_postgres)


def keeping(engine: AsyncEngine, days: float, at: float) -> Retention:
    return Retention(engine, days * DAY, now=lambda: at)


async def days_of(engine: AsyncEngine) -> list[int]:
    async with reading(engine) as connection:
        found = await connection.execute(select(RECORDS.c.day).distinct().order_by(RECORDS.c.day))
        return [row[0] for row in found]


async def emptied(engine: AsyncEngine) -> None:
    for _ in range(500):
        if not await days_of(engine):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("old records are still there")


async def test_what_is_older_goes_and_its_sums_stay(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CHUNK", 7)
    monkeypatch.setattr(retention, "PAUSE", 0)
    rows = [{**row, "prompt": "p"} for row in rows_of(30)]
    await written(engine, rows)
    # Three days: the first is older than two days and a half.
    assert await keeping(engine, 2, NOON + 3 * DAY - 3600).forget() > 0
    assert await days_of(engine) == [20_001, 20_002]
    assert (await CallLog(engine).rollups.total(Asked())).calls == 30
    assert await CallLog(engine).count(Wanted()) == 20
    async with reading(engine) as connection:
        assert await connection.scalar(select(func.count()).select_from(TEXTS)) == 20


async def test_a_short_time_is_kept_to_the_second(engine: AsyncEngine) -> None:
    rows = [{**row, "day": 20_000, "started": NOON + at} for at, row in enumerate(rows_of(10))]
    await written(engine, rows)
    await keeping(engine, 1 / 24, NOON + 3600 + 4).forget()
    assert len(await CallLog(engine).page(Wanted(), 20)) == 6


async def test_without_a_time_nothing_goes(engine: AsyncEngine) -> None:
    await written(engine, rows_of(3))
    assert await Retention(engine, None).forget() == 0
    assert len(await days_of(engine)) == 3


async def test_a_record_that_comes_late_finds_room(engine: AsyncEngine) -> None:
    await written(engine, rows_of(9))
    await keeping(engine, 2, NOON + 30 * DAY).forget()
    assert await written(engine, rows_of(3, 100)) == 3


async def test_it_waits_for_nobody_who_reads(server: AsyncEngine) -> None:
    await written(server, rows_of(9))
    async with server.connect() as reader:
        await reader.execute(text("SELECT count(*) FROM headgate_record"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            await keeping(server, 2, NOON + 30 * DAY).forget()
        # Meanwhile, everybody else goes on.
        assert await written(server, rows_of(3, 100)) == 3
    assert await keeping(server, 2, NOON + 30 * DAY).forget() == 3


async def test_it_looks_again_and_again(engine: AsyncEngine) -> None:
    await written(engine, rows_of(9))
    keeper = Retention(engine, DAY, every=0.01, now=lambda: NOON + 30 * DAY)
    task = asyncio.get_running_loop().create_task(keeper.run())
    await emptied(engine)
    await written(engine, rows_of(3, 100))
    await emptied(engine)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_few_rows_of_a_file_are_found_without_a_look_at_all_others() -> None:
    async with in_sqlite() as engine:
        await written(engine, rows_of(9))
        asked: list[tuple[str, Any]] = []
        event.listen(
            engine.sync_engine, "before_cursor_execute", lambda *said: asked.append(said[2:4])
        )
        assert await keeping(engine, 2, NOON + 30 * DAY).forget() == 9
        steps = [
            step[3]
            for statement, values in [one for one in asked if one[0].startswith("DELETE")]
            for step in await plan(engine, statement, values)
        ]
    assert steps
    assert not [step for step in steps if step.startswith("SCAN headgate")]


async def plan(engine: AsyncEngine, statement: str, values: Any) -> Sequence[Any]:
    async with reading(engine) as connection:
        explained = f"EXPLAIN QUERY PLAN {statement}"
        return (await connection.exec_driver_sql(explained, values)).fetchall()
