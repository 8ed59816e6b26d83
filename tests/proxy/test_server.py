"""How the server starts, refuses to start, and ends."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proxy import server
from proxy.http.asgi import Receive, Scope, Send
from proxy.server import ServerError, check_package, listen, serve
from tests.proxy.raw import (
    FakeDrain,
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
)

ROOT = Path(__file__).parents[2]
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNK = b"7\r\nbegun\r\n\r\n"


class Stream:
    """An app whose answers begin at once and end when the drain says so."""

    def __init__(self, drain: FakeDrain) -> None:
        self.drain = drain
        self.running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        await read_all(receive)
        if scope["path"] == "/short":
            await answer(send, b"ok")
            return
        self.running += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun\r\n", "more_body": True})
        await soon(lambda: self.drain.over.is_set() or self.drain.expired.is_set())
        last = b"expired" if self.drain.expired.is_set() else b"ended"
        await send({"type": "http.response.body", "body": last})
        self.running -= 1


@on_both_loops
async def test_ready_is_told_the_port_once_it_listens() -> None:
    ports: list[int] = []
    stop = asyncio.Event()

    def ready(port: int) -> None:
        socket.create_connection(("127.0.0.1", port)).close()
        ports.append(port)
        stop.set()

    await serve(Recorder(), quick(), FakeDrain(), ready=ready, stop=stop)
    assert len(ports) == 1
    assert ports[0] > 0


@on_both_loops
async def test_a_port_in_use_is_said_in_a_sentence() -> None:
    async with serving(Recorder()) as running:
        with pytest.raises(ServerError) as caught:
            await serve(Recorder(), quick(port=running.port), FakeDrain())
    assert str(caught.value) == (
        f"Port {running.port} of 127.0.0.1 is in use by another program; stop that one, or choose "
        "another port."
    )


@on_both_loops
async def test_the_port_is_ours_before_the_app_starts() -> None:
    async def starting(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        started.set()
        await go.wait()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    started, go, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
    with listen("127.0.0.1", 0, 1) as free:
        port = free.getsockname()[1]
    ports: list[int] = []
    task = asyncio.create_task(
        serve(starting, quick(port=port), FakeDrain(), ready=ports.append, stop=stop)
    )
    await started.wait()
    with pytest.raises(ServerError, match="in use"):
        await serve(Recorder(), quick(port=port), FakeDrain())
    assert ports == []
    go.set()
    stop.set()
    await task
    assert ports == [port]


@pytest.mark.parametrize(
    "host, port, word",
    [
        ("192.0.2.1", 0, "not one of this machine's"),
        ("no.such.host.invalid", 0, "neither an address nor a known name"),
        ("a" * 70, 0, "neither an address nor a known name"),
        ("127.0.0.1", 65536, "between 0 and 65535"),
        ("127.0.0.1", -1, "between 0 and 65535"),
    ],
)
def test_an_address_that_cannot_be_had_is_said_in_a_sentence(
    host: str, port: int, word: str
) -> None:
    with pytest.raises(ServerError, match=word):
        listen(host, port, 1)


def test_a_name_is_taken_as_an_ipv4_address_where_it_is_one() -> None:
    with listen("localhost", 0, 1) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


@on_both_loops
async def test_an_app_that_does_not_start_is_said_in_a_sentence() -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        text = "Traceback\n  somewhere\nValueError: no such file"
        await send({"type": "lifespan.startup.failed", "message": text})

    drain = FakeDrain()
    with pytest.raises(ServerError) as caught:
        await serve(fail, quick(), drain)
    assert str(caught.value) == "The application did not start: ValueError: no such file"
    assert drain.asked == []


@on_both_loops
async def test_half_of_a_certificate_or_a_wrong_one_is_said_in_a_sentence(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("nothing")
    for cert, key, word in (
        (str(wrong), None, "needs both"),
        (None, str(wrong), "needs both"),
        (str(wrong), str(wrong), "cannot use"),
        ("/no/such/file", str(wrong), "No such file"),
    ):
        with pytest.raises(ServerError, match=word):
            await serve(Recorder(), quick(certfile=cert, keyfile=key), FakeDrain())


@on_both_loops
async def test_at_the_signal_nothing_new_is_accepted_and_what_runs_goes_on() -> None:
    drain = FakeDrain(busy=True)
    app = Stream(drain)
    async with (
        serving(app, drain=drain) as running,
        connected(running.port, GET) as stream,
        connected(running.port, GET.replace(b"/ ", b"/short ")) as idle,
    ):
        await stream.until(CHUNK)
        await idle.answer()
        running.stop.set()
        await soon(lambda: drain.asked == ["begin", "idle"])
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", running.port)
        assert await idle.rest(1.0) == b""
        assert await stream.is_silent()
        drain.over.set()
        assert await stream.rest() == b"5\r\nended\r\n0\r\n\r\n"
        start = time.monotonic()
        await running.task
        assert time.monotonic() - start < 1.0
    assert drain.asked == ["begin", "idle"]


@on_both_loops
async def test_a_connection_accepted_before_the_signal_is_served_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "FRESH", 0.3)
    drain = FakeDrain(busy=True)
    async with (
        serving(Stream(drain), drain=drain) as running,
        connected(running.port) as fresh,
        connected(running.port, GET[:9]) as begun,
        connected(running.port) as silent,
    ):
        await asyncio.sleep(0.02)
        running.stop.set()
        await soon(lambda: "idle" in drain.asked)
        fresh.send(GET.replace(b"/ ", b"/short "))
        top, body = await fresh.answer()
        assert b"connection: close\r\n" in top
        assert body == b"ok"
        assert await fresh.rest() == b""
        begun.send(GET[9:])
        assert b"connection: close\r\n" in await begun.until(CHUNK)
        assert await silent.rest(3.0) == b""
        drain.over.set()
        assert await begun.rest() == b"5\r\nended\r\n0\r\n\r\n"


@on_both_loops
async def test_at_the_deadline_every_call_is_told_to_end() -> None:
    drain = FakeDrain(busy=True)
    async with (
        serving(Stream(drain), quick(drain_timeout=0.2), drain) as running,
        connected(running.port, GET) as client,
    ):
        await client.until(CHUNK)
        start = time.monotonic()
        running.stop.set()
        assert await client.rest() == b"7\r\nexpired\r\n0\r\n\r\n"
        await running.task
        assert 0.2 <= time.monotonic() - start < 1.5
    assert drain.asked == ["begin", "idle", "expire"]


@on_both_loops
async def test_a_call_that_does_not_end_is_cancelled_after_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "AFTERMATH", 0.1)
    ended: list[str] = []

    async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun\r\n", "more_body": True})
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("ended")

    drain = FakeDrain(busy=True)
    async with (
        serving(app_of(deaf), quick(drain_timeout=0.1), drain) as running,
        connected(running.port, GET) as client,
    ):
        await client.until(CHUNK)
        running.stop.set()
        assert await client.rest() in (b"", b"<RESET>")
        await running.task
    assert ended == ["ended"]


@on_both_loops
async def test_a_client_that_takes_its_answer_slowly_gets_all_of_it_at_the_end() -> None:
    async def big(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"x" * 5_000_000)

    async with serving(app_of(big)) as running, connected(running.port, GET) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(0.05)
        running.stop.set()
        await asyncio.sleep(0.2)
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await client.rest()) > 5_000_000


@on_both_loops
async def test_a_server_that_is_cancelled_ends_its_calls() -> None:
    drain = FakeDrain(busy=True)
    app = Stream(drain)
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(app, quick(), drain, ready=port.set_result, stop=stop))
    async with connected(await port, GET) as client:
        await client.until(CHUNK)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await client.rest() in (b"", b"<RESET>")


SCRIPT = """
import asyncio
from proxy.server import ServerSettings, run, serve

class Drain:
    def begin(self): print("begin", flush=True)
    async def idle(self): await asyncio.sleep(60)
    def expire(self): print("expire", flush=True)

async def app(scope, receive, send):
    for step in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{step}.complete"})

settings = ServerSettings(port=0)
told = {"ready": lambda port: print("ready", flush=True)}
told["louder"] = lambda: print("louder", flush=True)
run(lambda: serve(app, settings, Drain(), **told))
print("end", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_makes_the_deadline_now(number: signal.Signals) -> None:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", SCRIPT]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGUSR1)
        assert process.stdout.readline() == "louder\n"
        process.send_signal(number)
        assert process.stdout.readline() == "begin\n"
        process.send_signal(number)
        assert process.stdout.readline() == "expire\n"
        assert process.stdout.read() == "end\n"
        assert process.stderr.read() == ""
        assert process.wait(10) == 0


def test_a_foreign_package_of_our_name_is_refused(tmp_path: Path) -> None:
    ours = Path(server.__file__).parent
    check_package()
    check_package(str(ours / "__init__.py"), ours)
    foreign = tmp_path / "proxy" / "__init__.py"
    for file in (str(foreign), None):
        with pytest.raises(ServerError, match=r"proxy\.py"):
            check_package(file, ours)
    foreign.parent.mkdir()
    check_package(str(foreign), foreign.parent)
    (foreign.parent / "proxy.py").touch()
    with pytest.raises(ServerError, match="environment of its own"):
        check_package(str(foreign), foreign.parent)
