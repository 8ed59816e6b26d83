"""The journal in the database: one row a call.

The rule: no call waits for it; records wait in a queue of bounded length, what finds no room is
counted, and a database that is away is waited for.
"""

from __future__ import annotations

import asyncio
from collections import deque

from sqlalchemy import Insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from pipelines.errors import StoreUnavailable
from pipelines.record import Record
from proxy.stores.database.engine import writing
from proxy.stores.database.tables import CALLS
from proxy.stores.journal.rows import row_of
from proxy.telemetry.logging import get_logger

EVERY = 0.5
BATCH = 500
MOST_WAITING = 20_000
LONGEST_WAIT = 30.0
LAST_TRY = 5.0


class DatabaseJournal:
    """Writes records in batches; `run` must run beside the calls."""

    def __init__(
        self, engine: AsyncEngine, every: float = EVERY, most_waiting: int = MOST_WAITING
    ) -> None:
        self._engine = engine
        self._every = every
        self._most = most_waiting
        self._waiting: deque[Record] = deque()
        self._writes = asyncio.Lock()
        self.dropped = 0

    def put(self, record: Record) -> None:
        """Take the record, or count it where too many wait; never blocks and never raises."""
        if len(self._waiting) >= self._most:
            self.dropped += 1
            return
        self._waiting.append(record)

    @property
    def waiting(self) -> int:
        """How many records are not written yet."""
        return len(self._waiting)

    async def run(self) -> None:
        """Write what waits, twice a second; runs until it is cancelled."""
        failures, told = 0, 0
        while True:
            wait = min(self._every * 2**failures, LONGEST_WAIT)
            await asyncio.sleep(wait)
            try:
                await self.flush()
                failures = 0
            except StoreUnavailable as error:
                failures = min(failures + 1, 16)
                get_logger(__name__).warning(
                    "records of calls wait for the database",
                    waiting=self.waiting,
                    reason=error.message,
                )
            if self.dropped > told:
                get_logger(__name__).error(
                    "records of calls were lost: too many wait", lost=self.dropped - told
                )
                told = self.dropped

    async def flush(self) -> None:
        """Write everything that waits now. Raises StoreUnavailable, and keeps what it could not
        write."""
        async with self._writes:
            # What comes meanwhile waits for the next time, or batches would get ever smaller.
            left = len(self._waiting)
            while left:
                count = min(BATCH, left)
                left -= count
                # A call that ends meanwhile is put behind these.
                batch = [self._waiting[index] for index in range(count)]
                await self._write(batch)
                for _ in range(count):
                    self._waiting.popleft()

    async def close(self) -> None:
        """Write what waits, if the database is there within a few seconds."""
        try:
            async with asyncio.timeout(LAST_TRY):
                await self.flush()
        except (StoreUnavailable, TimeoutError):
            get_logger(__name__).error(
                "records of calls were lost: the database was away at the end", lost=self.waiting
            )

    async def _write(self, batch: list[Record]) -> None:
        try:
            await self._insert(batch)
        except DBAPIError:
            # One row that the database will not have must not hold up the others.
            for one in batch:
                try:
                    await self._insert([one])
                except DBAPIError as error:
                    self.dropped += 1
                    get_logger(__name__).error(
                        "the record of a call was refused", id=one.id, reason=type(error).__name__
                    )

    async def _insert(self, batch: list[Record]) -> None:
        statement = _insertion(self._engine.dialect.name)
        async with writing(self._engine) as connection:
            await connection.execute(statement, [row_of(one) for one in batch])


def _insertion(dialect: str) -> Insert:
    if dialect == "sqlite":
        return sqlite.insert(CALLS).on_conflict_do_nothing(index_elements=["id"])
    # Whoever has a PostgreSQL has loaded it already.
    from sqlalchemy.dialects.postgresql import insert

    return insert(CALLS).on_conflict_do_nothing(index_elements=["id"])
