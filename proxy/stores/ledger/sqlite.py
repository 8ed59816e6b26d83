"""The ledger of several processes on one machine: a SQLite file of its own.

The rule: what waits is written in one transaction a turn of the loop, in which nobody else writes;
a process that dies leaves its holds, which are settled in full when their lease is over.
"""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.clock import Clock
from pipelines.errors import LedgerUnavailable
from pipelines.ledger import (
    LEASE,
    Balance,
    Granted,
    Hold,
    Rate,
    Refused,
    Settlement,
)
from proxy.stores.ledger.books import ESTIMATED, ORPHANED, SETTLED, Books
from proxy.stores.ledger.folding import Lock, fold, open_books, segments
from proxy.stores.ledger.pruning import AT_ONCE, add_up

BUSY = 0.25
SETTLE_WITHIN = 0.02
KEPT_WAITING = 200_000


class SqliteLedger:
    """Accounts, rates and slots in one file, which every process of this machine may open; raises
    LedgerInUse where one of them has it for itself."""

    def __init__(self, path: Path, clock: Clock, lease: float = LEASE) -> None:
        self._lease = lease
        self._now = clock.time
        self._owner = uuid.uuid4().hex
        self._reserves: list[tuple[Hold, asyncio.Future[Granted | Refused]]] = []
        self._settlements: list[Settlement] = []
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._due = float("inf")
        self._lock = Lock(path)
        alone = self._lock.share()
        self._connection = open_books(path, BUSY)
        if alone:
            # A process that had the file for itself may have left something.
            fold(self._connection, segments(path))
            self._lock.share_with_others()
        self._books = Books(self._connection)

    async def reserve(self, hold: Hold) -> Granted | Refused:
        """Take the hold, or nothing of it. Raises LedgerUnavailable."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Granted | Refused] = loop.create_future()
        self._reserves.append((hold, answer))
        self._wake(loop, 0.0)
        return await answer

    async def extend(self, hold: Hold, amount: int) -> Granted | Refused:
        """Add to what a hold holds, or nothing. Raises LedgerUnavailable."""
        with _Transaction(self._connection):
            return self._books.extend(hold, amount)

    def settle(self, settlement: Settlement) -> None:
        """Put what was spent in the hold's place, once, within 20 milliseconds."""
        self._settlements.append(settlement)
        self._wake(asyncio.get_running_loop(), SETTLE_WITHIN)

    async def balances(self, names: Sequence[str]) -> Mapping[str, Balance]:
        """What stands in these accounts. Raises LedgerUnavailable."""
        with _Reading():
            return self._books.balances(names)

    async def used(self, rates: Sequence[Rate]) -> tuple[int, ...]:
        """What these rates have used in their width until now. Raises LedgerUnavailable."""
        with _Reading():
            return tuple(self._books.sliding(one).used(self._now()) for one in rates)

    async def set_spent(self, name: str, spent: int) -> None:
        """Write an account's sum anew. Raises LedgerUnavailable."""
        self._write()
        with _Transaction(self._connection):
            self._books.set_spent(name, spent, self._now())

    async def total(self, name: str) -> int:
        """The sum of all entries of an account."""
        with _Reading():
            return self._books.total(name)

    async def tend(self) -> None:
        """Renew this process's leases, and settle in full what the dead have left."""
        self._write()
        now = self._now()
        with _Transaction(self._connection):
            self._books.renew(self._owner, now + self._lease)
            for id, amount in self._books.expired(now):
                self._books.settle(id, None, amount, (), ORPHANED, now)

    async def prune(self, older: float) -> None:
        """Add up the entries older than so many seconds. Raises LedgerUnavailable."""
        before, done = self._now() - older, AT_ONCE
        while done == AT_ONCE:
            with _Transaction(self._connection):
                done = add_up(self._connection, before)
            # Calls go in between.
            await asyncio.sleep(0)

    async def flush(self) -> None:
        """Write what waits. Raises LedgerUnavailable where that cannot be done."""
        self._write()
        if self._settlements:
            raise LedgerUnavailable("The ledger's file cannot be written just now.")

    async def close(self) -> None:
        """Write what waits, and close the file."""
        self._write()
        if self._timer is not None:
            self._timer.cancel()
        self._connection.close()
        self._lock.release()

    def _wake(self, loop: asyncio.AbstractEventLoop, delay: float) -> None:
        due = loop.time() + delay
        if self._timer is not None:
            if due >= self._due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = loop.call_later(delay, self._write) if delay else loop.call_soon(self._write)

    def _write(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        reserves, self._reserves = self._reserves, []
        settlements, self._settlements = self._settlements, []
        if not reserves and not settlements:
            return
        try:
            with _Transaction(self._connection):
                answers = self._apply(reserves, settlements)
        except LedgerUnavailable as error:
            # What was spent is kept and written with the next turn; who asks is told at once.
            self._settlements = [*settlements, *self._settlements][-KEPT_WAITING:]
            for _, waiting in reserves:
                if not waiting.done():
                    waiting.set_exception(LedgerUnavailable(error.message))
            if settlements:
                self._wake(asyncio.get_running_loop(), 1.0)
            return
        for (_, waiting), answer in zip(reserves, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)

    def _apply(
        self,
        reserves: Sequence[tuple[Hold, asyncio.Future[Granted | Refused]]],
        settlements: Sequence[Settlement],
    ) -> list[Granted | Refused]:
        now = self._now()
        for one in settlements:
            state = ESTIMATED if one.estimated else SETTLED
            self._books.settle(one.hold.id, one.hold, one.cost, one.used, state, now)
        return [
            Refused("slot", 0, 0)
            if waiting.cancelled()
            else self._books.reserve(hold, now, self._owner, now + self._lease)
            for hold, waiting in reserves
        ]


class _Reading:
    """Tells a database error in our own words."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise LedgerUnavailable("The ledger's file cannot be read just now.") from None


class _Transaction:
    """One transaction that writes; an error takes it all back."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            raise LedgerUnavailable("The ledger's file cannot be written just now.") from None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self._connection.execute("COMMIT" if error is None else "ROLLBACK")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise LedgerUnavailable("The ledger's file cannot be written just now.") from None
        if isinstance(error, sqlite3.Error):
            raise LedgerUnavailable("The ledger's file cannot be written just now.") from None
