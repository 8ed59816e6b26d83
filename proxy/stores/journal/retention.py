"""Forgets records of calls when they are old enough; what they came to stays.

The rule: nobody waits for it. Whole days go as whole parts of the table, else a few rows at a time,
and a lock that is not there at once is tried again later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from sqlalchemy import delete, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from pipelines.errors import StoreUnavailable
from proxy.stores.database.engine import reading, writing
from proxy.stores.database.tables import RECORDS, TEXTS
from proxy.stores.journal.old_calls import move_old_calls
from proxy.stores.journal.rollups import DAY
from proxy.telemetry.logging import get_logger

CHUNK = 100
PAUSE = 0.1
EVERY = 86_400.0
FIRST = 2.0
RETRY = 60.0
# Where records go after a shorter time than this, it is kept to the second.
SHORT = 2 * DAY


class Retention:
    """Forgets what is older than `keeps` seconds (None: nothing), looking every so many seconds;
    `run` must run beside the calls."""

    def __init__(
        self,
        engine: AsyncEngine,
        keeps: float | None,
        every: float = EVERY,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._keeps = keeps
        self._every = every
        self._now = now

    async def run(self) -> None:
        """Look again and again; runs until it is cancelled."""
        # A gateway that finds its port taken is gone by then.
        await asyncio.sleep(min(FIRST, self._every))
        while True:
            wait = self._every
            try:
                await move_old_calls(self._engine, PAUSE)
                await self.forget()
            except (StoreUnavailable, DBAPIError) as error:
                wait = min(RETRY, self._every)
                get_logger(__name__).warning(
                    "old records of calls could not be removed", reason=type(error).__name__
                )
            await asyncio.sleep(wait)

    async def forget(self) -> int:
        """Remove what is too old; gives how many days or rows went. Raises StoreUnavailable, and
        DBAPIError where somebody holds a lock for too long."""
        if self._keeps is None:
            return 0
        oldest = self._now() - self._keeps
        gone = 0
        if self._engine.dialect.name == "postgresql":
            gone = await self._drop_days(int(oldest // DAY))
            if self._keeps >= SHORT:
                return gone
        while chunk := await self._delete(oldest):
            gone += chunk
            await asyncio.sleep(PAUSE)
        if gone:
            get_logger(__name__).info("old records of calls were removed", removed=gone)
        return gone

    async def _drop_days(self, first_kept: int) -> int:
        days = select(func.headgate_record_days().label("day"))
        async with reading(self._engine) as connection:
            old = [row[0] for row in await connection.execute(days) if row[0] < first_kept]
        for day in old:
            async with writing(self._engine) as connection:
                await connection.execute(select(func.headgate_record_drop(day)))
            get_logger(__name__).info("a day of old records of calls was removed", day=day)
            await asyncio.sleep(PAUSE)
        return len(old)

    async def _delete(self, oldest: float) -> int:
        some = select(RECORDS.c.id, RECORDS.c.day)
        some = some.where(RECORDS.c.day <= int(oldest // DAY), RECORDS.c.started < oldest)
        async with writing(self._engine) as connection:
            found = [tuple(row) for row in await connection.execute(some.limit(CHUNK))]
            # By id alone and day by day: pairs of both would be looked for in every row of a file.
            for day in {day for _, day in found}:
                ids = [id for id, at in found if at == day]
                for table in (TEXTS, RECORDS):
                    gone = delete(table).where(table.c.id.in_(ids), table.c.day == day)
                    await connection.execute(gone)
        return len(found)
