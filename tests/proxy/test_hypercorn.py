"""What is left to Hypercorn, and what we lean on in it."""

from __future__ import annotations

import asyncio
import base64
import inspect
import shutil
import ssl
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import hypercorn.asyncio.run as hypercorn_run
import pytest
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config
from hypercorn.events import RawData
from hypercorn.protocol import ProtocolWrapper
from hypercorn.utils import wrap_app

from proxy import server
from proxy.http.asgi import Receive, Scope, Send
from proxy.server import our_connections
from tests.proxy.raw import (
    Recorder,
    answer,
    app_of,
    connected,
    on_both_loops,
    quick,
    serving,
    talk,
)

ROOT = Path(__file__).parents[2]
SOON = 0.1
FAR = 30.0
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def masked(text: bytes) -> bytes:
    """A text frame of a WebSocket, as a client sends it."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


HANDSHAKE = (
    b"GET /ws?a=b HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n" % base64.b64encode(bytes(16))
)


@on_both_loops
async def test_a_websocket_is_handed_to_hypercorn_with_the_bytes_read_so_far() -> None:
    paths: list[str] = []

    async def socket_app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send, b"ok")
            return
        paths.append(scope["path"])
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"].upper()})

    settings = quick(head_timeout=SOON, keep_alive=FAR)
    async with serving(app_of(socket_app), settings) as running:
        for first in (b"", GET):  # fresh, and on a connection that has served a request
            async with connected(running.port, first) as client:
                if first:
                    await client.answer()
                client.send(HANDSHAKE[:50])
                await asyncio.sleep(0.01)
                client.send(HANDSHAKE[50:])
                assert (await client.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
                await asyncio.sleep(2 * SOON)  # our deadlines have nothing to say here any more
                client.send(masked(b"late"))
                assert await client.until(b"LATE") == b"\x81\x04LATE"
    assert paths == ["/ws"] * 2


@on_both_loops
async def test_a_websocket_that_is_refused_is_closed_and_serves_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths: list[str] = []

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        paths.append(scope["path"])
        await receive()
        await send({"type": "websocket.close"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    monkeypatch.setattr(server, "REFUSED", 0.1)
    keyless = HANDSHAKE.replace(b"Sec-WebSocket-Key", b"X")
    async with serving(app_of(refuse)) as running:
        for data, status in ((HANDSHAKE, b"403"), (HANDSHAKE + GET, b"400"), (keyless, b"400")):
            reply = await talk(running.port, data)
            assert reply.startswith(b"HTTP/1.1 " + status)
            assert reply.count(b"HTTP/1.1 ") == 1
    assert set(paths) == {"/ws"}


@on_both_loops
async def test_what_hypercorn_raises_on_a_websocket_closes_it_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(self: TCPServer) -> None:
        raise ExceptionGroup("unhandled errors", [ValueError("a state machine")])

    monkeypatch.setattr(TCPServer, "run", fail)
    async with serving(Recorder()) as running:
        assert await talk(running.port, HANDSHAKE) in (b"", b"<RESET>")
        async with connected(running.port, GET) as client:
            await client.answer()
    assert "a state machine" in caplog.text


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of a self-signed certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    files = {"certfile": str(folder / "cert.pem"), "keyfile": str(folder / "key.pem")}
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    command += ["-days", "2", "-keyout", files["keyfile"], "-out", files["certfile"]]
    subprocess.run(command, check=True, capture_output=True)
    return files


def trusting(*protocols: str) -> ssl.SSLContext:
    """A client's side of TLS that believes everything."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(list(protocols))
    return context


@on_both_loops
async def test_http_1_1_over_tls_is_ours(certificate: dict[str, str]) -> None:
    app = Recorder()
    async with serving(app, quick(keep_alive=0.2, **certificate)) as running:
        for offer in ([], ["http/1.1"]):
            async with connected(running.port, GET, ssl=trusting(*offer)) as client:
                await client.answer()
                client.send(GET.replace(b"HTTP/1.1", b"HTTP/9.9"))
                reply = await client.rest()
                assert reply.startswith(b"HTTP/1.1 400 ")
                assert b"The head of the request is malformed" in reply
    assert [scope["scheme"] for scope in app.scopes] == ["https"] * 2


@on_both_loops
async def test_http_2_over_tls_is_hypercorns(certificate: dict[str, str]) -> None:
    app = Recorder()
    wire = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    wire.initiate_connection()
    names = {":method": "GET", ":path": "/a", ":scheme": "https", ":authority": "x"}
    wire.send_headers(1, list(names.items()), end_stream=True)
    async with (
        serving(app, quick(**certificate)) as running,
        connected(running.port, wire.data_to_send(), ssl=trusting("h2")) as client,
        asyncio.timeout(5),
    ):
        ended = False
        while not ended:
            events = wire.receive_data(await client.reader.read(65536))
            ended = any(isinstance(event, h2.events.StreamEnded) for event in events)
        running.stop.set()
        await client.rest()
    assert [scope["http_version"] for scope in app.scopes] == ["2"]


def test_our_connections_take_the_place_of_hypercorns_and_give_it_back() -> None:
    names = vars(hypercorn_run)
    assert names["TCPServer"] is TCPServer
    with our_connections():
        ours = names["TCPServer"]
        assert ours is not TCPServer
        with our_connections():
            assert names["TCPServer"] is ours
        assert names["TCPServer"] is ours
    assert names["TCPServer"] is TCPServer


@on_both_loops
async def test_the_names_in_hypercorn_that_we_lean_on_are_there() -> None:
    assert version("hypercorn") == "0.18.0"

    def names(function: Callable[..., object]) -> list[str]:
        return list(inspect.signature(function).parameters)

    parts = ["app", "loop", "config", "context", "state", "reader", "writer"]
    assert names(TCPServer) == parts
    assert inspect.iscoroutinefunction(TCPServer.run)
    assert names(TCPServer.protocol_send) == ["self", "event"]
    assert "self.run().__await__()" in inspect.getsource(TCPServer.__await__)
    made = "await TCPServer(app, loop, config, context, lifespan_state, reader, writer)"
    source = inspect.getsource(hypercorn_run.worker_serve)
    assert made in source
    assert names(hypercorn_run.worker_serve) == ["app", "config", "sockets", "shutdown_trigger"]
    assert source.index("lifespan.wait_for_startup()") < source.index("asyncio.start_server(")
    assert source.index("asyncio.start_server(") < source.index("shutdown_trigger)")
    assert names(wrap_app) == ["app", "wsgi_max_body_size", "mode"]
    assert names(RawData)[0] == "data"
    assert "alpn_protocol" in names(ProtocolWrapper)
    for name in (
        "accesslog",
        "backlog",
        "certfile",
        "errorlog",
        "graceful_timeout",
        "h11_max_incomplete_size",
        "include_date_header",
        "include_server_header",
        "keep_alive_max_requests",
        "keep_alive_timeout",
        "keyfile",
        "read_timeout",
        "ssl_enabled",
    ):
        assert hasattr(Config, name), name
