"""Writes the recording of one call, whoever of its readers stays.

The rule: the pump runs the rest of the chain in a task of its own; its call is over when the pump
is, and it ends early only when nobody is left for whom it could go on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from math import inf
from typing import Any, Protocol

from pipelines.clock import Clock
from pipelines.errors import GatewayError, ShuttingDown
from pipelines.events import Data, Head
from pipelines.exchange import Exchange
from pipelines.recording import Recording

STAGE = "cache"


class Running(Protocol):
    """Work that can be ended."""

    def cancel(self) -> object:
        """Ask it to end."""


class Keeper(Protocol):
    """Has a use for what was recorded."""

    async def keep(self, recording: Recording) -> None:
        """Keep a whole reply."""

    def forget(self, recording: Recording) -> None:
        """It is over, and kept if it is to be kept."""


Spawn = Callable[[Coroutine[Any, Any, None], str], Running]


class Pump:
    """Runs one exchange behind the cache, and tells `keeper` of its recording."""

    __slots__ = (
        "_begun",
        "_clock",
        "_exchange",
        "_keeper",
        "_recording",
        "_seen",
        "_spawn",
        "_task",
        "_works",
        "over",
    )

    def __init__(
        self, exchange: Exchange, recording: Recording, clock: Clock, spawn: Spawn, keeper: Keeper
    ) -> None:
        self._exchange = exchange
        self._recording = recording
        self._clock = clock
        self._spawn = spawn
        self._keeper = keeper
        self._task: Running | None = None
        self._works: list[Callable[[], None]] = []
        self._begun = False
        self._seen = 0
        self.over = False

    def start(self) -> None:
        """Begin; from now on the exchange is over when the pump is."""
        self._exchange.outlives = self
        self._recording.abandoned = self._abandoned
        self._task = self._spawn(self._run(), "recording")

    def then(self, work: Callable[[], None]) -> None:
        """Do the work when the call is over."""
        self._works.append(work)

    async def _run(self) -> None:
        self._begun = True
        try:
            await self._write()
        except GatewayError as error:
            self._recording.close(error.with_traceback(None))
        finally:
            # Whatever it was, those who follow must hear of it.
            self._finish(sys.exception())
        try:
            await self._keeper.keep(self._recording)
        finally:
            self._keeper.forget(self._recording)

    async def _write(self) -> None:
        exchange, recording, clock = self._exchange, self._recording, self._clock
        passage = exchange.passage
        assert passage is not None
        async with passage.apart(STAGE) as flow:
            async for event in flow:
                if type(event) is Data:
                    await self._meter(len(event.raw))
                elif type(event) is Head:
                    recording.losses = exchange.losses
                    # What one caller's budget cut short is no answer for others.
                    recording.private = recording.private or exchange.outgoing is not None
                recording.write(event, clock.monotonic())
                if recording.overfull:
                    if not recording.readers:
                        # Nobody could ever be told of it.
                        self._cancel()
                    await recording.space()
        recording.private = recording.private or _pieced(exchange) or exchange.cut is not None

    async def _meter(self, size: int) -> None:
        reservation = self._exchange.reservation
        if reservation is None or reservation.check_at is None:
            return
        self._seen += size
        if self._seen > reservation.check_at:
            await self._exchange.meter()

    def _finish(self, fault: BaseException | None) -> None:
        recording, self.over = self._recording, True
        # Only a gateway that stops cancels a pump that has readers.
        known = fault is None or isinstance(fault, Exception)
        recording.close(fault if known else ShuttingDown())
        recording.abandoned = None
        if fault is not None or not self._begun:
            # Nothing is kept, and nobody comes by here again.
            self._keeper.forget(recording)
        works, self._works = self._works, []
        for work in works:
            # What ran behind it may still clean up.
            self._exchange.when_over(work)

    def _abandoned(self) -> None:
        recording = self._recording
        if recording.overfull or not recording.grace:
            self._cancel()
        elif recording.grace != inf:
            self._spawn(self._linger(recording.grace), "lingering")

    async def _linger(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        if not self._recording.readers and not self.over and self._recording.grace != inf:
            self._cancel()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if not self._begun:
            # Cancelled before its first step, it never runs.
            self._finish(None)


def _pieced(exchange: Exchange) -> bool:
    return any(one.kind == "continue" for one in exchange.attempts)
