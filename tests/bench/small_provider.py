"""The small provider: what the rig's `upstream.c` does of chat completions, in Python.

    small_provider.py -p PORT

The model's name tells it what to do, in fields between hyphens: `b1000` bytes of answer, `c200`
content chunks, `d5000` µs between two of them. Each chunk is one write and carries `t=<ns> `, the
monotonic clock's time at which it was written.

The rule: no routing, no checks; it answers every POST as a chat, and every GET with an empty list.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time

import httptools

BURST = 16
ID = '"id":"chatcmpl-small","created":1700000000,"model":"mock"'
USAGE = '"usage":{"prompt_tokens":250,"completion_tokens":200,"total_tokens":450}'


def setting(model: str, letter: str, default: int) -> int:
    """The number after this letter in a model's name."""
    found = re.search(rf"-{letter}(\d+)(?:-|$)", model)
    return int(found[1]) if found else default


def whole(size: int) -> bytes:
    """A whole answer of about this many bytes."""
    text = ("the gateway forwards each request " * (size // 34 + 1))[: max(size - 300, 0)] + "~END~"
    message = f'"message":{{"role":"assistant","content":"{text}"}}'
    choice = f'{{"index":0,{message},"finish_reason":"stop"}}'
    return f'{{{ID},"object":"chat.completion","choices":[{choice}],{USAGE}}}'.encode()


def event(choices: str, usage: str) -> bytes:
    """One event of a stream as one HTTP chunk."""
    data = f'data: {{{ID},"object":"chat.completion.chunk","choices":[{choices}]{usage}}}\n\n'
    return b"%x\r\n%b\r\n" % (len(data), data.encode())


class Connection(asyncio.Protocol):
    """One connection of the gateway, or of the generator where it is measured without one."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._room = asyncio.Event()
        self._room.set()
        self._stream: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """End the stream that nobody reads."""
        if self._stream is not None:
            self._stream.cancel()

    def pause_writing(self) -> None:
        """The other side is slow."""
        self._room.clear()

    def resume_writing(self) -> None:
        """The other side has caught up."""
        self._room.set()

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the parser, which calls the methods below."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._body = b""

    def on_body(self, body: bytes) -> None:
        """A part of its body is there."""
        self._body += body

    def on_message_complete(self) -> None:
        """It is whole: answer it."""
        if self._parser.get_method() == b"GET":
            return self._answer(b'{"object":"list","data":[]}')
        request = json.loads(self._body)
        model = request["model"]
        if not request.get("stream"):
            return self._answer(whole(setting(model, "b", 1000)))
        usage = bool((request.get("stream_options") or {}).get("include_usage"))
        self._stream = asyncio.get_running_loop().create_task(
            self._chunks(setting(model, "c", 100), setting(model, "d", 0) / 1e6, usage)
        )
        return None

    def _answer(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)

    async def _chunks(self, count: int, delay: float, usage: bool) -> None:
        null, write = ',"usage":null' if usage else "", self._transport.write
        due = asyncio.get_running_loop().time()
        write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        write(event('{"index":0,"delta":{"role":"assistant","content":""}}', null))
        for number in range(1, count + 1):
            delta = f'{{"content":"t={time.monotonic_ns()} "}}'
            write(event(f'{{"index":0,"delta":{delta},"finish_reason":null}}', null))
            if delay and number < count:
                due += delay
                await asyncio.sleep(due - asyncio.get_running_loop().time())
            elif number % BURST == 0:
                await asyncio.sleep(0)
            await self._room.wait()
        write(event('{"index":0,"delta":{},"finish_reason":"stop"}', null))
        if usage:
            write(event("", f",{USAGE}"))
        write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


async def serve(port: int) -> None:
    """Answer until a signal ends the process."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("-p", type=int, required=True)
    asyncio.run(serve(options.parse_args().p))
