"""How much a spool may take of its disk, and what it keeps back for calls that run already.

The rule: the last megabyte belongs to the ends of calls whose beginning was written.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

KEPT_BACK = 1024 * 1024
TIGHT = 0.8
LOOK_EVERY = 1.0

OnFull = Literal["refuse", "drop_bodies", "drop"]


@dataclass(frozen=True, slots=True)
class SpoolRules:
    """How many bytes the spool of one process may have, what happens beyond, and how long a file
    of it grows."""

    most_bytes: int = 2 * 1024**3
    on_full: OnFull = "drop_bodies"
    segment_bytes: int = 64 * 1024**2


class Room:
    """Counts the bytes of one spool; `used` is what its files have."""

    def __init__(self, folder: Path, rules: SpoolRules, now: Callable[[], float]) -> None:
        self._reserve = folder / "reserve"
        self._limit = rules.most_bytes
        self._usual = max(0, rules.most_bytes - KEPT_BACK)
        self._tight = int(self._usual * TIGHT)
        self._now = now
        self._look_at = 0.0
        self._blocked = False
        self._spent = False
        self.used = 0
        self._keep_back()

    @property
    def full(self) -> bool:
        """Whether nothing but the ends of running calls may be written."""
        if self._spent and self.used < self._tight:
            self._spent = False
        return self._spent or (self._blocked and not self._freed())

    @property
    def tight(self) -> bool:
        """Whether it is time to leave out what can be left out."""
        return self.used >= self._tight or self._blocked

    def has(self, size: int, running: bool) -> bool:
        """Whether so many bytes may be written, for a call that runs already or for another.

        When once they may not, there is no room before a good part of it is free again.
        """
        if running:
            return self.used + size <= self._limit
        if self.used + size > self._usual:
            self._spent = True
        return not self.full

    def block(self) -> bool:
        """The disk took no more; gives whether something that was kept back is free now."""
        self._blocked = True
        self._look_at = self._now() + LOOK_EVERY
        try:
            self._reserve.unlink()
        except OSError:
            return False
        return True

    def _freed(self) -> bool:
        if self._now() >= self._look_at:
            self._keep_back()
        return not self._blocked

    def _keep_back(self) -> None:
        self._look_at = self._now() + LOOK_EVERY
        try:
            file = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(file, 0, KEPT_BACK)
            finally:
                os.close(file)
        except OSError:
            self._blocked = True
            with suppress(OSError):
                # A disk that can only be read from keeps it.
                self._reserve.unlink()
        else:
            self._blocked = False
