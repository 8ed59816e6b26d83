"""A store of entities that can go away, be slow and count what it is asked; and a directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pipelines.errors import StoreUnavailable
from proxy.background import Background
from proxy.config.identity import IdentitySettings
from proxy.stores.entities.kinds import Entity, Key
from proxy.stores.entities.store import Actor, Query
from proxy.stores.keys.digest import digest
from proxy.stores.keys.directory import Directory
from proxy.stores.keys.services import Services
from tests.fakes.entities import FakeEntities
from tests.fakes.ports import FakeClock

ME = Actor("me")
SECRET = "sk-virtual-0123456789"
MASTER = "sk-master-0123456789abcdef"

E = TypeVar("E", bound=Entity)


class Store(FakeEntities):
    """Entities in memory; `away` makes it fail, and `hold` makes every read wait."""

    def __init__(self, *entities: Entity) -> None:
        super().__init__(*entities)
        self.asked = 0
        self.away = False
        self.hold: asyncio.Event | None = None

    async def get(self, kind: type[E], id: str) -> E | None:
        await self._enter()
        return await super().get(kind, id)

    async def find(self, kind: type[E], query: Query) -> list[E]:
        await self._enter()
        return await super().find(kind, query)

    async def holder(self, digest: str) -> Key | None:
        await self._enter()
        return await super().holder(digest)

    async def add(self, entity: Entity, actor: Actor) -> None:
        await self._enter()
        await super().add(entity, actor)

    async def put(self, kind: type[E], id: str, **fields: Any) -> None:
        """Change fields of an entity."""
        await self.change(kind, id, lambda one: one.model_copy(update=fields), ME)

    async def many(self, kind: type[E], ids: Sequence[str]) -> list[E]:
        await self._enter()
        return await super().many(kind, ids)

    async def _enter(self) -> None:
        self.asked += 1
        if self.hold is not None:
            await self.hold.wait()
        if self.away:
            raise StoreUnavailable("away")


class Clock(FakeClock):
    """A clock whose date is turned with it."""

    def date(self, seconds: float = 0.0) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC) + timedelta(seconds=seconds)


def a_key(secret: str = SECRET, id: str = "k1", pepper: str | None = None, **more: Any) -> Key:
    return Key.model_validate({"id": id, "digest": digest(secret, pepper), **more})


@asynccontextmanager
async def a_directory(
    store: Store,
    settings: IdentitySettings | None = None,
    clock: Clock | None = None,
    services: Services | None = None,
) -> AsyncIterator[Directory]:
    """A directory that hears of every change until it is left."""
    background = Background()
    directory = Directory(
        store,
        settings or IdentitySettings(),
        MASTER,
        clock or Clock(),
        background,
        services,
    )
    background.spawn(directory.follow(), "follow")
    await asyncio.sleep(0)
    try:
        yield directory
    finally:
        await background.close(0)


async def heard() -> None:
    """Let the notices arrive."""
    for _ in range(5):
        await asyncio.sleep(0)
