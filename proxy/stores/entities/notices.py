"""Tells every process that shares the database which entities were changed.

The rule: who listens hears of each change within a second, or is told that some may be missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any, Protocol

import orjson
from sqlalchemy import func, select
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from pipelines.errors import StoreUnavailable
from proxy.stores.database.engine import driver_address, reading
from proxy.stores.database.tables import CHANGES

EVERY = 0.3
AGAIN_AFTER = 1.0
CHANNEL = "headgate_change"
KEPT = 10_000
MISSED = ("", "")


class Source(Protocol):
    """Where notices of other processes come from."""

    async def run(self, tell: Callable[[str, str], None]) -> None:
        """Tell each change for as long as this runs."""


class Notices:
    """Hands each change to all who follow; `source` is run by whoever owns the tasks."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._queues: set[asyncio.Queue[tuple[str, str]]] = set()

    def tell(self, kind: str, id: str) -> None:
        """Let this process know of a change, or of changes that may be missed."""
        for queue in self._queues:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(MISSED)
            else:
                queue.put_nowait((kind, id))

    async def follow(self) -> AsyncGenerator[tuple[str, str], None]:
        """Each change from now on."""
        queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue(KEPT)
        self._queues.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._queues.discard(queue)

    async def run(self) -> None:
        """Listen to the other processes; runs until it is cancelled."""
        while True:
            with suppress(StoreUnavailable, OSError, TimeoutError):
                await self._source.run(self.tell)
            # Whatever was said meanwhile was not heard.
            self.tell(*MISSED)
            await asyncio.sleep(AGAIN_AFTER)

    async def close(self) -> None:
        """Forget who follows."""
        self._queues.clear()


class SqliteSource:
    """Looks into the table of changes a few times a second."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def run(self, tell: Callable[[str, str], None]) -> None:
        """Tell each new row of the table. Raises StoreUnavailable."""
        async with reading(self._engine) as connection:
            seen = (await connection.execute(select(func.max(CHANGES.c.id)))).scalar() or 0
        newer = select(CHANGES.c.id, CHANGES.c.kind, CHANGES.c.entity).order_by(CHANGES.c.id)
        while True:
            await asyncio.sleep(EVERY)
            async with reading(self._engine) as connection:
                rows = (await connection.execute(newer.where(CHANGES.c.id > seen))).all()
            for number, kind, id in rows:
                tell(kind, id)
                seen = number


class PostgresSource:
    """Listens on a connection of its own."""

    def __init__(self, url: URL) -> None:
        self._address = driver_address(url)

    async def run(self, tell: Callable[[str, str], None]) -> None:
        """Tell each notification until the connection ends. Raises StoreUnavailable and OSError."""
        # It is large, and files have no use for it.
        import asyncpg

        try:
            await self._listen(await asyncpg.connect(self._address, timeout=5), tell)
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
        ) as error:
            raise StoreUnavailable(
                f"The database does not tell what changes ({type(error).__name__})."
            ) from None

    async def _listen(self, connection: Any, tell: Callable[[str, str], None]) -> None:
        ended = asyncio.Event()

        def heard(connection: object, process: int, channel: str, payload: object) -> None:
            kind, id = orjson.loads(str(payload))
            tell(kind, id)

        try:
            connection.add_termination_listener(lambda _: ended.set())
            await connection.add_listener(CHANNEL, heard)
            # Between the last connection and this one somebody may have changed something.
            tell(*MISSED)
            await ended.wait()
        finally:
            connection.terminate()
