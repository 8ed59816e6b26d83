"""One client's connection: its bytes become ASGI calls, its silence runs into deadlines.

The rule: nothing here waits for the client without a deadline, and no deadline costs a task.
"""

from __future__ import annotations

import asyncio
import re
from asyncio import Future, StreamReader, Task, Transport
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from proxy.framing import Chunks, Head, Refusal, check_start
from proxy.http.asgi import App
from proxy.http1 import Cycle

HIGH_WATER = 64 * 1024
MAX_QUEUED = 256 * 1024
MAX_PIPELINED = 64 * 1024
PROGRESS = 1024
LINGER = 2.0
NEVER = float("inf")

_LINE_ENDS = re.compile(rb"(?:\r\n)+")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a client may keep us waiting, in seconds."""

    head: float = 10.0
    body: float = 60.0
    write: float = 60.0
    idle: float = 75.0


class Service:
    """What all connections share: the app, the deadlines, the running calls, whether we close."""

    def __init__(self, app: App, timeouts: Timeouts) -> None:
        self.app = app
        self.timeouts = timeouts
        self.calls: set[Task[None]] = set()
        self.closing = False


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends of a connection, as a scope names them."""

    client: tuple[str, int] | None
    server: tuple[str, int] | None
    scheme: str
    state: dict[str, Any]


def ends_of(writer: asyncio.StreamWriter, state: dict[str, Any]) -> Ends:
    """The ends of the connection that this stream writes to."""
    client, server = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
    return Ends(
        client=client[:2] if isinstance(client, tuple) else None,
        server=server[:2] if isinstance(server, tuple) else None,
        scheme="http" if writer.get_extra_info("ssl_object") is None else "https",
        state=state,
    )


class Line(asyncio.Protocol):
    """Speaks HTTP/1.1 on one transport; `over` yields True if the line became a WebSocket's."""

    def __init__(
        self, service: Service, transport: Transport, reader: StreamReader, ends: Ends
    ) -> None:
        self._service = service
        self.loop = asyncio.get_running_loop()
        self._transport = transport
        self._reader = reader
        self._plain = transport.get_protocol()
        self._ends = ends
        self._cycle: Cycle | None = None
        self._chunks: Chunks | None = None
        self._left = 0
        self._asked = True
        self._buffer = b""
        self._finished = False
        self._paused = False
        self._progress = 0
        self._unsent = 0
        self._waiters: list[Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._armed = NEVER
        self._read_by = NEVER
        self._write_by = NEVER
        self.over: Future[bool] = self.loop.create_future()
        self.write = transport.write
        self.blocked = False
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._expect(service.timeouts.head)

    @property
    def closing(self) -> bool:
        """Whether no further request is wanted on any connection."""
        return self._service.closing

    def start(self, first: bytes) -> None:
        """Take the transport over from the stream that read its first bytes."""
        self._transport.set_protocol(self)
        self.data_received(first)

    def retire(self, grace: float) -> None:
        """Close if idle; a connection that has asked nothing yet gets a moment to ask."""
        if self._cycle is None and not self._buffer and not self._finished:
            if self._transport.get_protocol() is self:
                self._finish(clean=True)
            else:
                self._expect(grace)

    def data_received(self, data: bytes) -> None:
        """Take what the client sent."""
        cycle = self._cycle
        if cycle is None:
            if not self._finished:
                self._read_head(self._buffer + data if self._buffer else data)
        elif not cycle.ended:
            self._read_body(cycle, data)
        else:
            self._buffer += data
            if len(self._buffer) > MAX_PIPELINED:
                self._pause()

    def _read_head(self, data: bytes) -> None:
        seen = len(self._buffer)
        if data.startswith(b"\r\n"):
            data = _LINE_ENDS.sub(b"", data, 1)  # some clients send one too many after a body
        end = data.find(b"\r\n\r\n", max(0, seen - 3))
        try:
            if end < 0:
                check_start(data, seen)
                if data and not seen:
                    self._expect(self._service.timeouts.head)
                self._buffer = data
                return
            head = Head(data[: end + 4])
        except Refusal as refusal:
            self._refuse(refusal)
            return
        self._buffer = b""
        if head.websocket:
            self._hand_over(data)
            return
        cycle = Cycle(self, head)
        self._chunks = Chunks() if head.chunked else None
        self._left = head.length
        self._asked = not head.expects
        self._progress = 0
        self._cycle = cycle
        if self._read_body(cycle, data[end + 4 :]):
            service = self._service
            cycle.begin(service.app, self._scope(head), service.calls)

    def _read_body(self, cycle: Cycle, data: bytes) -> bool:
        if self._chunks is None:
            piece = data[: self._left]
            self._left -= len(piece)
            ended = not self._left
            rest = data[len(piece) :]
        else:
            try:
                piece, ended, rest = self._chunks.feed(data)
            except Refusal as refusal:
                self._refuse(refusal)
                return False
        cycle.feed(piece, ended)
        if ended:
            self._read_by = NEVER
            self._buffer = rest
            return True
        self._asked = self._asked or bool(data)
        self._progress -= len(data)
        if self._progress <= 0 and self._asked:
            self._expect_body()
        if cycle.queued > MAX_QUEUED:
            self._pause()
        return True

    def wanted(self) -> None:
        """The app waits for the body: a client that asked whether to send it is told to."""
        cycle = self._cycle
        if not self._asked and cycle is not None:
            self._asked = True
            if not cycle.answer.started:
                self.write(_CONTINUE)
            self._expect_body()

    def taken(self) -> None:
        """The app took what was queued of the body."""
        if self._resume():
            self._expect_body()

    def answered(self, cycle: Cycle) -> None:
        """The answer is written: on to the next request, or to the end."""
        self._cycle = None
        if not cycle.answer.keep or (self._service.closing and not self._buffer):
            self._finish(clean=cycle.ended and not self._buffer)
            return
        self._expect(self._service.timeouts.idle)
        if self._buffer:
            self._resume()
            data, self._buffer = self._buffer, b""
            self._read_head(data)

    def cut(self) -> None:
        """Close without the end of the answer, so that the client sees that there is none."""
        self._cycle = None
        self._finish(clean=True)

    async def drained(self) -> None:
        """Return once the client has taken enough of what was sent."""
        while self.blocked:
            waiter = self.loop.create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)

    def pause_writing(self) -> None:
        """The client is slow to take what was sent."""
        self.blocked = True
        self._watch_writes()

    def resume_writing(self) -> None:
        """The client has taken enough of what was sent."""
        self._unblock()
        if not self._finished:
            self._write_by = NEVER

    def eof_received(self) -> None:
        """The client will send nothing more, and counts as gone: nothing tells the two apart."""
        self._finished = True
        self._leave()
        self._watch_writes()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, by whomever."""
        self._finished = True
        self._leave()
        self._disarm()
        if not self.over.done():
            self.over.set_result(False)

    def _leave(self) -> None:
        cycle, self._cycle = self._cycle, None
        if cycle is not None:
            cycle.leave()
        self._unblock()

    def _unblock(self) -> None:
        self.blocked = False
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _refuse(self, refusal: Refusal) -> None:
        cycle = self._cycle
        self._leave()
        if cycle is None or not cycle.answer.started:
            self.write(refusal.answer())
        self._finish(clean=False)

    def _finish(self, clean: bool) -> None:
        self._finished = True
        self._buffer = b""
        self._read_by = NEVER
        self._watch_writes()
        if clean or not self._transport.can_write_eof():
            self._transport.close()
            return
        # to close on bytes unread would reset the connection and take our answer with it
        self._transport.write_eof()
        self._resume()
        self._expect(LINGER)

    def _hand_over(self, data: bytes) -> None:
        self._finished = True
        self._disarm()
        self._transport.set_protocol(self._plain)
        self._reader.feed_data(data)
        self.over.set_result(True)

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._read_by = NEVER
            self._transport.pause_reading()

    def _resume(self) -> bool:
        paused, self._paused = self._paused, False
        if paused:
            self._transport.resume_reading()
        return paused

    def _expect_body(self) -> None:
        self._progress = PROGRESS
        self._expect(self._service.timeouts.body)

    def _expect(self, seconds: float) -> None:
        self._read_by = self.loop.time() + seconds
        self._arm(self._read_by)

    def _watch_writes(self) -> None:
        self._unsent = self._transport.get_write_buffer_size()
        self._write_by = NEVER
        if self._unsent:
            self._write_by = self.loop.time() + self._service.timeouts.write
            self._arm(self._write_by)

    def _arm(self, when: float) -> None:
        if when < self._armed:
            self._disarm()
            self._armed = when
            self._timer = self.loop.call_at(when, self._tick)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._armed = NEVER

    def _tick(self) -> None:
        self._disarm()
        now = self.loop.time()
        if self._write_by <= now:
            if self._transport.get_write_buffer_size() >= self._unsent:
                self._transport.abort()
                return
            self._watch_writes()
        if self._read_by <= now:
            self._late()
        due = min(self._read_by, self._write_by)
        if due < NEVER:
            self._arm(due)

    def _late(self) -> None:
        self._read_by = NEVER
        if self._finished:
            self._transport.close()
        elif self._cycle is not None:
            self._refuse(Refusal(408, "The body of the request did not arrive in time."))
        elif self._buffer:
            self._refuse(Refusal(408, "The head of the request did not arrive in time."))
        else:
            self._finish(clean=True)

    def _scope(self, head: Head) -> dict[str, Any]:
        path = head.raw_path.decode("ascii")
        ends = self._ends
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": head.version,
            "method": head.method,
            "scheme": ends.scheme,
            "path": unquote(path) if "%" in path else path,
            "raw_path": head.raw_path,
            "query_string": head.query,
            "root_path": "",
            "headers": head.headers,
            "client": ends.client,
            "server": ends.server,
            "state": ends.state.copy(),
            "extensions": {},
        }
