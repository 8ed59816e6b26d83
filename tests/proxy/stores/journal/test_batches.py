"""A batch is written once with all that hangs on it, however often it is sent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from pipelines.usage import Usage
from proxy.stores.database.engine import reading, writing
from proxy.stores.database.tables import RECORDS, ROLLUPS, TEXTS
from proxy.stores.journal.batches import LENGTHS, pieces, write_batch
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


def rows_of(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [
        row_of(
            a_record(
                f"c{number}",
                started=NOON + number % 3 * DAY,
                key_id=f"k{number % 7}",
                model="gpt",
                tags=("red", "blue", "red"),
                end_user=f"e{number % 5}",
                cost=1_000 + number,
                usage=Usage(10, 5, cached_tokens=2),
                first_byte=0.25,
                cache="hit" if number % 2 else "miss",
                outcome="failed" if number % 10 == 0 else "ok",
            )
        )
        for number in range(start, start + count)
    ]


async def written(engine: AsyncEngine, rows: list[dict[str, Any]]) -> int:
    async with writing(engine) as connection:
        return await write_batch(connection, rows)


async def total(engine: AsyncEngine, kind: str, name: str = "") -> dict[str, int]:
    sums = [func.sum(ROLLUPS.c[one]).label(one) for one in ("calls", "failed", "cached", "cost")]
    more = [func.sum(ROLLUPS.c[one]).label(one) for one in ("prompt_tokens", "milliseconds")]
    where = (ROLLUPS.c.kind == kind, ROLLUPS.c.name == name)
    async with reading(engine) as connection:
        row = (await connection.execute(select(*sums, *more).where(*where))).mappings().one()
        return {name: int(value or 0) for name, value in row.items()}


async def test_a_batch_grows_the_rollups_by_what_it_wrote(engine: AsyncEngine) -> None:
    assert await written(engine, rows_of(100)) == 100
    expected = {
        "calls": 100,
        "failed": 10,
        "cached": 50,
        "cost": sum(1_000 + number for number in range(100)),
        "prompt_tokens": 1_000,
        "milliseconds": 150_000,
    }
    for kind, name in (("all", ""), ("key", ""), ("tag", "red"), ("tag", "blue")):
        assert await total(engine, kind, name) == expected, kind
    assert (await total(engine, "end_user", "e1"))["calls"] == 20


async def test_a_batch_that_is_sent_again_changes_nothing(engine: AsyncEngine) -> None:
    await written(engine, rows_of(60))
    before = await total(engine, "all")
    assert await written(engine, rows_of(60)) == 0
    assert await total(engine, "all") == before
    assert await written(engine, [*rows_of(60), *rows_of(5, 58), *rows_of(5, 58)]) == 3
    assert (await total(engine, "key"))["calls"] == 63


async def test_what_is_taken_back_leaves_no_trace(engine: AsyncEngine) -> None:
    with pytest.raises(RuntimeError):
        async with writing(engine) as connection:
            await write_batch(connection, rows_of(10))
            raise RuntimeError
    assert (await total(engine, "all"))["calls"] == 0
    assert await written(engine, rows_of(10)) == 10


async def test_two_writers_of_the_same_records_count_them_once(engine: AsyncEngine) -> None:
    async def send(turn: int) -> int:
        return sum([await written(engine, rows_of(50, at)) for at in range(0, 300, 25)][turn:])

    await asyncio.gather(send(0), send(0), send(0))
    assert (await total(engine, "all"))["calls"] == 325
    async with reading(engine) as connection:
        assert await connection.scalar(select(func.count()).select_from(RECORDS)) == 325


async def test_texts_are_kept_apart_and_only_where_there_are_any(engine: AsyncEngine) -> None:
    rows = rows_of(3)
    rows[1] |= {"prompt": '[{"role":"user"}]', "answer": "Hi"}
    await written(engine, rows)
    async with reading(engine) as connection:
        assert (await connection.execute(select(TEXTS))).all() == [
            ("c1", rows[1]["day"], '[{"role":"user"}]', "Hi")
        ]


async def test_nothing_to_write_is_no_work(engine: AsyncEngine) -> None:
    assert await written(engine, []) == 0


@pytest.mark.parametrize("many", [0, 1, 7, 255, 256, 1_000])
def test_pieces_are_all_rows_in_few_lengths(many: int) -> None:
    rows = [{"id": number} for number in range(many)]
    found = list(pieces(rows))
    assert [row for piece in found for row in piece] == rows
    assert {len(piece) for piece in found} <= set(LENGTHS)
