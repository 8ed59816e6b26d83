"""The ledger of one process: decided in memory, written down at once, kept in a file.

The rule: what is granted was written before it is told, and what is read at the next start adds up
to the same sums; a hold that was open then is settled in full, as estimated. What was used of rates
is forgotten with the process.
"""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from pipelines.clock import Clock
from pipelines.errors import LedgerUnavailable
from pipelines.ledger import Balance, Granted, Hold, Rate, Refused, Settlement
from proxy.stores.ledger.books import Books
from proxy.stores.ledger.folding import (
    Lock,
    add_up_alone,
    fold,
    line,
    number_of,
    open_books,
    segments,
    settle_left,
)
from proxy.stores.ledger.lines import Lines
from proxy.stores.ledger.memory import MemoryLedger
from proxy.stores.ledger.owed import state_of
from proxy.stores.ledger.pruning import AT_ONCE

BUSY = 5.0
SYNC_WITHIN = 0.05
FOLDED_FROM = 64 * 1024


class EmbeddedLedger:
    """Accounts, rates and slots of one process; raises LedgerInUse where another one has the
    file."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._now = clock.time
        self._path = path
        self._lock = Lock(path)
        self._lock.take()
        self._memory = MemoryLedger(clock)
        self._books = open_books(path, BUSY, any_thread=True)
        # Its lines are deleted when the books have them.
        self._books.execute("PRAGMA synchronous=FULL")
        self._lines = Lines(path, self._begin())
        self._folding = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._syncing: asyncio.Future[None] | None = None
        self._broken = False

    @property
    def held(self) -> Collection[str]:
        """The ids of the holds that are not settled."""
        return self._memory.held

    async def reserve(self, hold: Hold) -> Granted | Refused:
        """Take the hold, or nothing of it. Raises LedgerUnavailable."""
        self._check()
        memory = self._memory
        if memory.holds(hold.id):
            return await memory.reserve(hold)
        answer = await memory.reserve(hold)
        if memory.holds(hold.id):
            names = [one.name for one in hold.accounts]
            try:
                self._lines.append(line("take", hold.id, hold.amount, names))
            except OSError:
                memory.give_back(hold)
                raise _unwritten() from None
            self._sync_soon()
        return answer

    async def extend(self, hold: Hold, amount: int) -> Granted | Refused:
        """Add to what a hold holds, or nothing. Raises LedgerUnavailable."""
        self._check()
        answer = await self._memory.extend(hold, amount)
        if isinstance(answer, Granted):
            self._lines.keep(line("more", hold.id, amount))
            self._sync_soon()
        return answer

    def settle(self, settlement: Settlement) -> None:
        """Put what was spent in the hold's place, once."""
        hold = settlement.hold
        if self._memory.settled(hold.id):
            return
        self._memory.settle(settlement)
        names = [one.name for one in hold.accounts]
        state = state_of(settlement)
        self._lines.keep(line("end", hold.id, settlement.cost, state, self._now(), names))
        self._sync_soon()

    async def balances(self, names: Sequence[str]) -> Mapping[str, Balance]:
        """What stands in these accounts."""
        return await self._memory.balances(names)

    async def used(self, rates: Sequence[Rate]) -> tuple[int, ...]:
        """What these rates have used in their width until now."""
        return await self._memory.used(rates)

    async def set_spent(self, name: str, spent: int) -> None:
        """Write an account's sum anew. Raises LedgerUnavailable."""
        self._check()
        before = (await self._memory.balances([name]))[name].spent
        id = f"set:{uuid.uuid4().hex}"
        try:
            self._lines.append(line("end", id, spent - before, 0, self._now(), [name]))
        except OSError:
            raise _unwritten() from None
        await self._memory.set_spent(name, spent)
        self._sync_soon()

    async def total(self, name: str) -> int:
        """The sum of all entries of an account, from the books. Raises LedgerUnavailable."""
        await self._fold()
        async with self._folding:
            return Books(self._books).total(name)

    async def tend(self) -> None:
        """Fold what was written into the books, without anybody waiting for it."""
        if self._lines.size >= FOLDED_FROM:
            await self._fold()

    async def prune(self, older: float) -> None:
        """Add up the entries older than so many seconds. Raises LedgerUnavailable."""
        before, done = self._now() - older, AT_ONCE
        while done == AT_ONCE:
            async with self._folding:
                try:
                    done = await asyncio.to_thread(add_up_alone, self._books, before)
                except sqlite3.Error:
                    raise _unwritten() from None

    async def flush(self) -> None:
        """Write what could not be written when it was settled. Raises LedgerUnavailable."""
        try:
            self._lines.retry()
        except OSError:
            raise _unwritten() from None

    async def close(self) -> None:
        """Fold what was written, and let go of the file."""
        if self._timer is not None:
            self._timer.cancel()
        if self._syncing is not None:
            await asyncio.wait({self._syncing})
        try:
            await self._fold()
        finally:
            self._lines.close()
            self._books.close()
            self._lock.release()

    def _begin(self) -> int:
        files = segments(self._path)
        fold(self._books, files)
        settle_left(self._books, self._now())
        for name, spent in self._books.execute("SELECT name, spent FROM accounts"):
            self._memory.load(name, spent)
        (done,) = self._books.execute("SELECT coalesce(max(segment), 0) FROM folded").fetchone()
        return int(max([done, *map(number_of, files)])) + 1

    async def _fold(self) -> None:
        await self.flush()
        async with self._folding:
            if not self._lines.size:
                return
            try:
                done = segments(self._path)
                self._lines.rotate()
                await asyncio.to_thread(fold, self._books, done)
            except (OSError, sqlite3.Error):
                # The segments stay, and are folded the next time.
                raise LedgerUnavailable("The ledger's books cannot be written just now.") from None

    def _check(self) -> None:
        if self._broken:
            raise _unwritten()

    def _sync_soon(self) -> None:
        if self._timer is not None:
            return
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(SYNC_WITHIN, partial(self._sync, self._loop))

    def _sync(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._syncing is None:
            self._syncing = loop.run_in_executor(None, self._lines.syncing())
            self._syncing.add_done_callback(self._synced)

    def _synced(self, done: asyncio.Future[None]) -> None:
        self._syncing = None
        # A disk that once said no is not believed again.
        self._broken = self._broken or (not done.cancelled() and done.exception() is not None)
        if self._lines.unsynced:
            self._sync_soon()


def _unwritten() -> LedgerUnavailable:
    return LedgerUnavailable("The ledger's file cannot be written just now.")
