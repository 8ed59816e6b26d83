"""Writes what becomes of calls into files of this process, before anybody else has it.

The rule: what was put is in the hands of the system when `put` returns, so that no end of the
process can lose it; whatever finds no room is counted, and said once.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from dataclasses import replace
from pathlib import Path

from pipelines.clock import Clock
from pipelines.errors import JournalFull
from pipelines.record import Record
from proxy.stores.journal.folders import claim_new
from proxy.stores.journal.frames import BEGIN, END, frame, packed
from proxy.stores.journal.room import Room, SpoolRules
from proxy.stores.journal.segments import Batch, Place, Reader, opening, segment
from proxy.stores.journal.syncing import EVERY, Syncer
from proxy.telemetry.logging import get_logger

MARK_EVERY = 1.0
# A file of which everything is done is not kept for longer than this, in seconds.
KEPT_FOR = 60.0


class Spool:
    """The records of one process until they are in the database; `put`, `begin` and `admit` never
    wait.

    `waiting` counts records, `dropped` those that were lost and `bodies_dropped` those that were
    written without their prompt and answer.
    """

    def __init__(
        self, root: Path, clock: Clock, rules: SpoolRules | None = None, sync_every: float = EVERY
    ) -> None:
        """Raises OSError where the folder cannot be used."""
        self._rules = rules or SpoolRules()
        self._now = clock.monotonic
        self._folder = claim_new(root)
        self._room = Room(self._folder.path, self._rules, self._now)
        self._open: dict[str, bytes] = {}
        self._number = 1
        self._size = self._fresh = 0
        self._began = self._now()
        self._file = self._opened(1)
        path = self._folder.path
        self._syncer = Syncer(self._file, sync_every, (path, path.parent))
        self._reader = Reader(self._folder.path, lambda: Place(self._number, self._size))
        self._put = self._done = 0
        self._marks: deque[tuple[int, float]] = deque()
        self._mark_at = 0.0
        self._told = False
        self._lost_before = 0
        self.dropped = 0
        self.bodies_dropped = 0

    @property
    def waiting(self) -> int:
        """How many records are not done yet."""
        return self._put - self._done

    @property
    def size(self) -> int:
        """How many bytes its files have."""
        return self._room.used

    @property
    def age(self) -> float:
        """For how many seconds the oldest record waits, to a second."""
        return self._now() - self._marks[0][1] if self._marks else 0.0

    @property
    def full(self) -> bool:
        """Whether nothing but the ends of running calls is written."""
        return self._room.full

    @property
    def running(self) -> int:
        """How many calls have begun and not ended."""
        return len(self._open)

    @property
    def sync(self) -> Syncer:
        """How the disk keeps up."""
        return self._syncer

    def admit(self) -> None:
        """Raises JournalFull where a new call could not be recorded and the operator wants none
        then."""
        if self._rules.on_full == "refuse" and self._room.full:
            self._tell_full()
            raise JournalFull()

    def begin(self, record: Record) -> None:
        """A call is about to answer; were it never to end, this is its record."""
        data = frame(BEGIN, packed(record))
        # Where calls are made that cannot be recorded, they must not take what is kept back.
        written = self._write(data, running=self._rules.on_full == "refuse")
        call = record.serial or record.id
        if written or call in self._open:
            self._open[call] = data

    def put(self, record: Record) -> None:
        """Write the record, or count it."""
        running = self._open.pop(record.serial or record.id, None) is not None
        if self._room.tight and self._rules.on_full == "drop_bodies":
            record = self._without_body(record)
        if not self._write(frame(END, packed(record)), running):
            self._tell_full()
            self.dropped += 1
            return
        self._put += 1
        now = self._now()
        if now >= self._mark_at or not self._marks:
            self._mark_at = now + MARK_EVERY
            self._marks.append((self._put, now))

    def batch(self, limit: int) -> Batch:
        """The oldest records. Raises OSError."""
        return self._reader.batch(limit)

    def done(self, batch: Batch) -> None:
        """These are where they belong, and need not be kept. Raises OSError."""
        self._done += len(batch.payloads)
        while self._marks and self._marks[0][0] <= self._done:
            self._marks.popleft()
        if self.waiting and not self._marks:
            self._marks.append((self._put, self._now()))
        self._room.used -= self._reader.done(batch.place)
        if self._told and not self._room.full:
            self._tell_room()

    def tidy(self) -> None:
        """Let go of a file of which everything is done. Raises OSError."""
        if self.waiting or self._size == self._fresh:
            return
        old = self._now() - self._began > KEPT_FOR
        if (old or self._room.tight) and self._rotate():
            self._room.used -= self._reader.done(Place(self._number, 0))

    def close(self) -> None:
        """Let the disk have everything; what still waits is left to the next process."""
        self._syncer.close()
        # Another file may have its number soon, and a late record must not go there.
        self._file = -1
        self._folder.release(remove=not self.waiting and not self._open)

    def _write(self, data: bytes, running: bool) -> bool:
        room = self._room
        if not room.has(len(data), running):
            return False
        if self._size >= self._rules.segment_bytes or self._syncer.failed:
            self._rotate()
        try:
            self._append(data)
        except OSError as error:
            freed = room.block()
            self._tell_full(error.strerror or "")
            if not (freed and running):
                return False
            try:
                self._append(data)
            except OSError:
                return False
        return True

    def _append(self, data: bytes) -> None:
        written = os.write(self._file, data)
        if written != len(data):
            try:
                os.ftruncate(self._file, self._size)
            except OSError:
                # It is read as damaged, and what comes behind it is found.
                self._grow(written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._grow(written)
        self._syncer.written()

    def _grow(self, size: int) -> None:
        self._size += size
        self._room.used += size

    def _rotate(self) -> bool:
        number = self._number + 1
        try:
            file = self._opened(number)
        except OSError:
            # The old file goes on; the next record tries again.
            return False
        self._syncer.turn_to(file)
        self._file, self._number = file, number
        return True

    def _opened(self, number: int) -> int:
        path = segment(self._folder.path, number)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        file = os.open(path, flags, 0o600)
        # The files before this one may go, and calls that run now have begun in them.
        start = opening() + b"".join(self._open.values())
        try:
            written = os.write(file, start)
            if written != len(start):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.close(file)
            path.unlink(missing_ok=True)
            raise
        self._room.used += written
        self._size = self._fresh = written
        self._began = self._now()
        return file

    def _without_body(self, record: Record) -> Record:
        if record.prompt is None and record.answer is None:
            return record
        self.bodies_dropped += 1
        return replace(record, prompt=None, answer=None)

    def _tell_full(self, reason: str = "") -> None:
        if not self._told:
            self._told, self._lost_before = True, self.dropped
            get_logger(__name__).error(
                "the spool of calls' records is full",
                reason=reason or "headgate_settings.spool_max_mb is reached",
                on_journal_full=self._rules.on_full,
                waiting=self.waiting,
            )

    def _tell_room(self) -> None:
        self._told = False
        get_logger(__name__).warning(
            "the spool of calls' records has room again", lost=self.dropped - self._lost_before
        )
