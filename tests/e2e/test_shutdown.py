"""The gateway ends in order: no new connection, running calls to their end, and then a deadline."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.configs import config, mocks
from tests.e2e.gateway import Gateway, running, soon
from tests.e2e.plain import (
    DONE,
    ask,
    ask_on,
    chat,
    connected,
    dialled,
    events,
    request,
    text_of,
    until,
)

ENDLESS = "mock/words9999-rate20"
READINESS = b"GET /health/readiness HTTP/1.1\r\nHost: gateway\r\n\r\n"


def is_closed(gateway: Gateway) -> bool:
    """Whether nobody is let in any more."""
    try:
        socket.create_connection(("127.0.0.1", gateway.port), 1).close()
    except OSError:
        return True
    return False


def body_of(sock: socket.socket, seen: bytes) -> bytes:
    """The body of a chunked answer that is read to the end of its connection."""
    raw = seen + b"".join(iter(lambda: sock.recv(65536), b""))
    rest = raw.partition(b"\r\n\r\n")[2]
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        body, rest = body + rest[:length], rest[length + 2 :]
        if not length:
            return body
    raise AssertionError(f"the answer has no end: {raw[-200:]!r}")


@contextmanager
def streaming(gateway: Gateway, model: str) -> Iterator[tuple[socket.socket, bytes]]:
    """A stream that has begun, and what came of it so far."""
    with dialled(gateway, request(chat(model))) as sock:
        yield sock, until(sock, b"word1")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_gateway_ends_at_once_and_well(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path, config(*mocks())) as gateway, connected(gateway) as connection:
        ask_on(connection, "/v1/models", method="GET")
        gateway.signal(number)
        assert gateway.exit_code() == 0
        assert connection.sock is not None
        assert connection.sock.recv(1) == b"", "the idle connection was not closed in order"


def test_while_it_drains_it_is_not_ready_and_lets_nobody_in(tmp_path: Path) -> None:
    with running(tmp_path, config(*mocks())) as gateway, streaming(gateway, ENDLESS):
        # A head that is half sent keeps its connection from being closed as an idle one.
        with dialled(gateway, READINESS[:30]) as sock, dialled(gateway, READINESS[:30]) as other:
            gateway.signal()
            assert soon(lambda: is_closed(gateway) or None)
            sock.sendall(READINESS[30:])
            answer = until(sock, b"}")
            other.sendall(READINESS[30:].replace(b"readiness", b"liveness"))
            assert until(other, b"}").startswith(b"HTTP/1.1 503 ")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b'{"status":"shutting_down"}' in answer
        assert b"connection: close\r\n" in answer
        gateway.signal()
        assert gateway.exit_code() == 0


def test_a_running_stream_ends_whole(tmp_path: Path) -> None:
    with running(tmp_path, config(*mocks())) as gateway:
        with streaming(gateway, "mock/words30-rate30") as (sock, seen):
            gateway.signal()
            assert soon(lambda: is_closed(gateway) or None)
            found = events(body_of(sock, seen))
        assert gateway.exit_code() == 0
        assert text_of(found).split()[-1] == "word30"
        assert found[-2]["choices"][0]["finish_reason"] == "stop"
        assert gateway.call("mock/words30-rate30")["outcome"] == "ok"


def test_a_stream_over_the_deadline_ends_with_an_error_event(tmp_path: Path) -> None:
    with running(tmp_path, config(*mocks(), drain_timeout=0.3)) as gateway:
        with streaming(gateway, ENDLESS) as (sock, seen):
            gateway.signal()
            *said, error, done = events(body_of(sock, seen))
        assert gateway.exit_code() == 0
        assert text_of(said).startswith("word1 ")
        assert error["error"]["code"] == "server_shutdown"
        assert "shutting down" in error["error"]["message"]
        assert done == DONE
        line = gateway.call(ENDLESS)
        assert (line["outcome"], line["status"]) == ("shutdown", 200)
        assert line["completion_tokens"] > 0


def test_a_call_over_the_deadline_that_has_no_byte_yet_is_503(tmp_path: Path) -> None:
    late = "mock/late60000"
    with running(tmp_path, config(*mocks(), drain_timeout=0)) as gateway:
        with dialled(gateway, request(chat(late, stream=False))) as sock:
            time.sleep(0.5)
            gateway.signal()
            raw = b"".join(iter(lambda: sock.recv(65536), b""))
        assert raw.startswith(b"HTTP/1.1 503 ")
        assert b'"code":"server_shutdown"' in raw
        assert gateway.exit_code() == 0
        assert gateway.call(late)["outcome"] == "shutdown"


def test_a_second_signal_ends_everything_at_once(tmp_path: Path) -> None:
    with running(tmp_path, config(*mocks())) as gateway:
        with streaming(gateway, ENDLESS) as (sock, seen):
            gateway.signal()
            assert soon(lambda: is_closed(gateway) or None)
            assert gateway.process.poll() is None
            gateway.signal()
            *_, error, done = events(body_of(sock, seen))
        # The deadline of the first signal is two minutes away.
        assert gateway.exit_code() == 0
        assert (error["error"]["code"], done) == ("server_shutdown", DONE)


def test_many_streams_over_the_deadline_all_get_their_error_event(tmp_path: Path) -> None:
    with running(tmp_path, config(*mocks(), drain_timeout=0.3)) as gateway:
        begun = [dialled(gateway, request(chat(ENDLESS))) for _ in range(50)]
        socks = [one.__enter__() for one in begun]
        try:
            seen = [until(sock, b"word1") for sock in socks]
            assert ask(gateway, "/health/readiness", method="GET").status == 200
            gateway.signal()
            for sock, raw in zip(socks, seen, strict=True):
                assert events(body_of(sock, raw))[-2]["error"]["code"] == "server_shutdown"
        finally:
            for one in begun:
                one.__exit__(None, None, None)
        assert gateway.exit_code() == 0
        assert len(gateway.ended(ENDLESS, 50)) == 50
