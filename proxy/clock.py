"""The real clock behind the port.

The rule: durations are measured on the monotonic clock; the wall clock only dates things.
"""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Time as this machine has it, in seconds."""

    def monotonic(self) -> float:
        """Seconds on a clock that only goes forward."""
        return time.monotonic()

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
