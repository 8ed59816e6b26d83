"""Makes a person unknown in the records of calls.

The rule: sums stay true. What was asked and answered goes, and everywhere else one random name
takes the person's place, which nothing leads back from.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import ColumnElement, bindparam, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from proxy.stores.database.engine import writing
from proxy.stores.database.tables import AUDIT, RECORDS, ROLLUPS, TEXTS
from proxy.stores.entities.kinds import Audit, EndUser, User
from proxy.stores.entities.store import Actor
from proxy.stores.journal.batches import add_rollups
from proxy.stores.journal.old_calls import move_old_calls
from proxy.stores.journal.rollups import END_USER, GROUPS, rollup_id

CHUNK = 500
# Of the fields of `data`, those that alone say nothing of a person.
HARMLESS = frozenset(
    {
        "api_base",
        "attempts",
        "cost_source",
        "fallbacks",
        "first_byte",
        "losses",
        "mirror_of",
        "overhead",
        "provider_status",
        "received_bytes",
        "requested_model",
        "route",
        "sent_bytes",
        "tags",
        "team_alias",
        "usage",
    }
)

Column = Literal["end_user", "user_id"]


@dataclass(frozen=True, slots=True)
class Erased:
    """How many records were made unknown, and of how many the texts were removed."""

    records: int
    texts: int


class Erasure:
    """Erases persons from the records in a database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def erase(self, column: Column, id: str, actor: Actor) -> Erased:
        """Erase one end user or user, with a line in the audit table; it may be repeated, for calls
        that were still on their way. Raises StoreUnavailable."""
        await move_old_calls(self._engine)
        name = f"erased-{secrets.token_hex(8)}"
        records = texts = 0
        while found := await self._some(column, id, name):
            records, texts = records + found[0], texts + found[1]
        while await self._rolled_up(column, id, name):
            pass
        await self._note(
            Audit(
                actor=actor.name,
                action="erased",
                kind=(EndUser if column == "end_user" else User).kind,
                id=id,
                after={"records": records, "texts": texts},
                address=actor.address,
                changed_by=actor.changed_by,
            )
        )
        return Erased(records, texts)

    async def _note(self, line: Audit) -> None:
        found = {"at": line.at.isoformat(), "entity": line.id, "data": line.model_dump_json()}
        found |= {"actor": line.actor, "action": line.action, "kind": line.kind}
        async with writing(self._engine) as connection:
            await connection.execute(AUDIT.insert().values(**found))

    async def _some(self, column: Column, id: str, name: str) -> tuple[int, int] | None:
        some = select(RECORDS.c.id, RECORDS.c.day, RECORDS.c.data)
        async with writing(self._engine) as connection:
            statement = some.where(RECORDS.c[column] == id).limit(CHUNK)
            rows = (await connection.execute(statement)).all()
            if not rows:
                return None
            places = [(row[0], row[1]) for row in rows]
            gone = await connection.execute(
                delete(TEXTS).where(tuple_(TEXTS.c.id, TEXTS.c.day).in_(places))
            )
            changed: dict[str, Any] = {column: name, "session_id": None, "trace_id": None}
            if column == "user_id":
                changed["key_alias"] = None
            alter = update(RECORDS).where(
                RECORDS.c.id == bindparam("of_id"), RECORDS.c.day == bindparam("of_day")
            )
            given = [{"of_id": row[0], "of_day": row[1], "data": _harmless(row[2])} for row in rows]
            await connection.execute(alter.values(**changed, data=bindparam("data")), given)
            return len(rows), max(0, gone.rowcount)

    async def _rolled_up(self, column: Column, id: str, name: str) -> bool:
        statement = select(ROLLUPS).where(*_theirs(column, id))
        statement = statement.order_by(ROLLUPS.c.kind, ROLLUPS.c.day, ROLLUPS.c.id).limit(CHUNK)
        if self._engine.dialect.name == "postgresql":
            statement = statement.with_for_update()
        async with writing(self._engine) as connection:
            rows = [dict(row) for row in (await connection.execute(statement)).mappings()]
            if rows:
                await _renamed(connection, rows, "name" if column == "end_user" else column, name)
        return bool(rows)


async def _renamed(
    connection: AsyncConnection, rows: list[dict[str, Any]], column: str, name: str
) -> None:
    key = tuple_(ROLLUPS.c.kind, ROLLUPS.c.day, ROLLUPS.c.id)
    old = [(row["kind"], row["day"], row["id"]) for row in rows]
    await connection.execute(delete(ROLLUPS).where(key.in_(old)))
    for row in rows:
        row[column] = name
        # The old digest would give the old name away to whoever tries it.
        row["id"] = rollup_id([row[group] for group in GROUPS])
    await add_rollups(connection, sorted(rows, key=_place))


def _place(row: Mapping[str, Any]) -> tuple[str, int, str]:
    return row["kind"], row["day"], row["id"]


def _theirs(column: Column, id: str) -> list[ColumnElement[bool]]:
    if column == "end_user":
        return [ROLLUPS.c.kind == END_USER, ROLLUPS.c.name == id]
    return [ROLLUPS.c.user_id == id]


def _harmless(data: str) -> str:
    found = {name: value for name, value in orjson.loads(data).items() if name in HARMLESS}
    for attempt in found.get("attempts", ()):
        # The words of an error may quote what was asked.
        if isinstance(attempt, list) and len(attempt) > 2:
            attempt[2] = None
    return orjson.dumps(found).decode()
