"""Calls of older versions are moved over, counted once, wherever it stops."""

from __future__ import annotations

import orjson
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from proxy.stores.database.engine import reading, writing
from proxy.stores.database.tables import CALLS
from proxy.stores.journal import old_calls
from proxy.stores.journal.calls import CallLog, Wanted
from proxy.stores.journal.old_calls import move_old_calls
from proxy.stores.journal.rollups import DAY
from proxy.stores.journal.sums import Asked
from tests.conformance.journals import DATABASES
from tests.fakes.later import Later


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest) -> Later:
    """Each kind of database in turn."""
    return Later(DATABASES[request.param])


async def old(engine: AsyncEngine, count: int) -> None:
    data = {"upstream_model": "m-1", "usage": {"cached_tokens": 3}, "tags": ["red"]}
    rows = [
        {
            "id": f"old{number}",
            "started": 20_000.0 * DAY + number,
            "ended": 20_000.0 * DAY + number + 1,
            "operation": "chat",
            "outcome": "ok",
            "status": 200,
            "key_id": "k",
            "model": "fast",
            "streaming": False,
            "prompt_tokens": 7,
            "completion_tokens": 2,
            "cost": 10,
            "data": orjson.dumps(data).decode(),
        }
        for number in range(count)
    ]
    async with writing(engine) as connection:
        await connection.execute(CALLS.insert(), rows)


async def test_they_are_read_and_counted_afterwards(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(old_calls, "CHUNK", 4)
    await old(engine, 10)
    assert await move_old_calls(engine) == 10
    assert await move_old_calls(engine) == 0
    calls = CallLog(engine)
    [row, *_] = await calls.page(Wanted(), 20)
    assert (row["id"], row["upstream_model"], row["model_group"]) == ("old9", "m-1", "fast")
    total = await calls.rollups.total(Asked(kind="tag", where={"name": "red"}))
    assert (total.calls, total.cost, total.cached_tokens) == (10, 100, 30)
    async with reading(engine) as connection:
        assert await connection.scalar(select(func.count()).select_from(CALLS)) == 0
