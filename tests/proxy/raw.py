"""Raw sockets against the real server on loopback.

The rule: what a test sends and sees are bytes; nothing here understands more of HTTP than it must.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import pytest
import uvloop

from proxy import server
from proxy.http.asgi import App, Receive, Scope, Send
from proxy.server import ServerSettings, serve

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
PATIENCE = 5.0


def on_both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test on asyncio's loop and on uvloop; it must leave no task behind."""

    async def whole(arguments: dict[str, Any]) -> None:
        faults: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        async with asyncio.timeout(4 * PATIENCE):
            await test(**arguments)
        await asyncio.sleep(0.01)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        assert not faults, faults

    @functools.wraps(test)
    def runner(loop: str, **arguments: Any) -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as loops:
            loops.run(whole(arguments))

    asked = inspect.signature(test)
    own = inspect.Parameter("loop", inspect.Parameter.KEYWORD_ONLY)
    runner.__signature__ = asked.replace(  # type: ignore[attr-defined]
        parameters=[*asked.parameters.values(), own], return_annotation=None
    )
    each: Callable[..., None] = pytest.mark.parametrize("loop", sorted(LOOPS))(runner)
    return each


class FakeDrain:
    """Calls that run until the test says otherwise; remembers what it was asked."""

    def __init__(self, *, busy: bool = False) -> None:
        self.asked: list[str] = []
        self.over = asyncio.Event()
        self.expired = asyncio.Event()
        if not busy:
            self.over.set()

    def begin(self) -> None:
        self.asked.append("begin")

    async def idle(self) -> None:
        self.asked.append("idle")
        await self.over.wait()

    def expire(self) -> None:
        self.asked.append("expire")
        self.expired.set()


@dataclass
class Running:
    """A server that runs, and the handles of a test on it."""

    port: int
    drain: FakeDrain
    stop: asyncio.Event
    task: asyncio.Task[None]


@asynccontextmanager
async def serving(
    app: App, settings: ServerSettings | None = None, drain: FakeDrain | None = None
) -> AsyncIterator[Running]:
    """Serve the app on a free port inside the block."""
    drain = drain or FakeDrain()
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    settings = settings or quick()
    task = asyncio.create_task(serve(app, settings, drain, ready=port.set_result, stop=stop))
    task.add_done_callback(lambda _: port.done() or port.cancel())
    try:
        await port
    except asyncio.CancelledError:
        await task  # it could not start, and says why
    try:
        yield Running(port.result(), drain, stop, task)
    finally:
        stop.set()
        drain.over.set()
        with patch.object(server, "FLIGHT", 0.0):  # nothing is on its way any more
            await task


def quick(**changes: Any) -> ServerSettings:
    """Settings for tests: a free port, and nothing to wait long for."""
    return ServerSettings(**{"port": 0, "drain_timeout": PATIENCE, **changes})


@dataclass
class Client:
    """One raw connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        """Put bytes on the wire."""
        self.writer.write(data)

    async def rest(self, within: float = PATIENCE) -> bytes:
        """Everything until the server closes."""
        async with asyncio.timeout(within):
            try:
                return await self.reader.read(-1)
            except ConnectionResetError:
                return b"<RESET>"

    async def until(self, mark: bytes) -> bytes:
        """Everything up to the mark."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(mark)

    async def answer(self) -> tuple[bytes, bytes]:
        """The head and the body of one answer with a length."""
        head = await self.until(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        async with asyncio.timeout(PATIENCE):
            return head, await self.reader.readexactly(length)

    async def is_silent(self, seconds: float = 0.1) -> bool:
        """Whether nothing comes for a while."""
        try:
            async with asyncio.timeout(seconds):
                await self.reader.readexactly(1)
        except TimeoutError:
            return True
        return False

    def reset(self) -> None:
        """Close with a reset in place of a proper end."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.writer.close()


@asynccontextmanager
async def connected(port: int, data: bytes = b"", **options: Any) -> AsyncIterator[Client]:
    """A connection to the server, closed after the block."""
    client = Client(*await asyncio.open_connection("127.0.0.1", port, **options))
    client.send(data)
    try:
        yield client
    finally:
        client.writer.close()
        with suppress(OSError):
            await client.writer.wait_closed()


@asynccontextmanager
async def serving_one(app: App, data: bytes, **settings: Any) -> AsyncIterator[Client]:
    """A server of the app and one connection to it."""
    async with serving(app, quick(**settings)) as running, connected(running.port, data) as client:
        yield client


async def talk(port: int, data: bytes, within: float = PATIENCE) -> bytes:
    """Send the bytes and return everything that comes until the server closes."""
    async with connected(port, data) as client:
        return await client.rest(within)


async def soon(condition: Callable[[], object], within: float = PATIENCE) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@dataclass
class Recorder:
    """An app that answers with what it was asked, and remembers it."""

    scopes: list[Scope] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        self.scopes.append(scope)
        body = await read_all(receive, self.events)
        if body is None:
            return
        self.bodies.append(body)
        names = [name.decode() for name, _ in scope["headers"]]
        said = {"method": scope["method"], "path": scope["path"], "names": names}
        await answer(send, json.dumps({**said, "body": body.decode("latin1")}).encode())


async def lifespan(receive: Receive, send: Send) -> None:
    """Agree to every step of the lifespan."""
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


async def read_all(receive: Receive, events: list[str] | None = None) -> bytes | None:
    """The body of a request, or None if the client left before its end."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if events is not None:
            events.append(message["type"])
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message["body"])
        if not message["more_body"]:
            return b"".join(pieces)


async def answer(send: Send, body: bytes, status: int = 200) -> None:
    """A sized answer in two messages."""
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def app_of(handler: Callable[[Scope, Receive, Send], Awaitable[None]]) -> App:
    """An app with a lifespan from a function that answers requests."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
        else:
            await handler(scope, receive, send)

    return app


def get(*lines: bytes) -> bytes:
    """A GET with these headers."""
    return b"".join(line + b"\r\n" for line in (b"GET / HTTP/1.1", b"Host: x", *lines, b""))


def post(*lines: bytes, body: bytes = b"") -> bytes:
    """A POST with these headers and this body."""
    return get(*lines).replace(b"GET", b"POST", 1) + body


def head(line: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    """The head of a request with this method and target."""
    return line + b" " + version + b"\r\nHost: x\r\n\r\n"
