"""Hands each record to the callbacks of all calls, and to those of its key and its team.

The rule: `put` never waits; a callback of a key or a team stands in the place of the one for all
calls that has the same name, and there are only so many of them at once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

from pipelines.clock import Clock
from pipelines.providers.credentials.sigv4 import AwsKeys, SigV4
from pipelines.record import Record
from proxy.config.aws_chain import NoAws, chain
from proxy.config.callbacks import Callback
from proxy.config.own_callbacks import Own
from proxy.config.sinks import Bucket, Hook
from proxy.telemetry.bucket import BucketWriter, Put, Sign
from proxy.telemetry.exporting import USUAL, WITHIN, Exporter, close_all
from proxy.telemetry.logging import get_logger
from proxy.telemetry.tracing import tracer
from proxy.telemetry.webhook import Webhook

MOST_WAITING = 10_000
MOST_OWN = 64

Whose = tuple[str, str | None]


class Finds(Protocol):
    """Knows the callbacks of a key and a team."""

    def known(self, whose: Whose) -> tuple[Own, ...] | None:
        """Those of this key and team, where that is known; never waits."""

    async def find(self, whose: Whose) -> tuple[Own, ...]:
        """Those of this key and team."""


class Running(Protocol):
    """A task that runs."""

    def cancel(self) -> object:
        """End it."""


Spawn = Callable[[Coroutine[Any, Any, None], str], Running]


class Exporters:
    """Makes exporters for callbacks; `put` makes what sends to a receiver of this name."""

    def __init__(self, put: Callable[[str], Put], clock: Clock) -> None:
        self._put = put
        self._clock = clock

    def __call__(self, callback: Callback) -> Exporter:
        """An exporter, which must be run, and closed at the end."""
        sink, name, clock = callback.sink, callback.name, self._clock
        pace = replace(
            USUAL, successes=callback.successes, failures=callback.failures, batch=64, patience=30.0
        )
        put = self._put(name)
        if isinstance(sink, Hook):
            return Exporter(name, Webhook(sink, put, clock), clock, pace)
        if isinstance(sink, Bucket):
            return Exporter(name, BucketWriter(sink, put, signer(sink, clock)), clock, pace)
        return tracer(sink, put, clock, callback.successes, callback.failures)


def _made(
    callbacks: Sequence[Callback], make: Callable[[Callback], Exporter]
) -> Iterator[tuple[str, Exporter]]:
    for one in callbacks:
        try:
            yield one.name, make(one)
        except NoAws as error:
            get_logger(__name__).warning(
                "a callback is left out", callback=one.name, reason=str(error)
            )


def signer(bucket: Bucket, clock: Clock) -> Sign:
    """What signs requests for the bucket. Raises NoAws where its keys cannot be found."""
    keys = bucket.keys
    if keys is None:
        return SigV4(chain(None, None, None, bucket.region), bucket.region, "s3", clock.time).sign

    async def own() -> AwsKeys:
        return keys

    return SigV4(own, bucket.region, "s3", clock.time).sign


class Callbacks:
    """A journal; `run` must run beside the calls. `dropped` counts records that found no room."""

    def __init__(
        self,
        shared: Sequence[Callback],
        make: Callable[[Callback], Exporter],
        spawn: Spawn,
        finds: Finds | None = None,
    ) -> None:
        self._make = make
        self._spawn = spawn
        self._finds = finds
        self.shared = tuple(_made(shared, make))
        self._own: OrderedDict[str, tuple[Exporter, Running]] = OrderedDict()
        self._queue: deque[Record] = deque()
        self._wake = asyncio.Event()
        self.dropped = 0

    @property
    def exporters(self) -> tuple[Exporter, ...]:
        """All exporters that there are now."""
        return (*(one for _, one in self.shared), *(one for one, _ in self._own.values()))

    def put(self, record: Record) -> None:
        """Take the record; never blocks and never raises."""
        finds = self._finds
        if finds is None or not (record.key_id or record.team_id):
            for _, exporter in self.shared:
                exporter.put(record)
            return
        known = finds.known((record.key_id, record.team_id))
        if known is not None:
            self._hand(record, known)
        elif len(self._queue) < MOST_WAITING:
            self._queue.append(record)
            self._wake.set()
        else:
            if not self.dropped:
                get_logger(__name__).warning("records for callbacks are dropped: too many wait")
            self.dropped += 1

    def begin(self) -> None:
        """Hand over what comes from now on."""
        for name, exporter in self.shared:
            self._spawn(exporter.run(), f"callback {name}")
        if self._finds is not None:
            self._spawn(self.run(), "callbacks")

    async def run(self) -> None:
        """Find out whose the records are; runs until it is cancelled."""
        while True:
            self._wake.clear()
            await self._settle()
            await self._wake.wait()

    async def close(self, within: float = WITHIN) -> None:
        """Hand over what waits, when nobody runs it any more."""
        await self._settle()
        await close_all(self.exporters, within)

    async def _settle(self) -> None:
        while self._queue and self._finds is not None:
            record = self._queue[0]
            own = await self._finds.find((record.key_id, record.team_id))
            if self._queue and self._queue[0] is record:
                self._queue.popleft()
                self._hand(record, own)

    def _hand(self, record: Record, own: tuple[Own, ...]) -> None:
        names = {one.callback.name for one in own} if own else ()
        for name, exporter in self.shared:
            if name not in names:
                exporter.put(record)
        for one in own:
            self._exporter(one).put(record)

    def _exporter(self, one: Own) -> Exporter:
        found = self._own.get(one.id)
        if found is not None:
            self._own.move_to_end(one.id)
            return found[0]
        if len(self._own) >= MOST_OWN:
            _, (old, task) = self._own.popitem(last=False)
            task.cancel()
            self._spawn(old.close(), "callback that was not used")
        exporter = self._make(one.callback)
        task = self._spawn(exporter.run(), f"callback {one.callback.name} of a key or team")
        self._own[one.id] = exporter, task
        return exporter
