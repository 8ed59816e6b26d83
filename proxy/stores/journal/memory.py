"""Keeps records in memory until they are in the database, where there is no folder for them.

The rule: the number is bounded, and what finds no room is counted.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from pipelines.clock import Clock
from pipelines.record import Record
from proxy.stores.journal.frames import packed
from proxy.stores.journal.segments import Batch

MOST_WAITING = 20_000


class MemorySpool:
    """What is not done when the process ends is lost; a call that never ends leaves nothing."""

    running = 0
    sync = None
    bodies_dropped = 0

    def __init__(self, clock: Clock, most_waiting: int = MOST_WAITING) -> None:
        self._now = clock.monotonic
        self._most = most_waiting
        self._waiting: deque[tuple[float, bytes]] = deque()
        self.dropped = 0
        self.size = 0

    @property
    def waiting(self) -> int:
        """How many records are not done yet."""
        return len(self._waiting)

    @property
    def age(self) -> float:
        """For how many seconds the oldest record waits."""
        return self._now() - self._waiting[0][0] if self._waiting else 0.0

    @property
    def full(self) -> bool:
        """Whether nothing more is taken."""
        return len(self._waiting) >= self._most

    def admit(self) -> None:
        """Every call may be made."""

    def begin(self, record: Record) -> None:
        """Nothing is kept of it."""

    def put(self, record: Record) -> None:
        """Take the record, or count it where too many wait."""
        if len(self._waiting) >= self._most:
            self.dropped += 1
            return
        payload = packed(record)
        self.size += len(payload)
        self._waiting.append((self._now(), payload))

    def batch(self, limit: int) -> Batch:
        """The oldest records."""
        return Batch([payload for _, payload in islice(self._waiting, limit)])

    def done(self, batch: Batch) -> None:
        """These are where they belong."""
        for payload in batch.payloads:
            self.size -= len(payload)
            self._waiting.popleft()

    def tidy(self) -> None:
        """There is nothing to tidy."""

    def close(self) -> None:
        """There is nothing to close."""
