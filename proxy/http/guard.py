"""Ends a call when its client leaves, or when the gateway must stop.

The rule: the request's own task is cancelled, once, by a plain asyncio cancel, so that every
clean-up may await; a cancel that was not ours passes through.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from pipelines.exchange import Exchange
from proxy.background import Background
from proxy.http.asgi import Receive, Watch


class ClientGuard:
    """Watches for the client's disconnect while the `async with` block runs.

    A server that can call back is asked to (`watch`); with any other one a task waits on `receive`.
    """

    __slots__ = (
        "_background",
        "_exchange",
        "_receive",
        "_task",
        "_waiting",
        "_watch",
        "shutting_down",
    )

    def __init__(
        self,
        exchange: Exchange,
        receive: Receive,
        background: Background,
        watch: Watch | None = None,
    ) -> None:
        self._exchange = exchange
        self._receive = receive
        self._background = background
        self._watch = watch
        self._task: asyncio.Task[object] | None = None
        self._waiting: asyncio.Task[None] | None = None
        self.shutting_down = False

    async def __aenter__(self) -> ClientGuard:
        self._task = asyncio.current_task(self._background.loop)
        if self._watch is not None:
            self._watch(self._left)
        else:
            self._waiting = self._background.spawn(self._wait(), "client guard")
        return self

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left()

    def _left(self) -> None:
        if self._task is not None and not self.shutting_down:
            self._exchange.client_gone = True
            self._task.cancel()

    @property
    def cancelled(self) -> bool:
        """Whether the call was cancelled: its client is gone, or the gateway stops."""
        return self._exchange.client_gone or self.shutting_down

    @property
    def streams(self) -> bool:
        """Whether the call is a stream that has begun."""
        exchange = self._exchange
        call = exchange.call
        return exchange.first_byte is not None and call.parsed is not None and call.streaming

    def shut_down(self) -> None:
        """Cancel the call because the gateway stops."""
        if self._task is not None and not self.cancelled:
            self.shutting_down = True
            self._task.cancel()

    def release(self) -> None:
        """The reply is complete: from now on nothing is cancelled."""
        self._task = None
        if self._waiting is not None:
            self._waiting.cancel()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        task = self._task
        self.release()
        if task is None or not self.cancelled:
            return False
        # Taken back also where a stage swallowed it.
        others = task.uncancel()
        return kind is asyncio.CancelledError and not others
