"""Hands records of calls to somebody outside, in batches and behind the calls' backs.

The rule: `put` never waits; what cannot be handed over is tried again, counted and bounded, and
the log says once that it begins and once that it is over.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from zlib import crc32

from pipelines.clock import Clock
from pipelines.errors import (
    ConnectFailed,
    Denied,
    FirstByteTimeout,
    Rejected,
    UpstreamError,
)
from pipelines.record import Record
from pipelines.traces import parent_of
from proxy.telemetry.logging import get_logger

WITHIN = 5.0

# About what a record takes without its prompt and its answer.
_BARE = 2_048
_FIRST_WAIT = 1.0

Send = Callable[[Sequence[Record]], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How records are handed over; times in seconds.

    At most `most` records of `most_bytes` together wait, `batch` of `batch_bytes` go at once and
    none waits longer than `every` while all is well. `patience` bounds one try; a batch that is
    answered with a failure is tried so many `tries`, one that cannot be delivered at all for as
    long as it takes, with pauses up to `slowest`. `sample` is the share of traces that is handed
    over; where it `follows`, none is that its beginner, the client, does not sample.
    """

    most: int = 10_000
    most_bytes: int = 64 << 20
    batch: int = 256
    batch_bytes: int = 3 << 20
    every: float = 1.0
    patience: float = 10.0
    tries: int = 6
    slowest: float = 60.0
    sample: float = 1.0
    follows: bool = False
    successes: bool = True
    failures: bool = True


@dataclass(slots=True)
class Counts:
    """What became of the records: handed over, given up after tries or refused, and dropped
    because there was no room or no time."""

    sent: int = 0
    failed: int = 0
    dropped: int = 0


USUAL = Pace()


class Exporter:
    """A journal whose records go to `send`, which gives how many of them were not accepted, and
    raises UpstreamError where none was, and TypeError or ValueError where one cannot be told."""

    def __init__(
        self,
        name: str,
        send: Send,
        clock: Clock,
        pace: Pace = USUAL,
        random: Random | None = None,
    ) -> None:
        self.name = name
        self.counts = Counts()
        self.well = True
        self._send = send
        self._clock = clock
        self._pace = pace
        self._random = random or Random()
        self._queue: deque[Record] = deque()
        self._held: list[Record] = []
        self._bytes = 0
        self._wake = asyncio.Event()
        self._lost_before: int | None = None

    @property
    def waiting(self) -> int:
        """How many records are not handed over yet."""
        return len(self._queue) + len(self._held)

    def put(self, record: Record) -> None:
        """Take the record; never blocks and never raises."""
        pace = self._pace
        if not (pace.successes if record.outcome == "ok" else pace.failures):
            return
        if pace.sample < 1.0 and not sampled(record, pace.sample):
            return
        if pace.follows and record.parent_span and not parent_of(record.parent_span)[2]:
            return
        size = _size(record)
        count = self.waiting
        if count >= pace.most or self._bytes + size > pace.most_bytes:
            self._drop()
            return
        self._queue.append(record)
        self._bytes += size
        if count == 0 or len(self._queue) == pace.batch or self._bytes >= pace.batch_bytes:
            self._wake.set()

    async def run(self) -> None:
        """Hand over what comes; runs until it is cancelled, and can be begun again."""
        while True:
            await self._filled()
            failures = answered = 0
            while self._take():
                error = await self._try()
                if error is None:
                    break
                failures += 1
                answered += not isinstance(error, ConnectFailed)
                if _hopeless(error) or answered >= self._pace.tries:
                    self._give_up()
                    break
                await self._clock.sleep(self._pause(failures, error))

    async def close(self, within: float = WITHIN) -> None:
        """Hand over what waits when nobody runs it any more, each batch tried once; what is left
        after so many seconds is dropped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self._take():
                    error = await self._try()
                    if error is not None and not _hopeless(error):
                        break
                    self._give_up()
        rest = self.waiting
        if rest:
            self.counts.dropped += rest
            self._held += self._queue
            self._queue.clear()
            self._release()
            get_logger(__name__).warning(
                "records are lost at the end", exporter=self.name, records=rest
            )

    async def _filled(self) -> None:
        """Wait until there is something, and for a moment whether there is more."""
        if self._held:
            return
        if not self._queue:
            self._wake.clear()
            await self._wake.wait()
        if len(self._queue) < self._pace.batch and self._bytes < self._pace.batch_bytes:
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace.every):
                    await self._wake.wait()

    def _take(self) -> bool:
        """Whether there is a batch; it is held until its fate is known."""
        queue, held, pace = self._queue, self._held, self._pace
        if not held:
            size = 0
            while queue and len(held) < pace.batch:
                size += _size(queue[0])
                if held and size > pace.batch_bytes:
                    break
                held.append(queue.popleft())
        return bool(held)

    async def _try(self) -> Exception | None:
        held = self._held
        error: Exception
        try:
            async with asyncio.timeout(self._pace.patience):
                lost = await self._send(held)
        except TimeoutError:
            error = FirstByteTimeout(f"no answer within {self._pace.patience:g} s")
        except (UpstreamError, TypeError, ValueError) as found:
            error = found
        else:
            self.counts.sent += len(held) - lost
            self.counts.failed += lost
            self._release()
            self._is_well()
            return None
        self._is_ill(error)
        return error

    def _pause(self, failures: int, error: Exception) -> float:
        longest = min(self._pace.slowest, _FIRST_WAIT * 2.0 ** min(failures - 1, 16))
        # Many gateways lose the same receiver at once, and must not come back at once.
        wait = longest * self._random.uniform(0.5, 1.0)
        asked = getattr(error, "retry_after", None)
        return max(wait, min(asked, self._pace.slowest)) if asked else wait

    def _give_up(self) -> None:
        self.counts.failed += len(self._held)
        self._release()

    def _release(self) -> None:
        self._bytes -= sum(map(_size, self._held))
        self._held.clear()

    def _drop(self) -> None:
        if self._lost_before is None:
            self._lost_before = self.counts.dropped
            get_logger(__name__).warning(
                "records are dropped: too many wait", exporter=self.name, waiting=self.waiting
            )
        self.counts.dropped += 1

    def _is_ill(self, error: Exception) -> None:
        if self.well:
            self.well = False
            # The words of a strange error may hold what could not be told.
            reason = error.message if isinstance(error, UpstreamError) else type(error).__name__
            get_logger(__name__).warning(
                "records are not handed over just now", exporter=self.name, reason=reason
            )

    def _is_well(self) -> None:
        before, self._lost_before = self._lost_before, None
        if self.well and before is None:
            return
        self.well = True
        lost = 0 if before is None else self.counts.dropped - before
        get_logger(__name__).info("records are handed over again", exporter=self.name, dropped=lost)


async def close_all(exporters: Iterable[Exporter], within: float = WITHIN) -> None:
    """Close them beside each other."""
    await asyncio.gather(*[one.close(within) for one in exporters])


def sampled(record: Record, share: float) -> bool:
    """Whether the record is among such a share; all those of one trace are, or none."""
    return crc32((record.trace_id or record.id).encode("utf-8", "replace")) < share * 2**32


def _hopeless(error: Exception) -> bool:
    return isinstance(error, (Denied, Rejected)) or not isinstance(error, UpstreamError)


def _size(record: Record) -> int:
    prompt, answer = record.prompt, record.answer
    return _BARE + (len(prompt) if prompt else 0) + (len(answer) if answer else 0)
