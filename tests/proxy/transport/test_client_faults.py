"""What a provider does wrong becomes the error that says so, before its first byte and after."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.errors import (
    ConnectFailed,
    FirstByteTimeout,
    StreamBroken,
    UpstreamError,
    UpstreamFailed,
)
from pipelines.upstream import UpstreamRequest
from proxy.transport.client import HttpTransport
from tests.fakes.wire import SSE_HEAD
from tests.proxy.raw import on_both_loops
from tests.proxy.transport.wires import (
    Answer,
    RawProvider,
    a_free_port,
    a_request,
    a_transport,
    at_work,
    nobody_accepts,
    whole,
)

LIMIT = 1 << 20
SHORT = 0.1
SLACK = 1.0


async def failing(transport: HttpTransport, request: UpstreamRequest) -> UpstreamError:
    """The error that this request ends in."""
    with pytest.raises(UpstreamError) as raised:
        async with transport.open(request) as reply:
            if request.streaming:
                async for _raw in reply.reads():
                    pass
            else:
                await reply.body(LIMIT)
    return raised.value


@on_both_loops
async def test_a_refused_connection_failed_to_connect_and_names_no_address() -> None:
    port = a_free_port()
    async with a_transport() as transport:
        error = await failing(transport, a_request(f"http://127.0.0.1:{port}"))
    assert isinstance(error, ConnectFailed)
    assert error.retryable
    assert error.message == "acme could not be reached: Connection refused."


async def test_a_name_that_nobody_knows_failed_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    async with a_transport() as transport:
        error = await failing(transport, a_request("http://no-such-host.example"))
    assert isinstance(error, ConnectFailed)
    assert error.message == "acme could not be reached: Name or service not known."


@on_both_loops
async def test_a_connection_that_stays_pending_failed_in_time() -> None:
    before = time.monotonic()
    with nobody_accepts() as url:
        async with a_transport(connect_timeout=SHORT) as transport:
            error = await failing(transport, a_request(url))
    assert isinstance(error, ConnectFailed)
    assert error.message == "acme could not be reached in time."
    assert SHORT * 0.8 < time.monotonic() - before < SHORT + SLACK


@on_both_loops
async def test_the_wait_for_a_connection_counts_as_waiting_for_the_first_byte() -> None:
    with nobody_accepts() as url:
        async with a_transport() as transport:
            error = await failing(transport, a_request(url, first_byte=SHORT))
    assert isinstance(error, FirstByteTimeout)


@pytest.mark.parametrize("mode", ["nofirst", "nofirst_hdr"])
@pytest.mark.parametrize("streaming", [True, False])
@on_both_loops
async def test_silence_before_the_first_byte_is_a_timeout(mode: str, streaming: bool) -> None:
    before = time.monotonic()
    async with at_work() as (transport, upstream):
        request = a_request(upstream.url, mode, streaming, first_byte=SHORT)
        error = await failing(transport, request)
        assert SHORT * 0.8 < time.monotonic() - before < SHORT + SLACK
        await upstream.until_closed()
    assert isinstance(error, FirstByteTimeout)
    assert error.status == 504
    assert error.retryable
    what = "begin to answer" if streaming else "answer"
    assert error.message == f"acme did not {what} within 0.1 s."


@on_both_loops
async def test_the_wait_for_the_head_counts_for_the_first_byte_too() -> None:
    late_head = Answer(SSE_HEAD, wait=0.15)
    before = time.monotonic()
    async with RawProvider(late_head) as provider, a_transport() as transport:
        error = await failing(transport, a_request(provider.url, first_byte=0.25))
    assert isinstance(error, FirstByteTimeout)
    assert time.monotonic() - before < 0.25 + SLACK


@on_both_loops
async def test_a_whole_reply_must_be_there_to_its_end_in_time() -> None:
    before = time.monotonic()
    async with at_work() as (transport, upstream):
        # It never stops sending, and never ends.
        request = a_request(upstream.url, "slow", streaming=False, first_byte=0.35)
        error = await failing(transport, request)
        assert time.monotonic() - before < 0.35 + SLACK
        await upstream.until_closed()
    assert isinstance(error, FirstByteTimeout)


@on_both_loops
async def test_silence_after_the_first_byte_is_a_broken_stream() -> None:
    before = time.monotonic()
    async with at_work() as (transport, upstream):
        error = await failing(transport, a_request(upstream.url, "stall", idle=SHORT))
        assert SHORT * 0.8 < time.monotonic() - before < SHORT + SLACK
        await upstream.until_closed()
    assert isinstance(error, StreamBroken)
    assert error.code == "upstream_stalled"
    assert error.message == "acme fell silent for 0.1 s."
    assert not error.retryable


@on_both_loops
async def test_a_stream_may_take_longer_in_all_than_any_of_its_limits() -> None:
    pieces = [b"data: %d\n\n" % number for number in range(10)]
    async with at_work() as (transport, upstream):
        upstream.replay(pieces, pause=0.05)
        request = a_request(upstream.url, first_byte=0.3, idle=0.3)
        before = time.monotonic()
        async with transport.open(request) as reply:
            assert b"".join([raw async for raw in reply.reads()]) == b"".join(pieces)
        assert time.monotonic() - before > 0.4


@on_both_loops
async def test_a_reader_that_takes_his_time_is_not_the_providers_silence() -> None:
    pieces = [b"data: %d\n\n" % number for number in range(4)]
    async with at_work() as (transport, upstream):
        upstream.replay(pieces)
        got = b""
        async with transport.open(a_request(upstream.url, first_byte=0.1, idle=0.1)) as reply:
            await asyncio.sleep(0.2)
            async for raw in reply.reads():
                got += raw
                await asyncio.sleep(0.15)
    assert got == b"".join(pieces)


@pytest.mark.parametrize("mode", ["reset", "closed_after_head", "bighdr", "dupcl"])
@on_both_loops
async def test_what_breaks_before_the_first_byte_failed_and_may_be_tried_again(mode: str) -> None:
    async with at_work() as (transport, upstream):
        error = await failing(transport, a_request(upstream.url, mode))
    assert isinstance(error, UpstreamFailed)
    assert (error.status, error.retryable) == (502, True)
    assert error.message.startswith("acme ")
    assert "127.0.0.1" not in error.message


@pytest.mark.parametrize("mode", ["cut_chunk", "cut_mid_event", "rst"])
@on_both_loops
async def test_what_breaks_after_the_first_byte_is_a_broken_stream(mode: str) -> None:
    got = b""
    async with at_work() as (transport, upstream):
        with pytest.raises(StreamBroken, match="acme broke off its answer") as raised:
            async with transport.open(a_request(upstream.url, mode)) as reply:
                async for raw in reply.reads():
                    got += raw
    assert b"t0" in got
    assert raised.value.code == "upstream_disconnected"
    assert not raised.value.retryable


@pytest.mark.parametrize("mode", ["clmismatch", "cut_chunk", "rst"])
@on_both_loops
async def test_a_whole_reply_that_is_cut_failed(mode: str) -> None:
    async with at_work() as (transport, upstream):
        error = await failing(transport, a_request(upstream.url, mode, streaming=False))
    assert isinstance(error, UpstreamFailed)
    assert error.message.startswith("acme broke off its answer")


@pytest.mark.parametrize("mode", ["clean_eof", "close_delim_cut"])
@on_both_loops
async def test_an_end_that_looks_good_is_left_to_those_who_know_the_dialect(mode: str) -> None:
    async with (
        at_work() as (transport, upstream),
        transport.open(a_request(upstream.url, mode)) as reply,
    ):
        assert b"t1" in b"".join([raw async for raw in reply.reads()])


BAD_CHUNKS = [b"zz\r\nabc\r\n", b"-1\r\na\r\n", b"3\r\nabcd\r\n", b"3;" + b"x" * 70_000]
NO_HTTP = {
    "words": b"hello\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a strange version": b"HTTP/9.9 200 OK\r\n\r\n",
    "a bad status": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a bad length": b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n",
    "a zero byte": b"HTTP/1.1 200 OK\r\nX-A: a\x00b\r\n\r\n",
    "two kinds of length": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "nothing": b"",
}


@pytest.mark.parametrize("raw", NO_HTTP.values(), ids=NO_HTTP.keys())
@on_both_loops
async def test_what_is_no_http_failed(raw: bytes) -> None:
    answer = Answer(raw, closes=True)
    async with RawProvider(answer) as provider, a_transport() as transport:
        error = await failing(transport, a_request(provider.url))
    assert isinstance(error, UpstreamFailed)
    assert error.retryable


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("bad", BAD_CHUNKS)
@on_both_loops
async def test_a_broken_chunk_is_a_broken_reply(bad: bytes, streaming: bool) -> None:
    answer = Answer(SSE_HEAD + b"9\r\ndata: 1\n\n\r\n" + bad, closes=True)
    async with RawProvider(answer) as provider, a_transport() as transport:
        error = await failing(transport, a_request(provider.url, streaming=streaming))
    assert isinstance(error, StreamBroken | UpstreamFailed)
    assert "broke off" in error.message or "no valid answer" in error.message


@on_both_loops
async def test_a_body_without_an_end_is_given_up_at_the_limit() -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    answer = Answer(SSE_HEAD + chunk * 100)
    async with RawProvider(answer) as provider, a_transport() as transport:
        with pytest.raises(UpstreamFailed, match="over 100000 bytes"):
            async with transport.open(a_request(provider.url)) as reply:
                await reply.body(100_000)


@on_both_loops
async def test_what_nobody_reads_is_not_taken_from_the_provider() -> None:
    written = 0
    gone = asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SSE_HEAD)
        try:
            while True:
                writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                await writer.drain()
                written += 65536
        except OSError:
            writer.close()
            gone.set()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with a_transport() as transport:
        async with transport.open(a_request(url)) as reply:
            await anext(reply.reads())
            last = -1
            while written != last:
                last = written
                await asyncio.sleep(0.1)
        await asyncio.wait_for(gone.wait(), 3.0)
    server.close()
    await server.wait_closed()
    # The rest is what the system's own buffers hold.
    assert written < 16 * 1024 * 1024


@on_both_loops
async def test_an_address_that_is_none_failed() -> None:
    async with a_transport() as transport:
        for url in ("http://", "http://[::1", "nonsense", "http://a b"):
            error = await failing(transport, a_request(url))
            assert isinstance(error, UpstreamFailed | ConnectFailed)


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[[], tuple[Path, ssl.SSLContext]]:
    """Makes a certificate that nobody signed: its file, and a context that serves with it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")

    def make() -> tuple[Path, ssl.SSLContext]:
        cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        return cert, context

    return make


async def test_a_certificate_is_checked_unless_it_is_ours_or_all_are_taken(
    certificate: Callable[[], tuple[Path, ssl.SSLContext]],
) -> None:
    file, serving = certificate()
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with RawProvider(whole(b"{}"), whole(b"{}"), tls=serving) as provider:
        request = a_request(provider.url, streaming=False)
        async with a_transport() as transport:
            error = await failing(transport, request)
        assert isinstance(error, ConnectFailed)
        assert "certificate" in error.message
        assert "127.0.0.1" not in error.message
        for verify in (False, ssl.create_default_context(cafile=file)):
            async with a_transport(verify=verify) as transport, transport.open(request) as reply:
                assert await reply.body(LIMIT) == b"{}"


async def test_a_provider_that_does_not_speak_tls_failed_to_connect() -> None:
    async def refuses(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuses, "127.0.0.1", 0)
    async with a_transport() as transport:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        error = await failing(transport, a_request(url))
    server.close()
    await server.wait_closed()
    assert isinstance(error, ConnectFailed)
    assert "127.0.0.1" not in error.message


async def test_a_handshake_that_stalls_failed_to_connect_in_time() -> None:
    before = time.monotonic()
    async with RawProvider() as provider, a_transport(connect_timeout=SHORT) as transport:
        error = await failing(transport, a_request(provider.url.replace("http:", "https:")))
    assert isinstance(error, ConnectFailed)
    assert time.monotonic() - before < SHORT + SLACK
