"""The journal in the database: what is put into the spool is carried there.

The rule: no call waits for it; what is put waits in a spool, what finds no room is counted, and a
database that is away is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from pipelines.errors import StoreUnavailable
from proxy.clock import SystemClock
from proxy.stores.journal.adoption import Left
from proxy.stores.journal.folders import claim_left
from proxy.stores.journal.memory import MemorySpool
from proxy.stores.journal.shipper import REJECTED_FILE, Rejected, Shipper
from proxy.stores.journal.spool import Spool
from proxy.stores.journal.writer import DatabaseWriter
from proxy.telemetry.logging import get_logger

EVERY = 0.5
ADOPT_EVERY = 5.0
LONGEST_WAIT = 30.0
LAST_TRY = 5.0
LAST_PAUSE = 0.2


class DatabaseJournal:
    """Keeps records in a spool, and writes them in batches; `run` must run beside the calls.

    Without `root` (the folder of all spools of this machine) nobody else's records are looked for.
    `adopted` counts folders of processes that had ended, `orphans` their calls without an end.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        spool: Spool | MemorySpool | None = None,
        root: Path | None = None,
        every: float = EVERY,
    ) -> None:
        self.spool = spool or MemorySpool(SystemClock())
        self._root = root
        self._every = every
        self._rejected = Rejected(root / REJECTED_FILE if root is not None else None)
        self._shipper = Shipper(DatabaseWriter(engine), self._rejected)
        self._turn = asyncio.Lock()
        self._failures = 0
        self._unreadable: set[str] = set()
        self.adopted = self.orphans = 0
        self.admit, self.begin, self.put = self.spool.admit, self.spool.begin, self.spool.put

    @property
    def waiting(self) -> int:
        """How many records of this process are not written yet."""
        return self.spool.waiting

    @property
    def dropped(self) -> int:
        """How many records were lost for want of room, or are put aside."""
        return self.spool.dropped + self._rejected.count

    @property
    def rejected(self) -> int:
        """How many records the database will never have."""
        return self._rejected.count

    @property
    def shipped(self) -> int:
        """How many records were written, those of others among them."""
        return self._shipper.shipped

    async def run(self) -> None:
        """Write what waits, twice a second; runs until it is cancelled."""
        loop = asyncio.get_running_loop()
        adopt_at = 0.0
        while True:
            if await self._tried(self.flush) and loop.time() >= adopt_at:
                await self._tried(self.adopt)
                adopt_at = loop.time() + ADOPT_EVERY
            await asyncio.sleep(min(self._every * 2**self._failures, LONGEST_WAIT))

    async def flush(self) -> None:
        """Write everything that waits now. Raises StoreUnavailable and OSError, and keeps what it
        could not write."""
        async with self._turn:
            # What comes meanwhile waits for the next time, or batches would get ever smaller.
            if self.spool.waiting:
                await self._shipper.ship(self.spool, self.spool.waiting)
            self.spool.tidy()

    async def adopt(self) -> None:
        """Write what ended processes have left. Raises StoreUnavailable, and leaves what it could
        not write for the next time."""
        if self._root is None:
            return
        async with self._turn:
            for folder in claim_left(self._root):
                await self._adopt(Left(folder), folder.path.name)

    async def _adopt(self, left: Left, name: str) -> None:
        shipped = False
        try:
            await asyncio.to_thread(left.recover)
            count = await self._shipper.ship(left)
            shipped = True
        except OSError as error:
            # The others must not wait for this one.
            if name not in self._unreadable:
                self._unreadable.add(name)
                get_logger(__name__).error(
                    "what an ended process has left cannot be read",
                    folder=name,
                    reason=error.strerror,
                )
            return
        finally:
            left.close(shipped)
        self.adopted += 1
        self.orphans += left.orphans
        get_logger(__name__).info(
            "an ended process had left records", records=count, orphans=left.orphans
        )

    async def close(self) -> None:
        """Write what waits, if the database is there within a few seconds."""
        reason = "it did not answer in time"
        try:
            async with asyncio.timeout(LAST_TRY):
                # A write that was cancelled when everything stopped may hold the file for a moment.
                while (found := await self._last()) is not None:
                    reason = found
                    await asyncio.sleep(LAST_PAUSE)
        except OSError:
            kept = self._root is not None
            tell = get_logger(__name__).warning if kept else get_logger(__name__).error
            tell(
                "records of calls were not written: the database was away at the end",
                waiting=self.waiting,
                kept=kept,
                reason=reason,
            )
        finally:
            self.spool.close()

    async def _last(self) -> str | None:
        """Write what waits; gives why that could not be, in words."""
        try:
            await self.flush()
        except StoreUnavailable as error:
            return error.message
        return None

    async def _tried(self, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            await work()
        except (StoreUnavailable, OSError) as error:
            self._failures = min(self._failures + 1, 16)
            get_logger(__name__).warning(
                "records of calls wait for the database",
                waiting=self.waiting,
                reason=error.message if isinstance(error, StoreUnavailable) else error.strerror,
            )
            return False
        self._failures = 0
        return True
