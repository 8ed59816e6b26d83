"""Who is erased is found nowhere, and all sums stay as they were."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from proxy.stores.database.engine import reading
from proxy.stores.database.tables import AUDIT, METADATA, RECORDS
from proxy.stores.entities.kinds import Audit
from proxy.stores.entities.store import Actor
from proxy.stores.journal import erasure
from proxy.stores.journal.erasure import Erased, Erasure
from proxy.stores.journal.rows import row_of
from proxy.stores.journal.sums import Asked, Rollups
from tests.conformance.journals import DATABASES
from tests.fakes.later import Later
from tests.proxy.stores.journal.test_batches import NOON, written
from tests.proxy.stores.journal.test_rows import a_record

ACTOR = Actor("admin", "10.0.0.1")


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest) -> Later:
    """Each kind of database in turn."""
    return Later(DATABASES[request.param])


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "CHUNK", 2)


def rows_of(count: int) -> list[dict[str, Any]]:
    rows = []
    for number in range(count):
        who = "mallory" if number % 2 else "eve"
        record = a_record(
            f"c{number}",
            started=NOON,
            key_id="k",
            key=f"key of {who}",
            user_id=f"{who}-user",
            end_user=who,
            client=f"address of {who}",
            error=f"{who} wrote nonsense",
            tags=("red",),
            cost=5,
        )
        rows.append({**row_of(record), "prompt": f"I am {who}", "session_id": f"s-{who}"})
    return rows


async def everything(engine: AsyncEngine, but: tuple[str, ...] = ()) -> str:
    async with reading(engine) as connection:
        found = [
            str((await connection.execute(select(table))).all())
            for name, table in METADATA.tables.items()
            if name not in but
        ]
    return "".join(found)


async def test_an_end_user_is_found_nowhere_and_sums_stay(engine: AsyncEngine) -> None:
    await written(engine, rows_of(10))
    assert await Erasure(engine).erase("end_user", "eve", ACTOR) == Erased(5, 5)
    sums = await Rollups(engine).sums(Asked(kind="end_user"), "name")
    assert [(one.calls, one.cost) for one in sums] == [(5, 25), (5, 25)]
    assert sums[1].group == ("mallory",)
    assert sums[0].group[0].startswith("erased-")
    async with reading(engine) as connection:
        names = await connection.execute(select(RECORDS.c.end_user).distinct())
        assert {row[0] for row in names} == {"mallory", sums[0].group[0]}
        [line] = (await connection.execute(select(AUDIT.c.data))).all()
    audit = Audit.model_validate_json(line[0])
    assert (audit.actor, audit.action, audit.kind, audit.id) == (
        "admin",
        "erased",
        "end_user",
        "eve",
    )
    assert audit.after == {"records": 5, "texts": 5}
    left = await everything(engine, ("headgate_audit",))
    for gone in ("I am eve", "s-eve", "address of eve", "eve wrote nonsense", "'eve'"):
        assert gone not in left
    for kept in ("I am mallory", "s-mallory", "address of mallory"):
        assert kept in left


async def test_a_user_is_found_nowhere(engine: AsyncEngine) -> None:
    await written(engine, rows_of(6))
    assert (await Erasure(engine).erase("user_id", "eve-user", ACTOR)).records == 3
    left = await everything(engine, ("headgate_audit",))
    assert "eve-user" not in left
    assert "key of eve" not in left
    assert "mallory-user" in left
    users = await Rollups(engine).sums(Asked(), "user_id")
    assert [one.calls for one in users] == [3, 3]
    assert (await Rollups(engine).sums(Asked(kind="tag"), "user_id"))[0].group == users[0].group


async def test_late_calls_are_erased_by_another_turn_under_another_name(
    engine: AsyncEngine,
) -> None:
    await written(engine, rows_of(4))
    await Erasure(engine).erase("end_user", "eve", ACTOR)
    await written(engine, [{**row, "id": f"late-{row['id']}"} for row in rows_of(4)])
    assert (await Erasure(engine).erase("end_user", "eve", ACTOR)).records == 2
    assert await Erasure(engine).erase("end_user", "eve", ACTOR) == Erased(0, 0)
    sums = await Rollups(engine).sums(Asked(kind="end_user"), "name")
    assert sorted(one.calls for one in sums) == [2, 2, 4]


async def test_what_says_nothing_of_a_person_is_kept(engine: AsyncEngine) -> None:
    await written(engine, rows_of(2))
    await Erasure(engine).erase("end_user", "eve", ACTOR)
    async with reading(engine) as connection:
        data = await connection.scalar(select(RECORDS.c.data).where(RECORDS.c.id == "c0"))
    assert orjson.loads(str(data))["tags"] == ["red"]
