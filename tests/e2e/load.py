"""Many calls at once from one event loop: streams and documents, one in ten left early.

The rule: a call that is left is left in a state that the provider has confirmed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from tests.e2e.gateway import Gateway
from tests.e2e.plain import CHAT, chat, request
from tests.fakes.upstream import FaultyUpstream

WITHIN = 30.0
# Each call's model, whether it is streamed, and how it is left: after these bytes, or not at all.
PLAN = (
    ("faulty/ok", True, None),
    ("faulty/ok", False, None),
    ("mock/words5-rate0", True, None),
    ("faulty/tool", True, None),
    ("faulty/flaky1", True, None),
    ("mock/words5", False, None),
    ("faulty/500", True, None),
    ("faulty/cut_chunk", True, None),
    ("faulty/ok", True, None),
)
LEFT = (
    ("faulty/slow", True, b'"t1 "'),
    ("faulty/nofirst", True, b""),
    ("faulty/nofirst", False, b""),
    ("mock/words500-rate50", True, b"word2"),
)


@dataclass
class Load:
    """A crowd of clients; `ends` counts how the calls ended as the clients saw it."""

    gateway: Gateway
    upstream: FaultyUpstream
    clients: int = 32
    ends: Counter[str] = field(default_factory=Counter)

    async def run(self, calls: int, name: str) -> None:
        """Make so many calls, which are named `name-0`, `name-1` and so on in the log."""
        numbers = iter(range(calls))
        async with asyncio.TaskGroup() as crowd:
            for _ in range(self.clients):
                crowd.create_task(self._client(numbers, name))

    async def _client(self, numbers: Iterator[int], name: str) -> None:
        writer: asyncio.StreamWriter | None = None
        for number in numbers:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
            async with asyncio.timeout(WITHIN):
                stays = await self._call(number, f"{name}-{number}", reader, writer)
            if not stays:
                await _closed(writer)
                writer = None
        if writer is not None:
            await _closed(writer)

    async def _call(
        self, number: int, ident: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        left = number % 10 == 9
        model, stream, mark = LEFT[number // 10 % len(LEFT)] if left else PLAN[number % 10]
        model += f"@{ident}" if model.startswith("faulty/") else ""
        asked = request(chat(model, stream=stream), CHAT, f"X-LiteLLM-Call-Id: {ident}")
        writer.write(asked)
        if not left:
            self.ends[await _answer(reader)] += 1
            return True
        if mark:
            await reader.readuntil(mark)
        else:
            while not self._is_asked(model.removeprefix("faulty/")):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        self.ends["left"] += 1
        return False

    def _is_asked(self, model: str) -> bool:
        return any(one.model == model for one in reversed(self.upstream.requests))


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> str:
    """How an answer ended, once it has been read whole."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in head:
        body = await reader.readuntil(b"\r\n0\r\n\r\n")
    else:
        body = await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r")[0]))
    if b'{"error":' in body:
        return "broken" if head.startswith(b"http/1.1 200 ") else "failed"
    return "ok"
