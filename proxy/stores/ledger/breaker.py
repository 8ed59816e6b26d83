"""Leaves alone for a while what failed several times in a row.

The rule: after the wait one more try decides.
"""

from __future__ import annotations

from collections.abc import Callable

from pipelines.errors import LedgerUnavailable

FAILURES = 5
SHORTEST = 1.0
# What comes back is used again within a few seconds, however long it was away.
LONGEST = 2.0


class Breaker:
    """Opens after `FAILURES` in a row for a second, and then for twice as long each time."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._failures = 0
        self._wait = SHORTEST
        self._until = 0.0

    def check(self) -> None:
        """Raises LedgerUnavailable while it is open."""
        if self._now() < self._until:
            raise LedgerUnavailable("The ledger failed several times, and is left alone a moment.")

    @property
    def is_open(self) -> bool:
        """Whether it is left alone now."""
        return self._now() < self._until

    def failed(self) -> None:
        """Count a failure."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._until = self._now() + self._wait
            self._wait = min(LONGEST, 2 * self._wait)

    def went_well(self) -> None:
        """Forget the failures."""
        if self._failures:
            self._failures, self._wait, self._until = 0, SHORTEST, 0.0
