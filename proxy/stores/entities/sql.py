"""The store of entities in a database.

The rule: a row, its line in the audit table and its notice to the others are one transaction.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    asc,
    bindparam,
    delete,
    desc,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from proxy.stores.database.engine import reading, writing
from proxy.stores.database.tables import AUDIT, CHANGES, ENTITIES
from proxy.stores.entities.kinds import FOUND_FORMER, Audit, Entity, Key
from proxy.stores.entities.notices import Notices
from proxy.stores.entities.store import Actor, Query, Taken
from proxy.stores.entities.veil import veiled

E = TypeVar("E", bound=Entity)

# What an audit line shows of these is only that they are there.
_HIDDEN = ("digest", "sealed", "former", "rotating")
_MOST_IDS = 500
_DIGITS = 64


def _holder() -> Select[Any]:
    keys, wanted = ENTITIES[Key.kind].c, bindparam("digest", type_=Text)

    def past(number: int) -> ColumnElement[bool]:
        # Each has an index of its own, which is used only where the numbers stand in the statement.
        begin = literal_column(str(1 + _DIGITS * number), Integer)
        part = func.substr(keys.former_digest, begin, literal_column(str(_DIGITS), Integer))
        found: ColumnElement[bool] = part == wanted
        return found

    own = keys.digest == wanted
    # What is one key's secret now is not another's any more.
    return select(keys.data).where(or_(own, *map(past, range(FOUND_FORMER)))).order_by(own.desc())


HOLDER = _holder()


class SqlEntityStore:
    """Keeps entities in SQLite or PostgreSQL, whichever the engine leads to."""

    def __init__(self, engine: AsyncEngine, notices: Notices) -> None:
        self._engine = engine
        self._notices = notices

    async def get(self, kind: type[E], id: str) -> E | None:
        """The entity, or None."""
        found = await self.many(kind, [id])
        return found[0] if found else None

    async def many(self, kind: type[E], ids: Sequence[str]) -> list[E]:
        """Those of the ids that there are, in their order."""
        table, rows = ENTITIES[kind.kind], dict[str, E]()
        async with reading(self._engine) as connection:
            for start in range(0, len(ids), _MOST_IDS):
                part = ids[start : start + _MOST_IDS]
                found = await connection.execute(
                    select(table.c.id, table.c.data).where(table.c.id.in_(part))
                )
                rows |= {id: kind.model_validate_json(data) for id, data in found}
        return [rows[id] for id in ids if id in rows]

    async def find(self, kind: type[E], query: Query) -> list[E]:
        """One page."""
        table = ENTITIES[kind.kind]
        statement = select(table.c.data).where(*_conditions(kind, query))
        sort = table.c[query.sort]
        if query.after is not None:
            mark = select(sort).where(table.c.id == query.after).scalar_subquery()
            here, there = tuple_(sort, table.c.id), tuple_(mark, literal(query.after))
            statement = statement.where(here < there if query.descending else here > there)
        turned = desc if query.descending else asc
        statement = statement.order_by(turned(sort), turned(table.c.id))
        statement = statement.offset(query.offset).limit(query.limit)
        async with reading(self._engine) as connection:
            return [kind.model_validate_json(row[0]) for row in await connection.execute(statement)]

    async def holder(self, digest: str) -> Key | None:
        """The key whose secret has this digest, now or before it was rotated."""
        async with reading(self._engine) as connection:
            data = await connection.scalar(HOLDER, {"digest": digest})
            return None if data is None else Key.model_validate_json(data)

    async def count(self, kind: type[E], query: Query) -> int:
        """How many there are, whatever the page."""
        statement = select(func.count()).select_from(ENTITIES[kind.kind])
        async with reading(self._engine) as connection:
            found = await connection.scalar(statement.where(*_conditions(kind, query)))
            return found or 0

    async def add(self, entity: Entity, actor: Actor) -> None:
        """Keep a new one. Raises Taken."""
        table = ENTITIES[entity.kind]
        try:
            async with writing(self._engine) as connection:
                await connection.execute(insert(table).values(_row(entity)))
                await self._note(connection, actor, "created", (None, entity))
        except IntegrityError:
            raise Taken(entity.id) from None
        self._notices.tell(entity.kind, entity.id)

    async def change(
        self, kind: type[E], id: str, alter: Callable[[E], E], actor: Actor
    ) -> E | None:
        """Put `alter(what stands there)` in its place. Raises Taken."""
        table = ENTITIES[kind.kind]
        try:
            async with writing(self._engine) as connection:
                statement = select(table.c.data).where(table.c.id == id).with_for_update()
                data = (await connection.execute(statement)).scalar()
                if data is None:
                    return None
                before = kind.model_validate_json(data)
                after = alter(before).model_copy(
                    update={"updated_at": datetime.now(UTC), "updated_by": actor.name}
                )
                await connection.execute(update(table).where(table.c.id == id).values(_row(after)))
                await self._note(connection, actor, "updated", (before, after))
        except IntegrityError:
            raise Taken(id) from None
        self._notices.tell(kind.kind, id)
        return after

    async def remove(self, kind: type[E], ids: Sequence[str], actor: Actor) -> list[E]:
        """Take them out; gives those that there were."""
        table = ENTITIES[kind.kind]
        found = await self.many(kind, ids)
        async with writing(self._engine) as connection:
            for one in found:
                await connection.execute(delete(table).where(table.c.id == one.id))
                await self._note(connection, actor, "deleted", (one, None))
        for one in found:
            self._notices.tell(kind.kind, one.id)
        return found

    async def audits(self, kind: str | None, id: str | None, limit: int) -> list[Audit]:
        """The newest lines of the audit table."""
        statement = select(AUDIT.c.data).order_by(AUDIT.c.number.desc()).limit(limit)
        if kind is not None:
            statement = statement.where(AUDIT.c.kind == kind)
        if id is not None:
            statement = statement.where(AUDIT.c.entity == id)
        async with reading(self._engine) as connection:
            rows = await connection.execute(statement)
            return [Audit.model_validate_json(row[0]) for row in rows]

    def changes(self) -> AsyncGenerator[tuple[str, str], None]:
        """Kind and id of each entity that anybody changed, from now on."""
        return self._notices.follow()

    async def close(self) -> None:
        """Let go of the database."""
        await self._notices.close()
        await self._engine.dispose()

    async def _note(
        self,
        connection: AsyncConnection,
        actor: Actor,
        action: str,
        change: tuple[Entity | None, Entity | None],
    ) -> None:
        before, after = change
        entity = after or before
        assert entity is not None
        line = Audit(
            actor=actor.name,
            action=action,
            kind=entity.kind,
            id=entity.id,
            before=_shown(before),
            after=_shown(after),
            address=actor.address,
            changed_by=actor.changed_by,
        )
        await connection.execute(
            insert(AUDIT).values(
                at=line.at.isoformat(),
                actor=line.actor,
                action=action,
                kind=line.kind,
                entity=line.id,
                data=line.model_dump_json(),
            )
        )
        await connection.execute(insert(CHANGES).values(kind=entity.kind, entity=entity.id))
        if connection.dialect.name == "postgresql":
            await connection.execute(
                text("SELECT pg_notify('headgate_change', :what)"),
                {"what": orjson.dumps([entity.kind, entity.id]).decode()},
            )


def _row(entity: Entity) -> dict[str, Any]:
    row = {name: _text(getattr(entity, name)) for name in entity.columns}
    return {
        **row,
        "id": entity.id,
        "created_at": _text(entity.created_at),
        "data": entity.model_dump_json(),
    }


def _text(value: object) -> str | None:
    if value is None:
        return None
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def _shown(entity: Entity | None) -> dict[str, Any] | None:
    if entity is None:
        return None
    shown: dict[str, Any] = veiled(entity.model_dump(mode="json", exclude=set(_HIDDEN)))
    return shown


def _conditions(kind: type[Entity], query: Query) -> list[ColumnElement[bool]]:
    columns = ENTITIES[kind.kind].c
    found: list[ColumnElement[bool]] = []
    for name, wanted in query.where.items():
        if wanted is None:
            found.append(columns[name].is_(None))
        elif isinstance(wanted, (list, tuple, set, frozenset)):
            found.append(columns[name].in_([_text(one) for one in wanted]))
        else:
            found.append(columns[name] == _text(wanted))
    found += [
        func.lower(columns[name]).contains(part.lower(), autoescape=True)
        for name, part in query.search.items()
    ]
    return found
