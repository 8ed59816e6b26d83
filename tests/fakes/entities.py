"""A store of entities in memory, for the tests of those who ask one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TypeVar

from proxy.stores.entities.kinds import Audit, Entity, Key
from proxy.stores.entities.store import Actor, Query, Taken

E = TypeVar("E", bound=Entity)


class FakeEntities:
    """Keeps entities in a dictionary; the real stores have a conformance suite of their own."""

    def __init__(self, *entities: Entity) -> None:
        self.rows: dict[tuple[str, str], Entity] = {(one.kind, one.id): one for one in entities}
        self.audit: list[Audit] = []
        self._listeners: list[asyncio.Queue[tuple[str, str]]] = []

    async def get(self, kind: type[E], id: str) -> E | None:
        found = self.rows.get((kind.kind, id))
        return found if isinstance(found, kind) else None

    async def many(self, kind: type[E], ids: Sequence[str]) -> list[E]:
        found = [await self.get(kind, id) for id in ids]
        return [one for one in found if one is not None]

    async def find(self, kind: type[E], query: Query) -> list[E]:
        rows = sorted(
            self._fitting(kind, query),
            key=lambda one: (str(getattr(one, query.sort)), one.id),
            reverse=query.descending,
        )
        if query.after is not None:
            ids = [one.id for one in rows]
            rows = rows[ids.index(query.after) + 1 :] if query.after in ids else []
        return rows[query.offset : query.offset + query.limit]

    async def holder(self, digest: str) -> Key | None:
        keys = [one for one in self.rows.values() if isinstance(one, Key)]
        own = [one for one in keys if one.digest == digest]
        former = [one for one in keys if digest in [past.digest for past in one.former]]
        return next(iter((*own, *former)), None)

    async def count(self, kind: type[E], query: Query) -> int:
        return len(self._fitting(kind, query))

    async def add(self, entity: Entity, actor: Actor) -> None:
        if (entity.kind, entity.id) in self.rows or self._digest_is_taken(entity):
            raise Taken(entity.id)
        self._write(entity)
        self._note(actor, "created", entity.kind, entity.id, None, entity)

    async def change(
        self, kind: type[E], id: str, alter: Callable[[E], E], actor: Actor
    ) -> E | None:
        before = await self.get(kind, id)
        if before is None:
            return None
        after = alter(before)
        self._write(after)
        self._note(actor, "updated", kind.kind, id, before, after)
        return after

    async def remove(self, kind: type[E], ids: Sequence[str], actor: Actor) -> list[E]:
        found = await self.many(kind, ids)
        for one in found:
            del self.rows[kind.kind, one.id]
            self._note(actor, "deleted", kind.kind, one.id, one, None)
        return found

    async def audits(self, kind: str | None, id: str | None, limit: int) -> list[Audit]:
        return [
            one for one in reversed(self.audit) if kind in (None, one.kind) and id in (None, one.id)
        ][:limit]

    async def changes(self) -> AsyncGenerator[tuple[str, str], None]:
        queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._listeners.append(queue)
        while True:
            yield await queue.get()

    async def close(self) -> None:
        pass

    def _fitting(self, kind: type[E], query: Query) -> list[E]:
        rows = [one for one in self.rows.values() if isinstance(one, kind)]
        for name, wanted in query.where.items():
            allowed = wanted if isinstance(wanted, (list, tuple, set, frozenset)) else (wanted,)
            rows = [one for one in rows if getattr(one, name) in allowed]
        for name, text in query.search.items():
            rows = [one for one in rows if text.lower() in _column(one, name).lower()]
        return rows

    def _digest_is_taken(self, entity: Entity) -> bool:
        return isinstance(entity, Key) and any(
            isinstance(one, Key) and one.digest == entity.digest for one in self.rows.values()
        )

    def _write(self, entity: Entity) -> None:
        self.rows[entity.kind, entity.id] = entity
        for queue in self._listeners:
            queue.put_nowait((entity.kind, entity.id))

    def _note(self, actor: Actor, action: str, *what: str | Entity | None) -> None:
        kind, id, before, after = what
        self.audit.append(
            Audit(
                actor=actor.name,
                action=action,
                kind=str(kind),
                id=str(id),
                before=before.model_dump(mode="json") if isinstance(before, Entity) else None,
                after=after.model_dump(mode="json") if isinstance(after, Entity) else None,
                address=actor.address,
                changed_by=actor.changed_by,
            )
        )


def _column(entity: Entity, name: str) -> str:
    return entity.model_dump_json() if name == "data" else str(getattr(entity, name) or "")
