"""Time, as stages and strategies ask for it.

The rule: nothing in the domain reads a clock of its own.
"""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Time, so that tests can turn it."""

    def monotonic(self) -> float:
        """Seconds on a clock that only goes forward."""

    def time(self) -> float:
        """Seconds since 1970, as the wall clock has it."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""
