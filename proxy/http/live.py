"""The calls that are running now.

The rule: while the gateway drains, running calls go on until the deadline, and then each of them
ends with an error event of its own.
"""

from __future__ import annotations

import asyncio
from typing import Protocol


class Endable(Protocol):
    """A running call."""

    @property
    def streams(self) -> bool:
        """Whether it is a stream that has begun."""

    def shut_down(self) -> None:
        """End now, and say so to the client."""


class Live:
    """Counts the running calls, and ends them when the time has come."""

    def __init__(self) -> None:
        self._calls: set[Endable] = set()
        self._idle: asyncio.Event | None = None
        self.draining = False

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def streams(self) -> int:
        """How many of the running calls are streams that have begun."""
        return sum(call.streams for call in self._calls)

    def enter(self, call: Endable) -> None:
        """A call begins."""
        self._calls.add(call)

    def leave(self, call: Endable) -> None:
        """A call has ended."""
        self._calls.discard(call)
        if self._idle is not None and not self._calls:
            self._idle.set()

    def begin(self) -> None:
        """From now on the gateway is not ready for new calls."""
        self.draining = True

    async def idle(self) -> None:
        """Return when no call is running."""
        while self._calls:
            if self._idle is None or self._idle.is_set():
                self._idle = asyncio.Event()
            await self._idle.wait()

    def expire(self) -> None:
        """End every running call."""
        for call in tuple(self._calls):
            call.shut_down()
