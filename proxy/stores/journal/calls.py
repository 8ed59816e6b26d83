"""Reads the records of calls back.

The rule: what a reader may not see is left out by the database, before anything is counted or cut
into pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Integer, RowMapping, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from proxy.stores.database.engine import reading
from proxy.stores.database.tables import CALLS
from proxy.stores.journal.rows import MARK

DAY = 86_400
GROUPS = frozenset(
    {
        "key_id",
        "key_alias",
        "user_id",
        "team_id",
        "end_user",
        "model",
        "organization_id",
        "provider",
    }
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls: between two moments (seconds since 1970, the second not included), whose columns
    are as `where` says, and of which one column is as `seen` says (None: all may be seen)."""

    since: float | None = None
    until: float | None = None
    id: str | None = None
    where: Mapping[str, str | None] = field(default_factory=dict)
    seen: Mapping[str, Sequence[str]] | None = None
    succeeded: bool | None = None

    def of_outcome(self, succeeded: bool) -> Wanted:
        """Of these, those that went well, or those that did not."""
        return replace(self, succeeded=succeeded)


@dataclass(frozen=True, slots=True)
class Sum:
    """What calls of one day and group came to; `cost` in nano-dollars."""

    day: int
    group: tuple[str | None, ...]
    calls: int
    cost: int
    tokens: int


class CallLog:
    """The calls in a database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(self, wanted: Wanted, limit: int, offset: int = 0) -> list[dict[str, Any]]:
        """Calls with all that is known of them, newest first. Raises StoreUnavailable."""
        statement = select(CALLS).where(*_conditions(wanted))
        statement = statement.order_by(CALLS.c.started.desc(), CALLS.c.id.desc())
        async with reading(self._engine) as connection:
            rows = await connection.execute(statement.limit(limit).offset(offset))
            return [_whole(row) for row in rows.mappings()]

    async def count(self, wanted: Wanted) -> int:
        """How many calls there are. Raises StoreUnavailable."""
        statement = select(func.count()).select_from(CALLS).where(*_conditions(wanted))
        async with reading(self._engine) as connection:
            return int(await connection.scalar(statement) or 0)

    async def sums(self, wanted: Wanted, *groups: str) -> list[Sum]:
        """What the calls came to, by day (UTC) and by these columns. Raises StoreUnavailable."""
        columns = [CALLS.c[name] for name in groups if name in GROUPS]
        days = CALLS.c.started / DAY
        # SQLite has no floor, and PostgreSQL rounds what it casts.
        sqlite = self._engine.dialect.name == "sqlite"
        day = cast(days if sqlite else func.floor(days), Integer).label("day")
        tokens = CALLS.c.prompt_tokens + CALLS.c.completion_tokens
        statement = (
            select(day, *columns, func.count(), func.sum(CALLS.c.cost), func.sum(tokens))
            .where(*_conditions(wanted))
            .group_by(day, *columns)
            .order_by(day)
        )
        async with reading(self._engine) as connection:
            return [
                Sum(row[0], tuple(row[1:-3]), row[-3], int(row[-2] or 0), int(row[-1] or 0))
                for row in await connection.execute(statement)
            ]


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [CALLS.c[name] == one for name, one in wanted.where.items()]
    if wanted.since is not None:
        found.append(CALLS.c.started >= wanted.since)
    if wanted.until is not None:
        found.append(CALLS.c.started < wanted.until)
    if wanted.id is not None:
        repeated = CALLS.c.id.startswith(wanted.id + MARK, autoescape=True)
        found.append(or_(CALLS.c.id == wanted.id, repeated))
    if wanted.succeeded is not None:
        found.append((CALLS.c.outcome == "ok") if wanted.succeeded else (CALLS.c.outcome != "ok"))
    if wanted.seen is not None:
        found.append(or_(*(CALLS.c[name].in_(some) for name, some in wanted.seen.items())))
    return found


def _whole(row: RowMapping) -> dict[str, Any]:
    return {**row, "data": orjson.loads(row["data"])}
