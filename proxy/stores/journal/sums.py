"""Reads what calls came to.

The rule: whoever may see only some of the calls gets sums of these alone; sums of whole days are
read from the rollups, however many calls there were.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Select, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from proxy.stores.database.engine import reading
from proxy.stores.database.tables import ROLLUPS
from proxy.stores.journal.rollups import ALL, KEY, SUMS, WHAT, WHO

MANY = 2_000
_GROUPS = frozenset({"day", "name", *WHO, *WHAT})

# What a column of rollups must be: one text, or one of several.
Where = Mapping[str, str | Sequence[str] | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rollups: of these days (since 1970, the last one included; None: without an end), whose
    columns are as `where` says, of calls of which one column is as `seen` says (None: all); `kind`
    is theirs where they are by end user or tag."""

    first: int | None = None
    last: int | None = None
    where: Where = field(default_factory=dict)
    seen: Mapping[str, Sequence[str]] | None = None
    kind: str | None = None


class Totals(NamedTuple):
    """What the calls of one group came to; `cost` in nano-dollars. A group's value is empty for
    calls that have none; its `day` is a number."""

    group: tuple[Any, ...]
    calls: int = 0
    failed: int = 0
    limited: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    replayed_tokens: int = 0
    cost: int = 0
    milliseconds: int = 0
    first_byte_ms: int = 0
    timed: int = 0

    @property
    def tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


class Rollups:
    """The rollups in a database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def sums(
        self,
        asked: Asked,
        *groups: str,
        most: int | None = None,
        only: Sequence[str] = SUMS,
    ) -> list[Totals]:
        """What the calls came to by these columns, in their order, or, where `most` is given, that
        many of those that cost most; `only` names what is wanted, and the rest is nothing. Raises
        StoreUnavailable."""
        columns = [ROLLUPS.c[name] for name in groups if name in _GROUPS]
        # A sum of whole numbers is a decimal for PostgreSQL, and many of them are slow to read.
        totals = [cast(func.sum(ROLLUPS.c[name]), BigInteger) for name in only]
        statement: Select[Any] = select(*columns, *totals).where(*_conditions(asked, groups))
        statement = statement.group_by(*columns)
        if most is not None:
            dearest = func.sum(ROLLUPS.c.cost).desc()
            statement = statement.order_by(dearest, *columns).limit(most)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(statement)).all()
        if len(rows) < MANY:
            return _totals(rows, len(columns), only, most is None)
        # The calls to models must not wait for it.
        return await asyncio.to_thread(_totals, rows, len(columns), only, most is None)

    async def total(self, asked: Asked) -> Totals:
        """What all of them came to. Raises StoreUnavailable."""
        found = await self.sums(asked)
        return found[0] if found else Totals(())

    async def count(self, asked: Asked, succeeded: bool | None, cached: bool | None) -> int:
        """How many calls there were, of those that went well or not, from the cache or not. Raises
        StoreUnavailable."""
        found = await self.total(asked)
        if succeeded is not None and cached is None:
            return found.calls - found.failed if succeeded else found.failed
        if cached is not None and succeeded is None:
            return found.cached if cached else found.calls - found.cached
        return found.calls

    async def names(self, kind: str) -> list[str]:
        """All end users or tags that there ever were. Raises StoreUnavailable."""
        statement = select(ROLLUPS.c.name).where(ROLLUPS.c.kind == kind).distinct()
        async with reading(self._engine) as connection:
            return [row[0] for row in await connection.execute(statement.order_by(ROLLUPS.c.name))]


def _totals(
    rows: Sequence[Sequence[Any]], width: int, only: Sequence[str], in_order: bool
) -> list[Totals]:
    if in_order:
        # By their characters, which here is several times as fast as by the locale there.
        rows = sorted(rows, key=tuple)
    places = [width + only.index(name) if name in only else None for name in SUMS]
    return [
        Totals(tuple(row[:width]), *[0 if at is None else row[at] or 0 for at in places])
        for row in rows
    ]


def _conditions(asked: Asked, groups: Sequence[str]) -> list[ColumnElement[bool]]:
    named = {*groups, *asked.where, *(asked.seen or {})}
    kind = asked.kind or (KEY if named & set(WHO) or asked.seen is not None else ALL)
    found: list[ColumnElement[bool]] = [ROLLUPS.c.kind == kind]
    if asked.first is not None:
        found.append(ROLLUPS.c.day >= asked.first)
    if asked.last is not None:
        found.append(ROLLUPS.c.day <= asked.last)
    found += [_equal(name, value) for name, value in asked.where.items()]
    if asked.seen is not None:
        found.append(or_(*(ROLLUPS.c[name].in_(some) for name, some in asked.seen.items())))
    return found


def _equal(name: str, value: str | Sequence[str] | None) -> ColumnElement[bool]:
    if name == "model" and isinstance(value, str):
        # One says the public name, another what the provider calls it.
        return or_(ROLLUPS.c.model == value, ROLLUPS.c.model_group == value)
    column: ColumnElement[Any] = ROLLUPS.c[name]
    if value is None or isinstance(value, str):
        return column == (value or "")
    return column.in_(value)
