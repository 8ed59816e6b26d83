"""The mock provider that is built in: it answers without a network, at the pace of a real one.

The rule: it keeps a transport's promises to the letter; its timers, faults and errors are those of
a provider that is called over HTTP.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from urllib.parse import urlsplit

from pipelines.clock import Clock
from pipelines.errors import (
    ConnectFailed,
    FirstByteTimeout,
    StreamBroken,
    UpstreamError,
    UpstreamFailed,
)
from pipelines.events import Headers
from pipelines.ports import UpstreamReply
from pipelines.upstream import UpstreamRequest
from proxy.transport.mock_forms import Part, Read
from proxy.transport.mock_reply import Composed, compose
from proxy.transport.mock_script import Failing


class MockTransport:
    """Answers requests whose address begins with `mock://`; the model's name says how."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open = 0

    @property
    def open_replies(self) -> int:
        """How many replies are under way."""
        return self._open

    @asynccontextmanager
    async def open(self, request: UpstreamRequest) -> AsyncIterator[UpstreamReply]:
        """Wait for the head as long as the model is late. Raises ConnectFailed,
        FirstByteTimeout."""
        composed = compose(urlsplit(request.url).path, request.body)
        if composed.script.refuses:
            raise ConnectFailed(f"{request.pool} could not be reached: Connection refused.")
        timer = _Timer(self._clock, request)
        self._open += 1
        try:
            await timer.wait(composed.script.late)
            yield MockReply(composed, timer)
        finally:
            self._open -= 1


class MockReply:
    """A reply whose head has arrived."""

    __slots__ = ("_composed", "_timer", "headers", "status")

    def __init__(self, composed: Composed, timer: _Timer) -> None:
        self._composed = composed
        self._timer = timer
        self.status = composed.status
        self.headers: Headers = composed.headers

    def reads(self) -> AsyncIterator[bytes]:
        """The body, one event a read. Raises FirstByteTimeout, UpstreamFailed, StreamBroken."""
        return _Reads(self._composed, self._timer, whole=False)

    async def body(self, limit: int) -> bytes:
        """The whole body, which must arrive before the deadline. Raises FirstByteTimeout,
        UpstreamFailed."""
        raw = bytearray()
        async for part in _Reads(self._composed, self._timer, whole=True):
            raw += part
            if len(raw) > limit:
                raise UpstreamFailed(f"{self._timer.pool} sent a body over {limit} bytes.")
        return bytes(raw)


class _Timer:
    """Waits as the request allows: until a deadline first, and between two reads after it."""

    __slots__ = ("_deadline", "_request", "clock")

    def __init__(self, clock: Clock, request: UpstreamRequest) -> None:
        self.clock = clock
        self._request = request
        self._deadline: float | None = clock.monotonic() + request.first_byte

    @property
    def pool(self) -> str:
        """Who answers, for messages."""
        return self._request.pool

    async def wait(self, seconds: float) -> None:
        """Wait. Raises FirstByteTimeout or StreamBroken where that is too long."""
        if self._deadline is None:
            left = self._request.idle
        else:
            left = max(0.0, self._deadline - self.clock.monotonic())
        await self.clock.sleep(min(seconds, left))
        if seconds > left:
            raise self._overdue()

    def begun(self) -> None:
        """The first byte is there."""
        self._deadline = None

    def broken(self) -> UpstreamError:
        """What a broken connection means now."""
        words = f"{self.pool} broke off its answer: the connection was closed."
        return StreamBroken(words) if self._deadline is None else UpstreamFailed(words)

    def _overdue(self) -> UpstreamError:
        if self._deadline is not None:
            what = "did not begin to answer" if self._request.streaming else "did not answer"
            return FirstByteTimeout(f"{self.pool} {what} within {self._request.first_byte:g} s.")
        error = StreamBroken(f"{self.pool} fell silent for {self._request.idle:g} s.")
        error.code = "upstream_stalled"
        return error


class _Reads:
    """The reads of a body, each at its time; a whole body is due by the deadline to its end."""

    __slots__ = ("_composed", "_due", "_timer", "_whole")

    def __init__(self, composed: Composed, timer: _Timer, *, whole: bool) -> None:
        self._composed = composed
        self._timer = timer
        self._whole = whole
        self._due: float | None = None

    def __aiter__(self) -> _Reads:
        return self

    async def __anext__(self) -> bytes:
        read = next(self._composed.reads, None)
        await self._timer.wait(self._pause(read))
        if read is None:
            if self._composed.failing is Failing.CUT:
                raise self._timer.broken()
            raise StopAsyncIteration
        if not self._whole:
            self._timer.begun()
        return read.raw

    def _pause(self, read: Read | None) -> float:
        if read is None:
            return inf if self._composed.failing is Failing.STALL else 0.0
        now = self._timer.clock.monotonic()
        if self._due is None:
            self._due = now + self._composed.delay
        elif read.part is not Part.WORD:
            return 0.0
        due, rate = self._due, self._composed.script.rate
        if read.part is Part.WORD and rate:
            self._due += 1 / rate
        return max(0.0, due - now)
