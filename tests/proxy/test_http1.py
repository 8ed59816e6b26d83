"""Requests and answers between an app and the bytes on a socket."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from proxy.framing import Head
from proxy.http.asgi import Receive, Scope, Send
from proxy.http1 import FAIR, Answer, Cycle
from tests.proxy.raw import (
    Recorder,
    answer,
    app_of,
    connected,
    get,
    head,
    on_both_loops,
    post,
    read_all,
    serving,
    talk,
)

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = post(b"Transfer-Encoding: chunked")
LENGTH = b"Content-Length: 6"


@on_both_loops
async def test_the_scope_is_complete() -> None:
    app = Recorder()
    data = (
        b"POST /a%20b%2F%C3%A4;c?d=%20e HTTP/1.1\r\nHost: x:1\r\nX-Upper: Value \r\n"
        b"x-utf: \xc3\xa4\r\nContent-Length: 0\r\n\r\n"
    )
    async with serving(app) as server, connected(server.port, data) as client:
        await client.answer()
        name = client.writer.get_extra_info("sockname")
    assert list(app.scopes[0]["extensions"]) == ["headgate.left"]
    app.scopes[0]["extensions"] = {}
    assert app.scopes == [
        {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/a b/ä;c",
            "raw_path": b"/a%20b%2F%C3%A4;c",
            "query_string": b"d=%20e",
            "root_path": "",
            "headers": [
                (b"host", b"x:1"),
                (b"x-upper", b"Value"),
                (b"x-utf", b"\xc3\xa4"),
                (b"content-length", b"0"),
            ],
            "client": name,
            "server": ("127.0.0.1", server.port),
            "state": {},
            "extensions": {},
        }
    ]


@on_both_loops
async def test_the_state_of_the_lifespan_reaches_every_request_as_a_copy() -> None:
    seen: list[dict[str, Any]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["made"] = "at start"
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
            return
        seen.append(dict(scope["state"]))
        scope["state"]["made"] = "changed"
        await answer(send, b"")

    async with serving(app) as server, connected(server.port, get() + get()) as client:
        await client.answer()
        await client.answer()
    assert seen == [{"made": "at start"}] * 2


@on_both_loops
async def test_a_body_that_came_with_its_head_is_one_message() -> None:
    app = Recorder()
    async with serving(app) as server:
        for data in (post(LENGTH, body=b"abcdef"), CHUNKED + b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"):
            async with connected(server.port, data) as client:
                assert json.loads((await client.answer())[1])["body"] == "abcdef"
    assert app.events == ["http.request"] * 2


@on_both_loops
async def test_empty_lines_before_a_request_are_forgiven() -> None:
    app = Recorder()
    data = b"\r\n" + post(LENGTH, body=b"abcdef") + b"\r\n\r\n" + SMUGGLED
    async with serving(app) as server, connected(server.port, data) as client:
        await client.answer()
        assert json.loads((await client.answer())[1])["path"] == "/smuggled"


@on_both_loops
async def test_100_continue_is_sent_when_the_body_is_first_asked_for() -> None:
    app = Recorder()
    data = post(b"Expect: 100-continue", LENGTH)
    async with serving(app) as server, connected(server.port, data) as client:
        assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"abcdef")
        assert json.loads((await client.answer())[1])["body"] == "abcdef"
        client.send(get())
        assert (await client.answer())[0].startswith(b"HTTP/1.1 200 OK\r\n")


@on_both_loops
async def test_an_app_that_refuses_unread_never_asks_for_the_body() -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"too large", 413)

    data = post(b"Expect: 100-continue", b"Content-Length: 99999999")
    async with serving(app_of(refuse)) as server:
        reply = await talk(server.port, data)
        assert reply.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close\r\n" in reply
        assert b"100 Continue" not in reply


@on_both_loops
async def test_a_refusal_reaches_a_client_that_goes_on_sending() -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"too large", 413)

    data = post(b"Content-Length: 99999999", body=b"x" * 3_000_000)
    async with serving(app_of(refuse)) as server:
        reply = await talk(server.port, data)
        assert reply.startswith(b"HTTP/1.1 413 ")
        assert reply.endswith(b"too large")


Handler = Callable[[Scope, Receive, Send], Any]


def replying(status: int, headers: list[tuple[bytes, bytes]], *bodies: bytes) -> Handler:
    """A handler that reads the request and sends these pieces."""

    async def reply(scope: Scope, receive: Receive, send: Send) -> None:
        await read_all(receive)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for body in bodies:
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body"})

    return reply


OLD = b"GET / HTTP/1.0\r\n\r\n"
CLOSE = get(b"Connection: close")
HEAD = CLOSE.replace(b"GET", b"HEAD")
SIZED = [(b"Content-Length", b"4")]


@pytest.mark.parametrize(
    "request_, handler, reply",
    [
        (CLOSE, replying(200, SIZED, b"ab", b"cd"), b"200 OK|content-length: 4|close||abcd"),
        (CLOSE, replying(200, [], b"ab", b""), b"200 OK|chunked|close||2|ab|0||"),
        (CLOSE, replying(200, []), b"200 OK|chunked|close||0||"),
        (HEAD, replying(200, SIZED, b"abcd"), b"200 OK|content-length: 4|close||"),
        (HEAD, replying(200, [], b"abcd"), b"200 OK|close||"),
        (CLOSE, replying(204, [(b"content-length", b"0")]), b"204 No Content|close||"),
        (CLOSE, replying(204, [], b"abcd"), b"204 No Content|close||"),
        (CLOSE, replying(304, SIZED, b"abcd"), b"304 Not Modified|content-length: 4|close||"),
        (CLOSE, replying(299, SIZED, b"abcd"), b"299 |content-length: 4|close||abcd"),
        (OLD, replying(200, SIZED, b"abcd"), b"200 OK|content-length: 4|close||abcd"),
        (OLD, replying(200, [], b"ab", b"cd"), b"200 OK|close||abcd"),
        (get(), replying(200, [*SIZED, (b"connection", b"close")], b"abcd"),
         b"200 OK|content-length: 4|close||abcd"),
        (CLOSE, replying(200, [(b"transfer-encoding", b"chunked")], b"ab"),
         b"200 OK|chunked|close||2|ab|0||"),
        (CLOSE, replying(200, [(b"content-length", b"-4")], b"ab"),
         b"200 OK|chunked|close||2|ab|0||"),
        (get(), replying(200, SIZED, b"abcdef", b"g"), b"200 OK|content-length: 4||abcd"),
        (get(), replying(200, SIZED, b"ab"), b"200 OK|content-length: 4||ab"),
    ],
)  # fmt: skip
@on_both_loops
async def test_an_answer_is_framed_by_what_it_is(
    request_: bytes, handler: Handler, reply: bytes
) -> None:
    expected = reply.replace(b"|", b"\r\n").replace(b"\r\nclose", b"\r\nconnection: close")
    expected = expected.replace(b"\r\nchunked", b"\r\ntransfer-encoding: chunked")
    async with serving(app_of(handler)) as server:
        assert await talk(server.port, request_) == b"HTTP/1.1 " + expected


@on_both_loops
async def test_an_old_client_may_keep_its_connection() -> None:
    data = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    handler = replying(200, SIZED, b"abcd")
    async with serving(app_of(handler)) as server, connected(server.port, data * 2) as client:
        for _ in range(2):
            top, body = await client.answer()
            assert b"\r\nconnection: keep-alive\r\n" in top
            assert body == b"abcd"


@pytest.mark.parametrize(
    "name, value",
    [
        (b"x", b"a\r\nset-cookie: b"),
        (b"x", b"a\nb"),
        (b"x", b"a\rb"),
        (b"x", b"a\0b"),
        (b"x\r\ny", b"a"),
        (b"x: a\r\n\r\n<html>", b"a"),
        (b"x\0", b"a"),
    ],
)
def test_a_header_that_would_split_the_answer_is_dropped(name: bytes, value: bytes) -> None:
    headers = [(b"a", b"b"), (name, value), (b"content-length", b"2"), (b"c", b"\xe4")]
    answer_ = Answer(Head(get()))
    sent = answer_.start(200, headers, True) + answer_.body(b"ok", False)
    assert sent == b"HTTP/1.1 200 OK\r\na: b\r\nc: \xe4\r\ncontent-length: 2\r\n\r\nok"


def test_a_stream_sends_its_head_at_once_and_a_sized_answer_in_one_write() -> None:
    stream = Answer(Head(get()))
    assert stream.start(200, [], True).endswith(b"\r\n\r\n")
    sized = Answer(Head(get()))
    assert sized.start(200, [(b"content-length", b"2")], True) == b""
    assert sized.body(b"ok", False).endswith(b"\r\n\r\nok")


def test_bytes_that_may_change_are_copied_before_they_are_sent() -> None:
    answer_ = Answer(Head(OLD))
    answer_.start(200, [], False)
    sent = bytearray(b"abc")
    assert type(answer_.body(sent, True)) is bytes  # type: ignore[arg-type]
    assert answer_.body(memoryview(sent)[1:], True) == b"bc"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "misuse",
    [
        lambda one: one.body(b"", False),
        lambda one: (one.start(200, [], True), one.start(200, [], True)),
        lambda one: (one.start(200, [], True), one.body(b"", False), one.body(b"", False)),
    ],
)
def test_messages_out_of_order_are_an_error_of_the_app(misuse: Callable[[Answer], None]) -> None:
    with pytest.raises(RuntimeError):
        misuse(Answer(Head(get())))


INTERNAL = (
    b'{"error":{"message":"Internal server error","type":"internal_server_error",'
    b'"param":null,"code":"500"}}'
)


@on_both_loops
async def test_an_app_that_raises_before_its_answer_is_a_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/silent":
            return
        if scope["path"] == "/type":
            await send({"type": "http.response.other"})
        raise ValueError("secret")

    caplog.set_level(logging.CRITICAL + 1)
    lines = b" HTTP/1.1\r\nHost: x\r\n\r\n"
    data = b"".join(b"GET " + path + lines for path in (b"/", b"/silent", b"/type"))
    async with serving(app_of(fail)) as server, connected(server.port, data) as client:
        for _ in range(3):
            top, body = await client.answer()
            assert top.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
            assert b"content-type: application/json\r\n" in top
            assert body == INTERNAL


@on_both_loops
async def test_a_500_waits_for_no_body(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError

    caplog.set_level(logging.CRITICAL + 1)
    async with serving(app_of(fail)) as server:
        reply = await talk(server.port, post(LENGTH, body=b"abc"))
        assert reply.startswith(b"HTTP/1.1 500 ")
        assert b"connection: close\r\n" in reply


@on_both_loops
async def test_an_app_that_fails_in_its_answer_leaves_it_visibly_unfinished(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})
        if scope["path"] == "/raise":
            raise ValueError

    caplog.set_level(logging.CRITICAL + 1)
    async with serving(app_of(fail)) as server:
        for path in (b"/raise", b"/return"):
            reply = await talk(server.port, head(b"GET " + path))
            assert reply.endswith(b"\r\n\r\n3\r\nabc\r\n")


class FastWire:
    """A client that takes everything at once."""

    blocked = closing = False

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.write = self.sent.append
        self.loop = asyncio.get_running_loop()

    def wanted(self) -> None:
        """Nobody to tell."""

    def taken(self) -> None:
        """Nobody to tell."""

    def answered(self, cycle: Cycle) -> None:
        """Nothing follows."""

    def cut(self) -> None:
        """Nothing to cut."""

    async def drained(self) -> None:
        """Always."""


async def test_an_app_that_never_waits_does_not_stop_the_others() -> None:
    async def burst(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(10 * FAIR):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body"})

    wire = FastWire()
    cycle = Cycle(wire, Head(get()))
    cycle.feed(b"", True)
    running: set[asyncio.Task[None]] = set()
    cycle.begin(burst, {"extensions": {}}, running)
    turns = 0
    while running:
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 10
    assert wire.sent[-1] == b"0\r\n\r\n"
