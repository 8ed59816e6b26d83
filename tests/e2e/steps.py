"""A provider that sends a piece only when the test says so, and a client that reads in pieces.

The rule: what came first is shown by one side waiting for the other, never by a clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

from tests.e2e.gateway import Gateway
from tests.e2e.plain import request
from tests.fakes.wire import BODY_END, DONE, SSE_HEAD, chunk, event

WITHIN = 20.0


class Served:
    """One call at the provider; what is sent goes out at once."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer

    def begin(self, *events: bytes) -> None:
        """Send the head of a stream and its first events, each a chunk of its own."""
        self.writer.write(SSE_HEAD)
        self.send(*events)

    def send(self, *pieces: bytes) -> None:
        """Send pieces of the body, each a chunk of its own."""
        for piece in pieces:
            self.writer.write(chunk(piece))

    def end(self) -> None:
        """Send the end that a good stream has."""
        self.send(event(None, "stop"), DONE)
        self.writer.write(BODY_END)


class LockStep:
    """The provider; one call a connection."""

    def __init__(self) -> None:
        self.url = ""
        self._calls: asyncio.Queue[Served] = asyncio.Queue()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def call(self) -> Served:
        """The next call that arrives."""
        async with asyncio.timeout(WITHIN):
            return await self._calls.get()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=2048)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        for writer in self._writers:
            with suppress(OSError):
                await writer.wait_closed()
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                self._calls.put_nowait(Served(writer))


class Reader:
    """A client that reads an answer piece by piece."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self._reader = reader
        self._rest = b""

    async def head(self) -> bytes:
        """The head of the answer."""
        async with asyncio.timeout(WITHIN):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def piece(self) -> bytes:
        """The next chunk of the body; empty at its end."""
        async with asyncio.timeout(WITHIN):
            size = int(await self._reader.readuntil(b"\r\n"), 16)
            return (await self._reader.readexactly(size + 2))[:-2]

    async def event(self) -> bytes:
        """The next event of the stream, or what is left at its end."""
        while b"\n\n" not in self._rest:
            piece = await self.piece()
            if not piece:
                break
            self._rest += piece
        found, mark, self._rest = self._rest.partition(b"\n\n")
        return found + mark

    async def rest(self) -> bytes:
        """All that is left of the stream, to its end."""
        pieces = [self._rest]
        self._rest = b""
        while piece := await self.piece():
            pieces.append(piece)
        return b"".join(pieces)


@asynccontextmanager
async def reading(gateway: Gateway, body: dict[str, Any]) -> AsyncIterator[Reader]:
    """A client that has asked."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request(body))
    try:
        yield Reader(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
