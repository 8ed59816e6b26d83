"""Folds what one process wrote line by line into the books that all ledgers of a machine read.

The rule: a segment is folded in one transaction with its number, so that it counts once, however
often that is begun; what is damaged in it is left out, and the rest counts.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any, NoReturn
from zlib import crc32

import orjson

from pipelines.ledger import Account, Hold
from proxy.stores.ledger.books import ESTIMATED, Books
from proxy.stores.ledger.pruning import add_up

PATIENCE = 2.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts(
    name TEXT PRIMARY KEY, spent INTEGER NOT NULL DEFAULT 0, held INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS holds(
    id TEXT PRIMARY KEY, amount INTEGER NOT NULL, deadline REAL NOT NULL, owner TEXT NOT NULL,
    parts BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rates(
    name TEXT PRIMARY KEY, width INTEGER NOT NULL, buckets BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS slots(
    name TEXT NOT NULL, hold TEXT NOT NULL, PRIMARY KEY(name, hold)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries(
    id TEXT PRIMARY KEY, at REAL NOT NULL, cost INTEGER NOT NULL, state INTEGER NOT NULL,
    accounts BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_at ON entries(at);
CREATE TABLE IF NOT EXISTS folded(segment INTEGER NOT NULL);
"""


class LedgerInUse(Exception):
    """Another process has the ledger's file for itself."""


class Lock:
    """Who may use a ledger's file; ends with the process, whatever ends that."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lock = path.with_name(path.name + ".lock")
        self._file = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

    def take(self) -> None:
        """Have the file for oneself. Raises LedgerInUse."""
        if not self._try(fcntl.LOCK_EX):
            self._refuse("is used by another process; end that, or set more than one worker")

    def share(self) -> bool:
        """Use the file beside others; gives whether nobody else does, and then nobody can until
        `share_with_others`. Raises LedgerInUse."""
        end = time.monotonic() + PATIENCE
        while True:
            if self._try(fcntl.LOCK_EX):
                return True
            if self._try(fcntl.LOCK_SH):
                return False
            if time.monotonic() > end:
                self._refuse("is used by a process that has it for itself")
            time.sleep(0.02)

    def share_with_others(self) -> None:
        """Let others use the file as well."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def release(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _try(self, how: int) -> bool:
        try:
            fcntl.flock(self._file, how | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _refuse(self, why: str) -> NoReturn:
        self.release()
        raise LedgerInUse(f"the ledger {self._path} {why}")


def open_books(path: Path, busy: float, any_thread: bool = False) -> sqlite3.Connection:
    """The file with its tables; waits `busy` seconds for a lock."""
    if not path.exists():
        # Nobody but this user reads what others have spent.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(
        path,
        timeout=busy,
        isolation_level=None,
        cached_statements=256,
        check_same_thread=not any_thread,
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.executescript(_SCHEMA)
    return connection


def segment(path: Path, number: int) -> Path:
    """The file of one segment."""
    return path.with_name(f"{path.name}.{number:010d}.log")


def segments(path: Path) -> list[Path]:
    """All segments that are there, the oldest first."""
    return sorted(path.parent.glob(f"{escape(path.name)}.{'[0-9]' * 10}.log"))


def number_of(file: Path) -> int:
    """The number of a segment."""
    return int(file.name.split(".")[-2])


def line(*words: object) -> bytes:
    """One line of a segment."""
    text = orjson.dumps(words)
    return b"%08x %b\n" % (crc32(text), text)


def fold(connection: sqlite3.Connection, files: Sequence[Path]) -> None:
    """Put what these segments say into the books, and delete them. Raises sqlite3.Error."""
    for file in files:
        number = number_of(file)
        with _transaction(connection):
            (done,) = connection.execute("SELECT coalesce(max(segment), 0) FROM folded").fetchone()
            if number > done:
                _Fold(connection).read(file)
                connection.execute("DELETE FROM folded")
                connection.execute("INSERT INTO folded VALUES(?)", (number,))
        file.unlink(missing_ok=True)


def settle_left(connection: sqlite3.Connection, now: float) -> int:
    """Settle in full what nobody can settle any more, as estimated; gives how many holds."""
    books = Books(connection)
    with _transaction(connection):
        left = books.expired(float("inf"))
        for id, amount in left:
            books.settle(id, None, amount, (), ESTIMATED, now)
    return len(left)


def add_up_alone(connection: sqlite3.Connection, before: float) -> int:
    """Add up some entries older than that moment, in a transaction of their own; gives how many.
    Raises sqlite3.Error."""
    with _transaction(connection):
        return add_up(connection, before)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.rollback()


class _Fold:
    """What one segment adds up to."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._run, self._many = connection.execute, connection.executemany
        self._books = Books(connection)
        self._open: dict[str, tuple[int, list[str]]] = {}
        self._entries: list[tuple[str, float, int, int, bytes]] = []
        self._spent: defaultdict[str, int] = defaultdict(int)

    def read(self, file: Path) -> None:
        """Add up the lines, and write the sums."""
        for words in _lines(file):
            kind, id, amount, *rest = words
            if kind == "take":
                self._open[id] = (amount, rest[0])
            elif kind == "more":
                self._more(id, amount)
            elif kind == "end":
                self._end(id, amount, *rest)
        self._write()

    def _more(self, id: str, amount: int) -> None:
        if id in self._open:
            held, accounts = self._open[id]
            self._open[id] = (held + amount, accounts)
            return
        self._books.add(id, amount)

    def _end(self, id: str, cost: int, state: int, at: float, accounts: list[str]) -> None:
        if (
            self._open.pop(id, None) is None
            and self._run("SELECT 1 FROM holds WHERE id = ?", (id,)).fetchone()
        ):
            self._books.settle(id, None, cost, (), state, at)
            return
        self._entries.append((id, at, cost, state, orjson.dumps(accounts)))
        for name in accounts:
            self._spent[name] += cost

    def _write(self) -> None:
        self._run("SAVEPOINT quickly")
        before = self._connection.total_changes
        self._many("INSERT OR IGNORE INTO entries VALUES(?, ?, ?, ?, ?)", self._entries)
        if self._connection.total_changes - before == len(self._entries):
            self._many(
                "INSERT INTO accounts(name, spent) VALUES(?1, ?2)"
                " ON CONFLICT(name) DO UPDATE SET spent = spent + ?2",
                self._spent.items(),
            )
        else:
            # Something was settled a second time long after the first: one by one, then.
            self._run("ROLLBACK TO quickly")
            for id, at, cost, state, names in self._entries:
                self._books.settle(id, _hold(id, 0, orjson.loads(names)), cost, (), state, at)
        self._run("RELEASE quickly")
        for id, (amount, accounts) in self._open.items():
            self._books.reserve(_hold(id, amount, accounts), 0.0, "", 0.0)


def _hold(id: str, amount: int, names: Sequence[str]) -> Hold:
    return Hold(id, amount, tuple(Account(name) for name in names))


def _lines(file: Path) -> Iterator[list[Any]]:
    with file.open("rb") as lines:
        for one in lines:
            text = one[9:-1]
            # The last line may have been cut off by the end of the machine.
            if one[-1:] == b"\n" and one[:8] == b"%08x" % crc32(text):
                yield orjson.loads(text)
