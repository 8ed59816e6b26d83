"""What a connection does when its client is impatient or gone."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest

from proxy import server
from proxy.http.asgi import Receive, Scope, Send
from tests.proxy.raw import (
    Recorder,
    answer,
    app_of,
    connected,
    lifespan,
    on_both_loops,
    quick,
    read_all,
    serving,
    soon,
    talk,
)

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


class Watcher:
    """An app that reads its request, and answers only when it is told to, or when left."""

    def __init__(self, *, stream: bool = False) -> None:
        self.stream = stream
        self.running = 0
        self.left: list[float] = []
        self.go = asyncio.Event()

    def is_running(self) -> bool:
        return self.running > 0

    def was_left(self) -> bool:
        return bool(self.left)

    def has_ended(self) -> bool:
        return self.was_left() and not self.running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        await read_all(receive)
        self.running += 1
        if self.stream:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        message = await receive()
        assert message == {"type": "http.disconnect"}
        self.left.append(time.monotonic())
        # an app that goes on regardless is not punished for it
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"to nobody"})
        assert await receive() == {"type": "http.disconnect"}
        self.running -= 1


@on_both_loops
async def test_pipelined_requests_are_answered_in_order() -> None:
    async def slow_first(scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_all(receive)
        await asyncio.sleep(0.05 if scope["path"] == "/0" else 0)
        await answer(send, scope["raw_path"] + (body or b""))

    data = b"".join(
        b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n%02d" % (n, n) for n in range(9)
    )
    async with serving(app_of(slow_first)) as running, connected(running.port) as client:
        client.send(data[:100])
        await asyncio.sleep(0.01)
        client.send(data[100:])
        for number in range(9):
            assert (await client.answer())[1] == b"/%d%02d" % (number, number)


@on_both_loops
async def test_requests_that_come_byte_by_byte_are_the_same_requests() -> None:
    app = Recorder()
    chunked = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    data = GET + POST % 3 + b"abc" + chunked + b"2;x\r\nde\r\n1\r\nf\r\n0\r\nT: u\r\n\r\n\r\n" + GET
    async with serving(app) as running, connected(running.port) as client:
        for at in range(len(data)):
            client.send(data[at : at + 1])
            await asyncio.sleep(0)
        for _ in range(4):
            assert (await client.answer())[0].startswith(b"HTTP/1.1 200 ")
    assert [scope["path"] for scope in app.scopes] == ["/", "/", "/c", "/"]
    assert app.bodies == [b"", b"abc", b"def", b""]


@on_both_loops
async def test_many_pipelined_requests_wait_in_the_clients_socket() -> None:
    app = Recorder()
    count = 400
    request = GET.replace(b"Host", b"A: %b\r\nHost" % (b"b" * 400))
    async with serving(app) as running, connected(running.port) as client:
        client.send(request * count)
        for _ in range(count):
            await client.answer()
    assert len(app.scopes) == count


@on_both_loops
async def test_requests_in_a_row_use_one_connection_until_one_says_close() -> None:
    app = Recorder()
    async with serving(app) as running, connected(running.port) as client:
        for _ in range(300):
            client.send(GET)
            top, _ = await client.answer()
            assert b"connection:" not in top
        client.send(GET.replace(b"Host", b"Connection: close\r\nHost"))
        top, _ = await client.answer()
        assert b"connection: close\r\n" in top
        assert await client.rest() == b""
    assert len(app.scopes) == 301


@on_both_loops
async def test_nothing_is_served_after_close() -> None:
    app = Recorder()
    async with serving(app) as running:
        reply = await talk(running.port, GET.replace(b"Host", b"Connection: close\r\nHost") + GET)
    assert reply.count(b"HTTP/1.1 ") == 1
    assert len(app.scopes) == 1


@on_both_loops
async def test_a_client_that_leaves_is_told_to_the_app_at_once() -> None:
    for stream in (False, True):
        for reset in (False, True):
            app = Watcher(stream=stream)
            async with serving(app) as running, connected(running.port, GET) as client:
                if stream:
                    await client.until(b"data: 1\n\n\r\n")
                await soon(app.is_running)
                start = time.monotonic()
                if reset:
                    client.reset()
                else:
                    client.writer.close()
                await soon(app.was_left)
                assert app.left[0] - start < 0.1
                await soon(app.has_ended)


@on_both_loops
async def test_a_client_that_leaves_a_kept_connection_is_told_to_its_last_call_only() -> None:
    app = Watcher()
    first = Recorder()

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        await (app if first.scopes else first)(scope, receive, send)

    async with serving(app_of(both)) as running, connected(running.port, GET) as client:
        await client.answer()
        client.send(GET)
        await soon(lambda: app.running)
        client.writer.close()
        await soon(lambda: app.left)
    assert first.events == ["http.request"]


@on_both_loops
async def test_a_client_that_closes_its_half_after_the_request_counts_as_gone() -> None:
    app = Watcher()
    async with serving(app) as running, connected(running.port, GET) as client:
        await soon(lambda: app.running)
        client.writer.write_eof()
        assert await client.rest() == b""
        await soon(lambda: app.left)


@on_both_loops
async def test_a_request_that_comes_together_with_the_end_counts_as_gone() -> None:
    app = Watcher()
    async with serving(app) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(GET)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await soon(lambda: not app.running)


@on_both_loops
async def test_a_client_that_leaves_within_its_body_is_told_to_the_app() -> None:
    app = Recorder()
    async with serving(app) as running, connected(running.port, POST % 10 + b"abc") as client:
        await soon(lambda: app.events)
        client.writer.close()
        await soon(lambda: app.events[-1] == "http.disconnect")
    assert app.bodies == []


@on_both_loops
async def test_receive_says_disconnect_once_the_answer_is_complete() -> None:
    seen: list[str] = []
    waiting: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def watch() -> None:
            waiting.append((await receive())["type"])

        await read_all(receive)
        watcher = asyncio.create_task(watch())
        await asyncio.sleep(0)
        await answer(send, b"ok")
        await asyncio.sleep(0.02)
        seen.extend(waiting)
        seen.append((await receive())["type"])
        tasks.append(watcher)

    tasks: list[asyncio.Task[None]] = []
    async with serving(app_of(app)) as running, connected(running.port, GET) as client:
        await client.answer()
        await soon(lambda: tasks)
        await tasks[0]
    # who waited already is not told that a client left which got its whole answer
    assert seen == ["http.disconnect"]
    assert waiting == ["http.disconnect"]


@on_both_loops
async def test_an_app_may_be_called_when_its_client_leaves() -> None:
    called: list[str] = []
    ended: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        watch = scope["extensions"]["headgate.left"]
        await read_all(receive)
        if path == "/late":
            assert (await receive())["type"] == "http.disconnect"
        watch(lambda: called.append(path))
        if path == "/answered":
            await answer(send, b"ok")
        elif path == "/left":
            await receive()
        ended.append(path)

    paths = ["/answered", "/unanswered", "/left", "/late"]
    async with serving(app_of(app)) as running:
        for path in paths:
            data = GET.replace(b"/ ", path.encode() + b" ", 1)
            async with connected(running.port, data) as client:
                if path in ("/answered", "/unanswered"):
                    await client.answer()
                else:
                    await asyncio.sleep(0.02)
            await soon(partial(ended.__contains__, path))
    assert ended == paths
    assert called == ["/left", "/late"]


@on_both_loops
async def test_an_endless_answer_to_nobody_does_not_stop_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "AFTERMATH", 0.1)
    ended = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 99, "more_body": True})
        finally:
            ended.set()

    async with serving(app_of(endless), quick(drain_timeout=0.0)) as running:
        async with connected(running.port, GET) as client:
            await client.until(b"xxx")
        await asyncio.sleep(0.05)
        assert not ended.is_set()
    assert ended.is_set()
