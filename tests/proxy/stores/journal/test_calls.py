"""Calls are read back as they were, and what came to what is added up by the database."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from pipelines.usage import Usage
from proxy.stores.database.engine import writing
from proxy.stores.journal import calls as calls_module
from proxy.stores.journal.batches import write_batch
from proxy.stores.journal.calls import SORTS, CallLog, Texts, Wanted
from proxy.stores.journal.database import DatabaseJournal
from proxy.stores.journal.rollups import DAY
from proxy.stores.journal.rows import row_of
from tests.conformance.journals import DATABASES
from tests.fakes.later import Later
from tests.proxy.stores.journal.test_rows import a_record

NOON = 20_000 * DAY + DAY / 2


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest) -> Later:
    """Each kind of database in turn."""
    return Later(DATABASES[request.param])


async def filled(engine: AsyncEngine) -> CallLog:
    journal = DatabaseJournal(engine)
    for number in range(6):
        journal.put(
            a_record(
                f"c{number}",
                started=NOON + number * DAY / 4,
                key_id=f"k{number % 2}",
                user_id="u" if number else None,
                cost=10 ** (9 + number) if number != 3 else None,
                usage=Usage(number, 1),
                outcome="ok" if number else "failed",
                error=None if number else "the model is overloaded",
                model="fast",
                upstream_model="m-1",
            )
        )
    await journal.flush()
    return CallLog(engine)


async def test_pages_are_newest_first(engine: AsyncEngine) -> None:
    calls = await filled(engine)
    assert [one["id"] for one in await calls.page(Wanted(), 2, 1)] == ["c4", "c3"]
    assert await calls.count(Wanted()) == 6


async def test_filters_leave_what_is_wanted(engine: AsyncEngine) -> None:
    calls = await filled(engine)
    for wanted, count in (
        (Wanted(since=NOON + DAY / 4, until=NOON + DAY), 3),
        (Wanted(id="c1"), 1),
        (Wanted(where={"key_id": "k1"}), 3),
        (Wanted(seen={"key_id": ["k1"], "user_id": ["u"]}), 5),
        (Wanted(where={"key_id": "k0"}, seen={"key_id": ["k1"]}), 0),
        (Wanted().of_outcome(True), 5),
        (Wanted().of_outcome(False), 1),
    ):
        assert await calls.count(wanted) == count, wanted


async def test_totals_are_the_same_from_rollups_and_from_rows(engine: AsyncEngine) -> None:
    calls = await filled(engine)
    for since in (None, NOON - DAY / 2, NOON, NOON + DAY / 4, NOON + DAY / 2):
        for until in (None, NOON + DAY / 4, NOON + DAY / 2, NOON + DAY, NOON + 5 * DAY):
            for more in ({}, {"succeeded": True}, {"succeeded": False}, {"cached": False}):
                wanted = Wanted(since, until, **more)  # type: ignore[arg-type]
                assert await calls.count(wanted) == len(await calls.page(wanted, 100)), wanted


async def test_filters_of_every_kind(engine: AsyncEngine) -> None:
    calls = await filled(engine)
    for wanted, count in (
        (Wanted(status=200), 6),
        (Wanted(status=500), 0),
        (Wanted(costs=(10**11, None)), 3),
        (Wanted(costs=(None, 10**10)), 3),
        (Wanted(cached=True), 0),
        (Wanted(error="overloaded"), 1),
        (Wanted(error="%"), 0),
        (Wanted(where={"model": "fast"}), 6),
        (Wanted(where={"model": "m-1"}), 6),
        (Wanted(where={"session_id": "s"}), 0),
    ):
        assert await calls.count(wanted) == count, wanted
        assert len(await calls.page(wanted, 10)) == count, wanted


async def test_a_page_leads_to_the_next_and_all_are_met_once(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = await filled(engine)
    monkeypatch.setattr(calls_module, "CHUNK", 2)
    met = [row["id"] async for rows in calls.each(Wanted()) for row in rows]
    assert met == [f"c{number}" for number in (5, 4, 3, 2, 1, 0)]


async def test_pages_are_sorted_as_asked(engine: AsyncEngine) -> None:
    calls = await filled(engine)
    dearest = await calls.page(Wanted(), 2, sort="cost")
    assert [row["id"] for row in dearest] == ["c5", "c4"]
    oldest = await calls.page(Wanted(), 2, descending=False)
    assert [row["id"] for row in oldest] == ["c0", "c1"]
    for sort in SORTS:
        assert len(await calls.page(Wanted(), 9, sort=sort)) == 6


async def test_texts_are_found_where_they_were_kept(engine: AsyncEngine) -> None:
    calls = await filled(engine)
    row = {**row_of(a_record("kept", started=NOON)), "prompt": "[]", "answer": "Hi"}
    async with writing(engine) as connection:
        await write_batch(connection, [row])
    assert await calls.texts(Wanted(id="kept")) == Texts("[]", "Hi")
    assert await calls.texts(Wanted(id="c1")) == Texts(None, None)
    assert await calls.texts(Wanted(id="none")) is None
