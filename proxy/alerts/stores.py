"""Tells of stores that are away, and of records that wait for them.

The rule: one failure is none; what was told to be away is told to be back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from proxy.alerts.alert import Alert, Level

TWICE = 2
QUIET = 600.0
LONG = 300.0


class Standing:
    """Whether a store answers, as it was found at each look."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._failures = 0
        self._since = 0.0

    def seen(self, up: bool, now: float) -> Iterator[Alert]:
        """What is to be told after a look at `now`, in seconds since 1970."""
        if not up:
            self._failures += 1
            if self._failures == 1:
                self._since = now
            if self._failures == TWICE:
                yield self._alert("away", f"{self._name} does not answer", "High")
        else:
            if self._failures >= TWICE:
                words = f"{self._name} answers again after {now - self._since:.0f}s"
                yield self._alert("back", words, "Low")
            self._failures = 0

    def _alert(self, state: str, words: str, level: Level) -> Alert:
        return Alert(
            kind="db_exceptions",
            cause=f"store:{self._name}:{state}",
            message=words,
            level=level,
            quiet=QUIET,
            event=f"store_{state}",
            about={"store": self._name},
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for the database: records, bytes of those that there is room for, the age of the
    oldest in seconds, and how many were lost."""

    records: int
    bytes: int
    room: int
    age: float
    lost: int


class Backlog:
    """Watches the spool."""

    def __init__(self) -> None:
        self._lost = 0
        self._told = False

    def seen(self, waiting: Waiting) -> Iterator[Alert]:
        """What is to be told of it now."""
        lost, self._lost = waiting.lost - self._lost, waiting.lost
        if lost > 0:
            yield self._alert("spool_lost", f"{lost} records of calls are lost", waiting, "High")
        large = waiting.bytes * 2 > waiting.room
        if large or waiting.age > LONG:
            self._told = True
            yield self._alert("spool_growing", "Records of calls wait", waiting, "Medium")
        elif self._told and not waiting.records:
            self._told = False
            yield self._alert("spool_empty", "No record of a call waits any more", waiting, "Low")

    def _alert(self, event: str, words: str, waiting: Waiting, level: Level) -> Alert:
        megabytes, room = waiting.bytes / 1e6, waiting.room / 1e6
        figures = (
            f"{waiting.records} records, {megabytes:.1f} MB of {room:.0f} MB,"
            f" the oldest for {waiting.age:.0f}s"
        )
        return Alert(
            kind="failed_tracking_spend",
            cause=event,
            message=f"{words}: {figures}",
            level=level,
            quiet=QUIET,
            event=event,
        )
