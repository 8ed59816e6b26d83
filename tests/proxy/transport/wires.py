"""What the tests of the HTTP transport share: a transport, requests, a provider made of bytes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any, Self

from pipelines.upstream import UpstreamRequest
from proxy.transport.client import HttpTransport
from tests.builders import a_body
from tests.fakes.upstream import FaultyUpstream

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def a_request(url: str, mode: str = "ok", streaming: bool = True, **more: Any) -> UpstreamRequest:
    """A request to a provider at this address, which never takes longer than a test may."""
    given: dict[str, Any] = {
        "url": f"{url}/chat/completions",
        "headers": {"Content-Type": "application/json"},
        "body": a_body(mode, stream=streaming),
        "pool": "acme",
        "dialect": "openai-chat",
        "streaming": streaming,
        "first_byte": 5.0,
        "idle": 5.0,
    }
    return UpstreamRequest(**(given | more))


@asynccontextmanager
async def a_transport(
    connect_timeout: float = 5.0, verify: bool | SSLContext = True
) -> AsyncIterator[HttpTransport]:
    """A transport that is closed after the block."""
    transport = HttpTransport(connect_timeout, verify)
    try:
        yield transport
    finally:
        await transport.close()
        # The loop needs a turn to let go of the sockets.
        await asyncio.sleep(0.01)


@asynccontextmanager
async def at_work() -> AsyncIterator[tuple[HttpTransport, FaultyUpstream]]:
    """A transport and the faulty provider."""
    async with FaultyUpstream() as upstream, a_transport() as transport:
        yield transport, upstream


@dataclass(frozen=True)
class Answer:
    """Bytes that answer one request, after a wait; it may close the connection then."""

    raw: bytes
    closes: bool = False
    wait: float = 0.0


def whole(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> Answer:
    """A reply with a length."""
    lines = b"".join(line + b"\r\n" for line in headers)
    return Answer(
        b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, lines, len(body), body)
    )


class RawProvider:
    """Answers the requests, in whatever connections they come, with one answer after the other.

    `heads` are the requests' heads, `connections` counts what was accepted.
    """

    def __init__(self, *answers: Answer, tls: SSLContext | None = None) -> None:
        self._answers = list(answers)
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self.heads: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http{'s' if self._tls else ''}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            with suppress(asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
                while await self._answer(reader, writer):
                    pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await reader.readexactly(int(line[15:]))
        self.heads.append(head)
        answer = self._answers.pop(0)
        await asyncio.sleep(answer.wait)
        writer.write(answer.raw)
        await writer.drain()
        return not answer.closes


@contextmanager
def nobody_accepts() -> Iterator[str]:
    """An address whose connections stay pending: its queue is full and nobody empties it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for client in waiting:
                client.close()


def a_free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
