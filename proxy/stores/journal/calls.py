"""Reads the records of calls back.

The rule: what a reader may not see is left out by the database, before anything is counted or cut
into pages; a page further on is found by where the one before it ended.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import ColumnElement, RowMapping, and_, func, literal_column, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from proxy.stores.database.engine import reading
from proxy.stores.database.tables import RECORDS, TEXTS
from proxy.stores.journal.erasure import Erasure
from proxy.stores.journal.rollups import CACHED, DAY
from proxy.stores.journal.rows import MARK
from proxy.stores.journal.sums import Asked, Rollups

CHUNK = 1_000
# What is counted one by one is counted no further.
MOST_COUNTED = 10_000
FAILED = 400
_AFTER_MARK = chr(ord(MARK) + 1)
SORTS = frozenset(
    {"started", "ended", "cost", "prompt_tokens", "completion_tokens", "total_tokens", "duration"}
)
_SUMMED = frozenset(
    {"key_id", "user_id", "team_id", "organization_id", "model", "model_group", "deployment"}
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls: between two moments (seconds since 1970, the second not included), whose columns
    are as `where` says, and of which one column is as `seen` says (None: all may be seen); `costs`
    are the least and the greatest in nano-dollars, `error` a part of the error's words, `after` the
    place (moment, id) of the last call of the page before."""

    since: float | None = None
    until: float | None = None
    id: str | None = None
    where: Mapping[str, str | None] = field(default_factory=dict)
    seen: Mapping[str, Sequence[str]] | None = None
    succeeded: bool | None = None
    cached: bool | None = None
    status: int | None = None
    costs: tuple[int | None, int | None] = (None, None)
    error: str | None = None
    after: tuple[float, str] | None = None

    def of_outcome(self, succeeded: bool) -> Wanted:
        """Of these, those that went well, or those that did not."""
        return replace(self, succeeded=succeeded)

    @property
    def summed(self) -> bool:
        """Whether the rollups know how many these are."""
        # They do not know how many went well of those from the cache.
        if self.succeeded is not None and self.cached is not None:
            return False
        narrowed = (self.id, self.status, self.error, self.after, *self.costs)
        return self.where.keys() <= _SUMMED and all(one is None for one in narrowed)


@dataclass(frozen=True, slots=True)
class Texts:
    """What was asked and answered, as far as it was kept."""

    prompt: str | None
    answer: str | None


class CallLog:
    """The calls in a database; in `rollups` what they came to, and `erasure` makes persons unknown
    in them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.erasure = Erasure(engine)
        self.rollups = Rollups(engine)

    async def page(
        self,
        wanted: Wanted,
        limit: int,
        offset: int = 0,
        sort: str = "started",
        descending: bool = True,
    ) -> list[dict[str, Any]]:
        """Calls with all that is known of them, newest first or as `sort` says. Raises
        StoreUnavailable."""
        order = _order(sort)
        statement = (
            select(RECORDS)
            .where(*_conditions(wanted))
            .order_by(*[one.desc() for one in order] if descending else order)
            .limit(limit)
            .offset(offset)
        )
        async with reading(self._engine) as connection:
            rows = await connection.execute(statement)
            return [_whole(row) for row in rows.mappings()]

    async def each(self, wanted: Wanted) -> AsyncIterator[list[dict[str, Any]]]:
        """All of these calls, newest first, a few at a time. Raises StoreUnavailable."""
        while rows := await self.page(wanted, CHUNK):
            yield rows
            if len(rows) < CHUNK:
                return
            wanted = replace(wanted, after=(rows[-1]["started"], rows[-1]["id"]))

    async def count(self, wanted: Wanted) -> int:
        """How many calls there are: of those that the rollups know exactly, of others at most
        MOST_COUNTED. Raises StoreUnavailable."""
        if not wanted.summed:
            return await self._counted(wanted)
        oldest, newest = await self._days()
        first = max(oldest, 0 if wanted.since is None else -int(-wanted.since // DAY))
        last = newest if wanted.until is None else min(newest, int(wanted.until // DAY) - 1)
        if first > last:
            return await self._counted(wanted)
        found = await self.rollups.count(
            Asked(first, last, wanted.where, wanted.seen), wanted.succeeded, wanted.cached
        )
        edges = (
            replace(wanted, until=float(first * DAY)),
            replace(wanted, since=float((last + 1) * DAY)),
        )
        for edge, given in zip(edges, (wanted.since, wanted.until), strict=True):
            # What lies before the oldest or after the newest is nothing.
            if given is not None and given % DAY:
                found += await self._counted(edge)
        return found

    async def texts(self, wanted: Wanted) -> Texts | None:
        """What the one call that is wanted was asked and answered, or None where there is no such
        call. Raises StoreUnavailable."""
        joined = RECORDS.outerjoin(
            TEXTS, and_(TEXTS.c.id == RECORDS.c.id, TEXTS.c.day == RECORDS.c.day)
        )
        statement = select(TEXTS.c.prompt, TEXTS.c.answer).select_from(joined)
        statement = statement.where(*_conditions(wanted)).order_by(RECORDS.c.day.desc()).limit(1)
        async with reading(self._engine) as connection:
            row = (await connection.execute(statement)).first()
            return None if row is None else Texts(row[0], row[1])

    async def _counted(self, wanted: Wanted) -> int:
        some = select(RECORDS.c.day).where(*_conditions(wanted)).limit(MOST_COUNTED).subquery()
        async with reading(self._engine) as connection:
            return int(await connection.scalar(select(func.count()).select_from(some)) or 0)

    async def _days(self) -> tuple[int, int]:
        day = RECORDS.c.day
        async with reading(self._engine) as connection:
            oldest = await connection.scalar(select(day).order_by(day).limit(1))
            newest = await connection.scalar(select(day).order_by(day.desc()).limit(1))
            return (0, -1) if oldest is None or newest is None else (oldest, newest)


def _order(sort: str) -> list[ColumnElement[Any]]:
    own: dict[str, ColumnElement[Any]] = {
        "total_tokens": RECORDS.c.prompt_tokens + RECORDS.c.completion_tokens,
        "duration": RECORDS.c.ended - RECORDS.c.started,
        "cost": func.coalesce(RECORDS.c.cost, 0),
    }
    place: list[ColumnElement[Any]] = [RECORDS.c.day, RECORDS.c.started, RECORDS.c.id]
    if sort == "started" or sort not in SORTS:
        return place
    return [own[sort] if sort in own else RECORDS.c[sort], *place]


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found = [_equal(name, one) for name, one in wanted.where.items()]
    # The day says which parts of the table need not be looked at.
    if wanted.since is not None:
        found += [RECORDS.c.day >= int(wanted.since // DAY), RECORDS.c.started >= wanted.since]
    if wanted.until is not None:
        found += [RECORDS.c.day <= int(wanted.until // DAY), RECORDS.c.started < wanted.until]
    if wanted.after is not None:
        place = (int(wanted.after[0] // DAY), *wanted.after)
        found += [
            RECORDS.c.day <= place[0],
            tuple_(RECORDS.c.day, RECORDS.c.started, RECORDS.c.id) < place,
        ]
    if wanted.id is not None:
        # As an index has them, where a pattern would have to be tried on every row.
        repeated = and_(RECORDS.c.id >= wanted.id + MARK, RECORDS.c.id < wanted.id + _AFTER_MARK)
        found.append(or_(RECORDS.c.id == wanted.id, repeated))
    if wanted.seen is not None:
        found.append(or_(*(RECORDS.c[name].in_(some) for name, some in wanted.seen.items())))
    return [*found, *_narrowed(wanted)]


def _narrowed(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.succeeded is not None:
        ended = RECORDS.c.outcome
        found.append((ended == "ok") if wanted.succeeded else (ended != "ok"))
    if wanted.cached is not None:
        hit = func.coalesce(RECORDS.c.cache, "").in_(sorted(CACHED))
        found.append(hit if wanted.cached else ~hit)
    if wanted.status is not None:
        found.append(RECORDS.c.status == wanted.status)
        if wanted.status >= FAILED:
            # The index is of these, and no database proves it of a parameter.
            found.append(RECORDS.c.status >= literal_column(str(FAILED)))
    least, most = wanted.costs
    if least is not None:
        found.append(func.coalesce(RECORDS.c.cost, 0) >= least)
    if most is not None:
        found.append(func.coalesce(RECORDS.c.cost, 0) <= most)
    if wanted.error is not None:
        found += [RECORDS.c.outcome != "ok", RECORDS.c.data.contains(wanted.error, autoescape=True)]
    return found


def _equal(name: str, value: str | None) -> ColumnElement[bool]:
    if name == "model":
        # One says the public name, another what the provider calls it.
        return or_(RECORDS.c.model == value, RECORDS.c.upstream_model == value)
    found: ColumnElement[bool] = RECORDS.c[name] == value
    return found


def _whole(row: RowMapping) -> dict[str, Any]:
    return {**row, "data": orjson.loads(row["data"])}
