"""Ledgers whose process can end at any moment, and be followed by another one.

The rule: what the dead process had in memory only is gone; the time that their leases need has
passed when the next one has tended the ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Protocol

from pipelines.ledger import LEASE, Ledger
from proxy.background import Background
from proxy.clock import SystemClock
from proxy.stores.ledger.embedded import EmbeddedLedger
from proxy.stores.ledger.memory import MemoryLedger
from proxy.stores.ledger.postgres import PostgresLedger
from proxy.stores.ledger.postgres_line import PostgresLine
from proxy.stores.ledger.redis import RedisLedger, RedisOptions
from proxy.stores.ledger.redis_line import packed
from proxy.stores.ledger.sqlite import SqliteLedger
from tests.conformance.ledgers import migrated, unique
from tests.fakes.ports import FakeClock
from tests.fakes.servers import redis


class World(Protocol):
    """One ledger, and what becomes of it when its process dies."""

    # Whether somebody can still settle what the dead process held, and rates live on.
    shared: bool

    @property
    def ledger(self) -> Ledger:
        """The ledger of the process that lives."""

    async def crash(self) -> None:
        """End the process and start another one, after the lease of the first."""


class Memory:
    """Dies with its process, so it never crashes here."""

    shared = True

    def __init__(self) -> None:
        self.ledger: Ledger = MemoryLedger(FakeClock())

    async def crash(self) -> None:
        pass


class Embedded:
    """Nothing is flushed before the end."""

    shared = False

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ledger.db"
        self._made = EmbeddedLedger(self._path, SystemClock())

    @property
    def ledger(self) -> Ledger:
        return self._made

    async def crash(self) -> None:
        await end_embedded(self._made)
        self._made = EmbeddedLedger(self._path, SystemClock())


async def end_embedded(ledger: EmbeddedLedger) -> None:
    """Let go of everything, as the end of the process does."""
    if ledger._timer is not None:
        ledger._timer.cancel()
    if ledger._syncing is not None:
        await asyncio.wait({ledger._syncing})
    ledger._lines.close()
    ledger._books.close()
    ledger._lock.release()


class Sqlite:
    """Settlements are flushed before the end."""

    shared = True

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ledger.db"
        self._clock = FakeClock()
        self._made = SqliteLedger(self._path, self._clock)

    @property
    def ledger(self) -> Ledger:
        return self._made

    async def crash(self) -> None:
        await self._made.close()
        self._clock.now += LEASE + 1
        self._made = SqliteLedger(self._path, self._clock)
        await self._made.tend()


class Postgres:
    """The next process is another owner."""

    shared = True

    def __init__(self, background: Background) -> None:
        self._background = background
        self._made = PostgresLedger(address(), background)

    @property
    def ledger(self) -> Ledger:
        return self._made

    async def crash(self) -> None:
        await self._made.close()
        line = PostgresLine(address(), 1)
        await line.rows("UPDATE headgate_ledger_hold SET deadline = 0")
        await line.close()
        self._made = PostgresLedger(address(), self._background)
        await self._made.tend()


class Redis:
    """The next process knows no hold of the first."""

    shared = True

    def __init__(self, background: Background) -> None:
        self._background = background
        self._options = RedisOptions(prefix=f"{{{unique()}}}", deadline=2.0, grace=0.0)
        self._made = self._new()

    @property
    def ledger(self) -> Ledger:
        return self._made

    async def open(self) -> None:
        await self._made.open()

    async def crash(self) -> None:
        line, names = self._made._line, self._made._names
        (held,) = await line.run([packed(b"ZRANGE", names.leases, b"0", b"-1")])
        await line.run([packed(b"ZADD", names.leases, b"1", id) for id in held])
        slots = f"{self._options.prefix}:s:*".encode()
        (keys,) = await line.run([packed(b"KEYS", slots)])
        await line.run([packed(b"DEL", key) for key in keys])
        await self._made.close()
        self._made = self._new()
        await self._made.open()
        await self._made.tend()

    def _new(self) -> RedisLedger:
        return RedisLedger(redis().url, address(), self._background, SystemClock(), self._options)


@cache
def address() -> str:
    """The PostgreSQL database that all of these share; names in it are their own."""
    with asyncio.Runner() as runner:
        return runner.run(migrated())


@asynccontextmanager
async def memory() -> AsyncIterator[World]:
    """In memory."""
    yield Memory()


@asynccontextmanager
async def embedded() -> AsyncIterator[World]:
    """Of one process."""
    with TemporaryDirectory() as folder:
        world = Embedded(Path(folder))
        yield world
        await world.ledger.close()


@asynccontextmanager
async def sqlite() -> AsyncIterator[World]:
    """Of one machine."""
    with TemporaryDirectory() as folder:
        world = Sqlite(Path(folder))
        yield world
        await world.ledger.close()


@asynccontextmanager
async def postgres() -> AsyncIterator[World]:
    """Of replicas without Redis."""
    background = Background()
    world = Postgres(background)
    yield world
    await world.ledger.close()
    await background.close()


@asynccontextmanager
async def in_redis() -> AsyncIterator[World]:
    """Of replicas with Redis."""
    background = Background()
    world = Redis(background)
    await world.open()
    yield world
    await world.ledger.close()
    await background.close()


WORLDS: Mapping[str, Callable[[], AbstractAsyncContextManager[World]]] = MappingProxyType(
    {
        "memory": memory,
        "embedded": embedded,
        "sqlite": sqlite,
        "postgres": postgres,
        "redis": in_redis,
    }
)
