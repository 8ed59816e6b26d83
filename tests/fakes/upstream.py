"""A provider on real loopback sockets that fails as it is told by the model's name.

The rule: it knows no HTTP library, so nothing is repaired or refused behind a test's back.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from socket import SO_LINGER, SOL_SOCKET
from struct import pack
from typing import Any, Self

from tests.fakes.faults import find
from tests.fakes.good import list_models, replay
from tests.fakes.wire import Break, Mode, Received

READ_LIMIT = 1 << 26


class PeerGone(ConnectionError):
    """The client closed its side while the reply was under way."""


@dataclass(frozen=True, slots=True)
class Gone:
    """A client that left before its reply's end: `after` seconds, at `at` on the loop's clock."""

    model: str
    after: float
    at: float


class FaultyUpstream:
    """A provider that answers on `url` and remembers what it saw.

    The mode is the model's name up to the first '@'; what follows only tells callers apart. `hits`
    counts requests by mode, `closed` holds the clients that left early, `open` counts connections.
    It listens on `port`, or on a free one.
    """

    def __init__(self, models: Sequence[str] = ("ok", "tool"), port: int = 0) -> None:
        self.url = ""
        self._port = port
        self.requests: list[Received] = []
        self.hits: Counter[str] = Counter()
        self.closed: list[Gone] = []
        self._models = tuple(models)
        self._replay: Mode | None = None
        self._by_model: Counter[str] = Counter()
        self._connections: dict[_Connection, asyncio.Task[None]] = {}
        self._left = asyncio.Event()
        self._server: asyncio.Server | None = None

    @property
    def open(self) -> int:
        """How many connections there are now, idle ones included."""
        return len(self._connections)

    def replay(
        self, chunks: Sequence[bytes], content_type: str = "text/event-stream", pause: float = 0.0
    ) -> None:
        """From now on every call is answered with these bytes, one HTTP chunk a piece."""
        self._replay = replay(tuple(chunks), content_type, pause)

    async def until_closed(self, count: int = 1, within: float = 2.0) -> list[Gone]:
        """The clients that left early, once there are so many. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while len(self.closed) < count:
                self._left.clear()
                await self._left.wait()
        return self.closed

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Socket(self), "127.0.0.1", self._port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._connections.values())
        for connection in self._connections:
            connection.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    def accept(self, connection: _Connection) -> None:
        """Serve one connection until it ends."""
        task = asyncio.create_task(connection.serve())
        self._connections[connection] = task
        task.add_done_callback(lambda _: self._connections.pop(connection))

    def left(self, received: Received) -> None:
        """Remember that the client did not wait for its reply's end."""
        now = asyncio.get_running_loop().time()
        self.closed.append(Gone(received.model, now - received.at, now))
        self._left.set()

    def take(self, head: bytes, body: bytes) -> tuple[Received, Mode]:
        """Remember a request, and choose what it is answered with."""
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        fields = (line.partition(":") for line in lines if ":" in line)
        value = _object(body)
        model = str(value.get("model") or _path_model(path) or "ok")
        self._by_model[model] += 1
        received = Received(
            method=method,
            path=path.partition("?")[0],
            headers={name.strip().lower(): content.strip() for name, _, content in fields},
            body=body,
            json=value,
            raw=head + body,
            model=model,
            hit=self._by_model[model],
            at=asyncio.get_running_loop().time(),
        )
        self.requests.append(received)
        if method == "GET" and received.path.endswith("/models"):
            return received, list_models(self._models)
        self.hits[received.mode] += 1
        return received, self._replay or find(received.mode)


class _Socket(asyncio.StreamReaderProtocol):
    """Tells at once when the peer goes away, also while a reply is being written."""

    def __init__(self, upstream: FaultyUpstream) -> None:
        self._upstream = upstream
        self._gone = asyncio.Event()
        super().__init__(asyncio.StreamReader(limit=READ_LIMIT), self._begin)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._upstream.accept(_Connection(self._upstream, reader, writer, self._gone))

    def eof_received(self) -> bool | None:
        self._gone.set()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        super().connection_lost(exc)


class _Connection:
    """One client's connection: requests one after another, each answered by its mode."""

    def __init__(
        self,
        upstream: FaultyUpstream,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        gone: asyncio.Event,
    ) -> None:
        self._upstream = upstream
        self._reader = reader
        self._writer = writer
        self._gone = gone

    async def serve(self) -> None:
        """Answer until either side ends the connection."""
        try:
            # Both ends of a connection that broke: between two requests, and inside of one.
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._answer(*await self._request()):
                    pass
        finally:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()

    def abort(self) -> None:
        """Close at once, unsent bytes or not."""
        self._writer.transport.abort()

    async def _request(self) -> tuple[Received, Mode]:
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        return self._upstream.take(head, await self._reader.readexactly(length))

    async def _answer(self, received: Received, mode: Mode) -> bool:
        try:
            for step in mode(received):
                if self._gone.is_set():
                    raise PeerGone
                if isinstance(step, Break):
                    self._break(step)
                    return False
                if isinstance(step, float):
                    await self._wait(step)
                else:
                    self._writer.write(step)
                    await self._writer.drain()
        except ConnectionError:
            self._upstream.left(received)
            raise
        return True

    async def _wait(self, seconds: float) -> None:
        if not seconds:
            # One turn of the loop, in which a client on the same loop reads what was sent.
            await asyncio.sleep(0)
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._gone.wait(), seconds)
            raise PeerGone

    def _break(self, how: Break) -> None:
        if how is Break.RESET:
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))
            self._writer.transport.abort()


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _path_model(path: str) -> str:
    _, _, below = path.partition("/deployments/")
    return below.partition("/")[0]
