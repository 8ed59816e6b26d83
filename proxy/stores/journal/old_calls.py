"""Moves the calls that versions before the fifth step wrote into the table of records.

The rule: a few rows at a time, each batch in one transaction, so that a row is in one of the tables
and in the rollups once, wherever it stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from proxy.stores.database.engine import writing
from proxy.stores.database.tables import CALLS, RECORDS
from proxy.stores.journal.batches import write_batch
from proxy.stores.journal.rollups import DAY

CHUNK = 500


async def move_old_calls(engine: AsyncEngine, pause: float = 0.0) -> int:
    """Move all that there are, with so many seconds between two batches; gives how many. Raises
    StoreUnavailable."""
    moved = 0
    while count := await _move(engine):
        moved += count
        await asyncio.sleep(pause)
    return moved


async def _move(engine: AsyncEngine) -> int:
    statement = select(CALLS).limit(CHUNK)
    if engine.dialect.name == "postgresql":
        statement = statement.with_for_update(skip_locked=True)
    async with writing(engine) as connection:
        found = await connection.execute(statement)
        rows = [_row(dict(one)) for one in found.mappings()]
        await write_batch(connection, rows)
        moved = [row["id"] for row in rows]
        await connection.execute(delete(CALLS).where(CALLS.c.id.in_(moved)))
    return len(rows)


def _row(call: Mapping[str, Any]) -> dict[str, Any]:
    data = orjson.loads(call["data"])
    usage = data.get("usage", {})
    return {
        **dict.fromkeys(column.name for column in RECORDS.c),
        **call,
        "day": int(call["started"] // DAY),
        "model_group": call["model"],
        "upstream_model": data.get("upstream_model"),
        "cached_tokens": usage.get("cached_tokens", 0),
        "cache_write_tokens": usage.get("cache_write_tokens", 0),
        "first_byte": data.get("first_byte"),
        "tags": data.get("tags", []),
        "prompt": None,
        "answer": None,
    }
