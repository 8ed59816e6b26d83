"""Calls are read back as they were, and what came to what is added up by the database."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from pipelines.usage import Usage
from proxy.stores.journal.calls import DAY, CallLog, Wanted
from proxy.stores.journal.database import DatabaseJournal
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


async def test_sums_are_by_day_and_group_and_exact(engine: AsyncEngine) -> None:
    calls = await filled(engine)
    found = await calls.sums(Wanted(), "key_id")
    assert {(one.day, *one.group): (one.calls, one.cost, one.tokens) for one in found} == {
        (20_000, "k0"): (1, 10**9, 1),
        (20_000, "k1"): (1, 10**10, 2),
        (20_001, "k0"): (2, 10**11 + 10**13, 8),
        (20_001, "k1"): (2, 10**14, 10),
    }
