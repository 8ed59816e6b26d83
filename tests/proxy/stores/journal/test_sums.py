"""Sums are exact, of the calls that one may see, and read from the rollups."""

from __future__ import annotations

import pytest
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine

from proxy.stores.database.engine import writing
from proxy.stores.database.tables import RECORDS
from proxy.stores.journal import sums as sums_module
from proxy.stores.journal.sums import Asked, Rollups
from tests.conformance.journals import DATABASES
from tests.fakes.later import Later
from tests.proxy.stores.journal.test_batches import rows_of, written


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest) -> Later:
    """Each kind of database in turn."""
    return Later(DATABASES[request.param])


async def test_sums_are_by_day_and_group(engine: AsyncEngine) -> None:
    await written(engine, rows_of(21))
    rollups = Rollups(engine)
    sums = await rollups.sums(Asked(20_001, 20_001), "day", "key_id")
    # Of every three calls one is of this day, and of every seven one of each key.
    assert [one.group for one in sums] == [(20_001, f"k{number}") for number in range(7)]
    assert [one.cost for one in sums] == [1007, 1001, 1016, 1010, 1004, 1019, 1013]
    assert {one.calls for one in sums} == {1}
    assert {one.tokens for one in sums} == {15}


async def test_sums_outlive_the_calls(engine: AsyncEngine) -> None:
    await written(engine, rows_of(21))
    async with writing(engine) as connection:
        await connection.execute(delete(RECORDS))
    assert (await Rollups(engine).total(Asked())).calls == 21


async def test_who_may_see_some_gets_sums_of_these(engine: AsyncEngine) -> None:
    await written(engine, rows_of(21))
    rollups = Rollups(engine)
    seen = {"key_id": ["k1", "k2"], "user_id": ["nobody"]}
    assert (await rollups.total(Asked(seen=seen))).calls == 6
    assert (await rollups.total(Asked(seen=seen, where={"key_id": "k3"}))).calls == 0
    assert (await rollups.total(Asked(seen=seen, where={"key_id": ["k1", "k3"]}))).calls == 3
    assert (await rollups.total(Asked(seen=seen, kind="tag", where={"name": "red"}))).calls == 6


async def test_the_dearest_come_first_and_only_so_many(engine: AsyncEngine) -> None:
    await written(engine, rows_of(20))
    sums = await Rollups(engine).sums(Asked(kind="end_user"), "name", most=2)
    assert [one.group[0] for one in sums] == ["e4", "e3"]
    assert await Rollups(engine).names("tag") == ["blue", "red"]


async def test_calls_are_counted_by_how_they_ended(engine: AsyncEngine) -> None:
    await written(engine, rows_of(20))
    rollups = Rollups(engine)
    for succeeded, cached, count in (
        (None, None, 20),
        (True, None, 18),
        (False, None, 2),
        (None, True, 10),
        (None, False, 10),
    ):
        assert await rollups.count(Asked(), succeeded, cached) == count


async def test_nothing_comes_to_nothing(engine: AsyncEngine) -> None:
    assert (await Rollups(engine).total(Asked())).cost == 0
    assert await Rollups(engine).sums(Asked(), "day") == []


async def test_many_rows_are_put_together_beside_the_loop(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(engine, rows_of(21))
    few = await Rollups(engine).sums(Asked(), "day", "key_id", only=("cost",))
    monkeypatch.setattr(sums_module, "MANY", 0)
    assert await Rollups(engine).sums(Asked(), "day", "key_id", only=("cost",)) == few
    assert few[0].cost > 0
    assert few[0].calls == 0
