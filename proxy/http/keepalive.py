"""Speaks up for a stream whose provider says nothing, so that nobody between takes it for dead.

The rule: it only looks, every so often, whether anything was sent since it last looked; what is
sent pays nothing for that.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from proxy.background import Background


class Silent(Protocol):
    """A stream to a client."""

    def silent(self) -> bool:
        """Whether nothing was sent since this was last asked."""

    async def ping(self) -> None:
        """Send what says nothing, unless the stream has ended."""


class KeepAlive:
    """Looks after one stream, from `begin` to `end`."""

    __slots__ = ("_background", "_every", "_pinging", "_stream", "_timer")

    def __init__(self, background: Background, every: float, stream: Silent) -> None:
        self._background = background
        self._every = every
        self._stream = stream
        self._timer: asyncio.TimerHandle | None = None
        self._pinging: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Look for the first time after one interval."""
        self._timer = self._background.loop.call_later(self._every, self._look)

    def end(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        # A client that is slow to read is sent no second ping on top of the first.
        free = self._pinging is None or self._pinging.done()
        if self._stream.silent() and free:
            self._pinging = self._background.spawn(self._stream.ping(), "keep-alive")
        self.begin()
