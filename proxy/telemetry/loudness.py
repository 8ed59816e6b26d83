"""Lets an operator see more for a while, without a new start.

The rule: however often it is asked for, the configured level comes back by itself.
"""

from __future__ import annotations

import asyncio

from proxy.telemetry.logging import get_logger, set_level

FOR = 300.0


class Loudness:
    """Raises the level of the log to debug for `seconds`, and lowers it to `level` again."""

    def __init__(self, level: str, seconds: float = FOR) -> None:
        self._level = level
        self._seconds = seconds
        self._end: asyncio.TimerHandle | None = None

    def louder(self) -> None:
        """Debug from now on; asked for again meanwhile, the time begins anew."""
        if self._end is not None:
            self._end.cancel()
        self._end = asyncio.get_running_loop().call_later(self._seconds, self._lower)
        set_level("debug")
        get_logger(__name__).info("the log level is debug for a while", seconds=self._seconds)

    def _lower(self) -> None:
        self._end = None
        get_logger(__name__).info("the log level is as before", log_level=self._level)
        set_level(self._level)
