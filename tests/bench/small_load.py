"""The small generator: the options and the fields of the rig's `load.c` that are used here.

    small_load.py -m closed|stream -u URL -f BODY [-c CONNECTIONS] [-t SECONDS] [-W WARM_MS]
                  [-R RAMP_MS] [-T TIMEOUT_MS] [-x CHUNKS] [-n REQUESTS] [-H 'Name: value']...

Each connection sends its next request as soon as the last is answered, for so many seconds or
requests; what is under way then is awaited. Times are in microseconds.

The rule: an answer is good only if its status is 200, its framing whole, a plain one contains
`~END~`, and a stream ends in `[DONE]` after as many content chunks as `-x` says.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httptools

ENDS = (b"data: [DONE]", b'"message_stop"')
STAMP = re.compile(rb"t=(\d{7,}) ")
UNIQUE = b"@@UNIQ@@"
TAIL = 64


@dataclass(slots=True)
class Seen:
    """What all connections have seen."""

    good: int = 0
    bad: int = 0
    started: int = 0
    inflight: int = 0
    peak: int = 0
    chunks: int = 0
    in_window: int = 0
    latency: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    transit: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)


class Bad(Exception):
    """An answer that is not good; the message is the kind of its fault."""


class Connection(asyncio.Protocol):
    """One connection, with at most one request under way."""

    def __init__(self, seen: Seen, counts_from: float, streams: bool) -> None:
        self._seen, self._from, self.streams = seen, counts_from, streams
        self._parser = httptools.HttpResponseParser(self)
        self.lost = False
        self.status = self.chunks = 0
        self.body = self._line = b""
        self._sent = 0.0
        self._done: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer that is not whole by now never will be."""
        self.lost = True
        self._end(Bad("cut"))

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the parser, which calls the methods below."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end(Bad("bad_http"))

    async def ask(self, request: bytes) -> None:
        """Send a request and wait until its answer is whole. Raises Bad."""
        self._parser = httptools.HttpResponseParser(self)
        self.status = self.chunks = 0
        self.body = self._line = b""
        self._done = asyncio.get_running_loop().create_future()
        self._sent = time.monotonic()
        self.transport.write(request)
        await self._done

    def on_headers_complete(self) -> None:
        """The status is known."""
        self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """Count the content chunks of whole lines, and time them by the stamp that they carry."""
        now, seen = time.monotonic_ns(), self._seen
        self.body += body
        if not self.streams:
            return
        self.body = self.body[-TAIL:]
        lines, _, self._line = (self._line + body).rpartition(b"\n")
        for stamp in STAMP.findall(lines):
            if not self.chunks and self._sent >= self._from:
                seen.first.append((now / 1e9 - self._sent) * 1e6)
            self.chunks += 1
            if now / 1e9 >= self._from:
                seen.transit.append((now - int(stamp)) / 1e3)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        self._end(None)

    def _end(self, error: Bad | None) -> None:
        if self._done is not None and not self._done.done():
            if error is None:
                self._done.set_result(None)
            else:
                self._done.set_exception(error)


class Load:
    """A run: its options, its requests and its clock."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.seen = options, Seen()
        url = urlsplit(options.u)
        self._host, self._port = url.hostname or "127.0.0.1", url.port or 80
        self._body = Path(options.f).read_bytes()
        lines = [f"POST {url.path} HTTP/1.1", f"Host: {self._host}:{self._port}", *options.H]
        lines += ["Content-Type: application/json", f"Content-Length: {len(self._body)}", "", ""]
        self._head = "\r\n".join(lines).encode()
        self.begin = time.monotonic()
        self.counts_from = self.begin + options.W / 1e3
        self.end = self.counts_from + options.t

    async def run(self) -> None:
        """All connections, until the end."""
        await asyncio.gather(*(self._connection(number) for number in range(self.options.c)))

    def _more(self) -> bool:
        wanted = self.options.n
        return time.monotonic() < self.end and not (wanted and self.seen.started >= wanted)

    async def _connection(self, number: int) -> None:
        await asyncio.sleep(self.options.R / 1e3 * number / self.options.c)
        loop, connection = asyncio.get_running_loop(), None
        while self._more():
            try:
                if connection is None or connection.lost:
                    _, connection = await loop.create_connection(
                        self._protocol, self._host, self._port
                    )
                await self._request(connection)
            except (Bad, OSError, TimeoutError) as error:
                self.seen.bad += 1
                self.seen.errors[str(error) if isinstance(error, Bad) else "connection"] += 1
                if connection is not None:
                    connection.transport.abort()
                connection = None
                await asyncio.sleep(0.02)
        if connection is not None:
            connection.transport.close()

    def _protocol(self) -> Connection:
        return Connection(self.seen, self.counts_from, self.options.m == "stream")

    async def _request(self, connection: Connection) -> None:
        seen = self.seen
        seen.started += 1
        seen.inflight += 1
        seen.peak = max(seen.peak, seen.inflight)
        body = self._body.replace(UNIQUE, b"%08d" % (seen.started % 10**8))
        sent = time.monotonic()
        try:
            async with asyncio.timeout(self.options.T / 1e3):
                await connection.ask(self._head + body)
        finally:
            seen.inflight -= 1
            seen.chunks += connection.chunks
        self._judge(connection)
        now = time.monotonic()
        seen.good += 1
        seen.in_window += self.counts_from <= now <= self.end
        if sent >= self.counts_from:
            seen.latency.append((now - sent) * 1e6)

    def _judge(self, connection: Connection) -> None:
        if connection.status != 200:
            raise Bad(f"status_{connection.status}")
        if not connection.streams:
            if b"~END~" not in connection.body:
                raise Bad("incomplete")
        elif not any(end in connection.body for end in ENDS):
            raise Bad("unterminated")
        elif self.options.x and connection.chunks != self.options.x:
            raise Bad("chunk_count")

    def result(self) -> dict[str, object]:
        """The fields that are printed."""
        seen = self.seen
        return {
            "mode": self.options.m,
            "conns": self.options.c,
            "elapsed_s": round(time.monotonic() - self.begin, 3),
            "started": seen.started,
            "good": seen.good,
            "bad": seen.bad,
            "rps": round(seen.in_window / max(self.options.t, 1e-9), 1),
            "peak_inflight": seen.peak,
            "chunks": seen.chunks,
            "latency": quantiles(seen.latency),
            "ttft": quantiles(seen.first),
            "transit": quantiles(seen.transit),
            "errors": dict(seen.errors),
        }


def quantiles(values: list[float]) -> dict[str, float]:
    """Some quantiles, or nothing of nothing."""
    ordered = sorted(values)
    if not ordered:
        return {}
    at = {
        f"p{share:g}": round(ordered[max(math.ceil(share / 100 * len(ordered)), 1) - 1], 1)
        for share in (50, 90, 99)
    }
    return {"n": len(ordered), **at, "max": round(ordered[-1], 1)}


def main() -> None:
    """One run, one line of JSON."""
    grammar = argparse.ArgumentParser()
    grammar.add_argument("-m", choices=("closed", "stream"), default="closed")
    grammar.add_argument("-u", required=True)
    grammar.add_argument("-f", required=True)
    grammar.add_argument("-H", action="append", default=[])
    for name, default in (("c", 1), ("n", 0), ("x", 0), ("R", 0), ("W", 0), ("T", 30000)):
        grammar.add_argument(f"-{name}", type=int, default=default)
    grammar.add_argument("-t", type=float, default=5.0)
    load = Load(grammar.parse_args())
    asyncio.run(load.run())
    print(json.dumps(load.result()))


if __name__ == "__main__":
    main()
