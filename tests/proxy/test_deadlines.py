"""What a connection does when its client is slow or silent."""

from __future__ import annotations

import asyncio
import json
import socket
import time

from proxy.http.asgi import Receive, Scope, Send
from tests.proxy.raw import (
    Recorder,
    answer,
    app_of,
    connected,
    on_both_loops,
    quick,
    read_all,
    serving,
    serving_one,
    soon,
    talk,
)

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
SOON = 0.1
FAR = 30.0


@on_both_loops
async def test_a_client_that_does_not_read_pauses_the_app_and_is_cut_in_the_end() -> None:
    sent: list[int] = []
    events: list[str] = []

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await read_all(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(10_000):
            await send({"type": "http.response.body", "body": b"x" * 16384, "more_body": True})
            sent.append(16384)
            if len(events) > 1:
                return
            message = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            if message.done():
                events.append(message.result()["type"])
            else:
                message.cancel()

    settings = quick(write_timeout=0.3)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    async with serving(app_of(endless), settings) as running:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", running.port))
        await loop.sock_sendall(sock, GET)
        await soon(lambda: sent)
        await asyncio.sleep(0.15)
        count = len(sent)
        await asyncio.sleep(0.05)
        assert len(sent) == count
        assert sum(sent) < 2**20
        start = time.monotonic()
        await soon(lambda: events)
        assert time.monotonic() - start < 2.0
        assert events[0] == "http.disconnect"
        sock.close()


@on_both_loops
async def test_a_slow_reader_that_makes_progress_is_not_cut() -> None:
    size = 24 * 2**20

    async def big(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"x" * size)

    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    sock.setblocking(False)
    async with serving(app_of(big), quick(write_timeout=0.2)) as running:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", running.port))
        await loop.sock_sendall(sock, GET)
        got = 0
        end = loop.time() + 0.6
        while got < size:
            if loop.time() < end:
                await asyncio.sleep(0.02)
            piece = await loop.sock_recv(sock, 262144)
            if not piece:
                break
            got += len(piece)
        sock.close()
    assert got > size


@on_both_loops
async def test_a_whole_answer_is_kept_for_a_client_that_reads_late() -> None:
    async def big(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"x" * 9_000_000)

    closing = GET.replace(b"Host", b"Connection: close\r\nHost")
    async with serving(app_of(big)) as running, connected(running.port, closing) as client:
        await asyncio.sleep(0.1)
        assert len(await client.rest()) > 9_000_000


@on_both_loops
async def test_a_body_that_the_app_does_not_take_is_not_read() -> None:
    go = asyncio.Event()
    bodies: list[bytes | None] = []

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await go.wait()
        bodies.append(await read_all(receive))
        await answer(send, b"ok")

    size = 32 * 2**20
    async with serving_one(app_of(late), POST % size, body_timeout=0.15) as client:
        client.send(b"x" * size)
        transport = client.writer.transport
        await asyncio.sleep(0.3)  # longer than the body's deadline: the wait is not his fault
        assert transport.get_write_buffer_size() > size / 2
        go.set()
        assert (await client.answer())[1] == b"ok"
    assert bodies == [b"x" * size]


@on_both_loops
async def test_the_pieces_of_a_body_that_wait_are_one_message() -> None:
    go = asyncio.Event()
    messages: list[tuple[int, bool]] = []

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await go.wait()
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            messages.append((len(message["body"]), more))
        await answer(send, b"ok")

    async with serving(app_of(late)) as running, connected(running.port, POST % 30) as client:
        for _ in range(3):
            client.send(b"x" * 10)
            await asyncio.sleep(0.02)
        go.set()
        await client.answer()
    assert messages == [(30, False)]


@on_both_loops
async def test_silent_connections_are_closed_without_a_word() -> None:
    async with serving(Recorder(), quick(head_timeout=SOON, keep_alive=FAR)) as running:
        assert await talk(running.port, b"") == b""
    async with serving_one(Recorder(), GET, head_timeout=FAR, keep_alive=SOON) as client:
        await client.answer()
        assert await client.rest(3.0) == b""


@on_both_loops
async def test_a_head_that_does_not_end_in_time_is_a_408() -> None:
    app = Recorder()
    async with serving(app, quick(head_timeout=SOON)) as running:
        async with connected(running.port, b"GET / HT") as client:
            for _ in range(20):
                client.send(b"T")
                await asyncio.sleep(SOON / 10)  # a drip does not move the deadline
            assert (await client.rest(3.0)).startswith(b"HTTP/1.1 408 ")
        async with connected(running.port, GET) as client:
            await client.answer()
            client.send(GET[:-1])
            assert (await client.rest(3.0)).startswith(b"HTTP/1.1 408 ")
    assert len(app.scopes) == 1


@on_both_loops
async def test_a_body_that_stops_is_a_408_and_the_app_is_told() -> None:
    for data in (
        POST % 10 + b"abc",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5",
    ):
        app = Recorder()
        async with serving(app, quick(body_timeout=SOON)) as running:
            reply = await talk(running.port, data, within=3.0)
            assert reply.startswith(b"HTTP/1.1 408 ")
            assert json.loads(reply.partition(b"\r\n\r\n")[2])["error"]["code"] == "408"
            assert app.events[-1] == "http.disconnect"
            assert not app.bodies


@on_both_loops
async def test_a_body_that_drips_makes_no_progress() -> None:
    app = Recorder()
    async with serving_one(app, POST % 500, body_timeout=SOON) as client:
        for _ in range(30):
            client.send(b"x")
            await asyncio.sleep(SOON / 10)
        assert (await client.rest(3.0)).startswith(b"HTTP/1.1 408 ")


@on_both_loops
async def test_a_slow_body_that_makes_progress_is_taken() -> None:
    app = Recorder()
    async with serving_one(app, POST % 20_000, body_timeout=0.3) as client:
        for _ in range(10):
            client.send(b"x" * 2000)
            await asyncio.sleep(0.05)
        assert (await client.answer())[0].startswith(b"HTTP/1.1 200 ")


@on_both_loops
async def test_no_deadline_runs_while_the_app_thinks() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await read_all(receive)
        await asyncio.sleep(4 * SOON)
        await answer(send, b"ok")

    short = quick(head_timeout=SOON, body_timeout=SOON, write_timeout=SOON, keep_alive=SOON)
    async with serving(app_of(slow), short) as running, connected(running.port, GET) as client:
        assert (await client.answer())[1] == b"ok"


@on_both_loops
async def test_the_wait_for_100_continue_is_not_the_clients() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(3 * SOON)
        await answer(send, await read_all(receive) or b"")

    data = (POST % 3).replace(b"Host", b"Expect: 100-continue\r\nHost")
    async with serving_one(app_of(slow), data, body_timeout=SOON) as client:
        assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"abc")
        assert (await client.answer())[1] == b"abc"


@on_both_loops
async def test_a_client_that_stops_in_its_body_while_it_is_answered_gets_no_end() -> None:
    async def duplex(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})
        assert await read_all(receive) is None

    async with serving(app_of(duplex), quick(body_timeout=SOON)) as running:
        reply = await talk(running.port, POST % 10 + b"x", within=3.0)
        assert reply.endswith(b"\r\n\r\n3\r\nabc\r\n")
