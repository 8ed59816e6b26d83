"""One request and its answer: an ASGI app on the one side, the bytes of HTTP/1.1 on the other.

The rule: whatever the app sends, an answer ends where its head says, or visibly not at all.
"""

from __future__ import annotations

import asyncio
import logging
import re
from asyncio import Future, Task
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Protocol

from proxy.framing import Head, error_body
from proxy.http.asgi import LEFT, App, Message, Scope

FAIR = 32

Headers = Iterable[tuple[bytes, bytes]]

_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"connection", b"keep-alive"))
_STATUS_LINES: Mapping[int, bytes] = MappingProxyType(
    {s.value: b"HTTP/1.1 %d %b\r\n" % (s.value, s.phrase.encode("ascii")) for s in HTTPStatus}
)
_FIELD_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\0\r\n]*")
_JSON = (b"content-type", b"application/json")


class Wire(Protocol):
    """What a cycle needs of its connection."""

    @property
    def blocked(self) -> bool:
        """Whether the client is slow to take what was sent."""

    @property
    def write(self) -> Callable[[bytes], None]:
        """Sends bytes, or keeps them until the client takes them."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that runs the connection."""

    @property
    def closing(self) -> bool:
        """Whether no further request is wanted on this connection."""

    def wanted(self) -> None:
        """The app waits for the body."""

    def taken(self) -> None:
        """The app took what was queued of the body."""

    def answered(self, cycle: Cycle) -> None:
        """The answer is written to its end."""

    def cut(self) -> None:
        """The answer will have no end."""

    async def drained(self) -> None:
        """Return once the client has taken enough of what was sent."""


class Answer:
    """Frames one answer: no header can split it, and no body outrun the length it announced."""

    __slots__ = ("_chunked", "_held", "_left", "_request", "_silent", "done", "keep", "started")

    def __init__(self, request: Head) -> None:
        self._request = request
        self._held = b""
        self._left: int | None = None
        self._chunked = False
        self._silent = False
        self.keep = False
        self.started = False
        self.done = False

    def start(self, status: int, headers: Headers, keep: bool) -> bytes:
        """The head, or nothing while it waits to go out together with a body of known length."""
        if self.started:
            raise RuntimeError("http.response.start was sent twice")
        parts = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        length: bytes | None = None
        for name, value in headers:
            name = name.lower()
            if name not in _FRAMING:
                parts += (name, b": ", value, b"\r\n")
            elif name == b"content-length":
                if value.isdigit() and len(value) <= 18:
                    length = value
            elif name == b"connection" and b"close" in value.lower():
                keep = False
        lines = len(parts) // 4 + 1
        block = b"".join(parts)
        if block.count(b"\n") != lines or block.count(b"\r") != lines or b"\0" in block:
            block = _without_foul_headers(parts)
        return self._frame(status, block, length, keep)

    def _frame(self, status: int, block: bytes, length: bytes | None, keep: bool) -> bytes:
        request = self._request
        bodiless = status < 200 or status == 204 or status == 304
        self._silent = bodiless or request.method == "HEAD"
        if length is not None and status >= 200 and status != 204:
            block += b"content-length: " + length + b"\r\n"
            if not self._silent:
                self._left = int(length)
        elif not self._silent:
            if request.version == "1.1":
                self._chunked = True
                block += b"transfer-encoding: chunked\r\n"
            else:
                keep = False
        if not keep:
            block += b"connection: close\r\n"
        elif request.version == "1.0":
            block += b"connection: keep-alive\r\n"
        self.keep = keep
        self.started = True
        block += b"\r\n"
        if self._silent or self._left is not None:
            self._held = block
            return b""
        return block

    def body(self, data: bytes, more: bool) -> bytes:
        """The bytes to send for one piece of the body."""
        if not self.started:
            raise RuntimeError("http.response.body was sent before http.response.start")
        if self.done:
            raise RuntimeError("http.response.body was sent after the last one")
        self.done = not more
        if type(data) is not bytes:
            data = bytes(data)  # a view of memory that its owner may change before it is sent
        if self._chunked:
            if not data:
                return b"" if more else b"0\r\n\r\n"
            if more:
                return b"%x\r\n%b\r\n" % (len(data), data)
            return b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
        if self._silent:
            data = b""
        elif self._left is not None:
            data = self._measured(data, self._left)
        if self._held:
            data = self._held + data
            self._held = b""
        return data

    def _measured(self, data: bytes, left: int) -> bytes:
        if len(data) > left:
            data = data[:left]
            self.keep = False
        self._left = left - len(data)
        if self.done and self._left:
            self.keep = False
        return data


def _without_foul_headers(parts: list[bytes]) -> bytes:
    clean = [parts[0]]
    for at in range(1, len(parts), 4):
        line = b"".join(parts[at : at + 3])
        if _FIELD_LINE.fullmatch(line):
            clean += (line, b"\r\n")
    return b"".join(clean)


class Cycle:
    """One request and its answer; a client that leaves is told by `receive`, never by an error."""

    __slots__ = (
        "_given",
        "_left",
        "_pieces",
        "_sends",
        "_task",
        "_waiters",
        "_wire",
        "answer",
        "ended",
        "gone",
        "head",
        "queued",
    )

    def __init__(self, wire: Wire, head: Head) -> None:
        self._wire = wire
        self._given = False
        self._pieces: list[bytes] = []
        self._sends = 0
        self._waiters: list[Future[None]] = []
        self._task: Task[None] | None = None
        self._left: Callable[[], None] | None = None
        self.head = head
        self.answer = Answer(head)
        self.queued = 0
        self.ended = False
        self.gone = False

    def begin(self, app: App, scope: Scope, running: set[Task[None]]) -> None:
        """Run the app in a task of its own, which `running` holds until it ends."""
        scope["extensions"][LEFT] = self.watch
        self._task = self._wire.loop.create_task(self._run(app, scope, running))
        running.add(self._task)

    def watch(self, left: Callable[[], None]) -> None:
        """Have `left` called when the client leaves before its answer is complete.

        The scope offers this as the extension `headgate.left`, so that no task need wait for it.
        """
        self._left = left
        if self.gone:
            left()

    def feed(self, piece: bytes, ended: bool) -> None:
        """Take a piece of the request's body."""
        self.ended = ended
        if piece:
            self._pieces.append(piece)
            self.queued += len(piece)
        if self._waiters:
            self._wake()

    def leave(self) -> None:
        """The client is gone, or as good as gone."""
        self.gone = True
        self._pieces.clear()
        self._wake()
        left, self._left = self._left, None
        if left is not None and not self.answer.done:
            left()

    async def receive(self) -> Message:
        """What the client sent, or that it left; the pieces that wait come as one."""
        while not (self.gone or self.answer.done):
            if self._pieces or (self.ended and not self._given):
                self._given = self.ended
                body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
                self._pieces.clear()
                self.queued = 0
                if not self.ended:
                    self._wire.taken()
                return {"type": "http.request", "body": body, "more_body": not self.ended}
            if not self.ended:
                self._wire.wanted()
            waiter = self._wire.loop.create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send on; waits while the client is slow, and does nothing once it is gone."""
        if self.gone:
            await asyncio.sleep(0)  # or an endless answer to nobody would stop all others
            return
        wire = self._wire
        answer = self.answer
        kind = message["type"]
        if kind == "http.response.body":
            data = answer.body(message.get("body", b""), message.get("more_body", False))
        elif kind == "http.response.start":
            data = answer.start(message["status"], message.get("headers", ()), self._keep())
        else:
            raise RuntimeError(f"{kind} is no message of an HTTP answer")
        if data:
            wire.write(data)
        if answer.done:
            wire.answered(self)
        self._sends += 1
        if wire.blocked:
            await wire.drained()
        elif not self._sends % FAIR:
            await asyncio.sleep(0)  # an app that waits for nothing would stop all others

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _run(self, app: App, scope: Scope, running: set[Task[None]]) -> None:
        try:
            await app(scope, self.receive, self.send)
        except Exception:
            logging.getLogger(__name__).exception("The app raised an error that it should answer")
        finally:
            if self._task is not None:
                running.discard(self._task)
            self._end()

    def _keep(self) -> bool:
        # a body that is still to come after the answer has begun is not waited for
        return self.head.keep and self.ended and not self._wire.closing

    def _end(self) -> None:
        answer = self.answer
        if not (answer.done or self.gone):
            if answer.started:
                self._wire.cut()
            else:
                body = error_body(500, "Internal server error", "internal_server_error")
                headers = (_JSON, (b"content-length", b"%d" % len(body)))
                answer.start(500, headers, self._keep())
                self._wire.write(answer.body(body, False))
                self._wire.answered(self)
        self._left = None
        self.leave()
