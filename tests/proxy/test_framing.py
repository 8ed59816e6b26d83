"""What a request may look like, as bytes without a socket."""

from __future__ import annotations

import random

import h11
import pytest

from proxy.framing import (
    FEW_CHUNKS,
    MAX_CHUNK_LINE,
    MAX_TARGET,
    MAX_TRAILER_BYTES,
    Chunks,
    Head,
    Refusal,
    check_start,
    error_body,
)


def get(*lines: bytes, line: bytes = b"GET /a?b=c HTTP/1.1", host: bytes = b"Host: x") -> bytes:
    return b"\r\n".join([line, *([host] if host else []), *lines, b"", b""])


def refused(raw: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        Head(raw)
    return caught.value


def test_a_head_is_read_to_its_parts() -> None:
    head = Head(get(b"X-Name:  Value \t", b"content-length: 12"))
    assert (head.method, head.raw_path, head.query, head.version) == ("GET", b"/a", b"b=c", "1.1")
    assert head.headers == [(b"host", b"x"), (b"x-name", b"Value"), (b"content-length", b"12")]
    assert (head.length, head.chunked, head.keep) == (12, False, True)
    assert (head.expects, head.websocket) == (False, False)


@pytest.mark.parametrize(
    "line, lines, keep",
    [
        (b"GET / HTTP/1.1", [], True),
        (b"GET / HTTP/1.1", [b"Connection: close"], False),
        (b"GET / HTTP/1.1", [b"Connection: keep-alive, Close"], False),
        (b"GET / HTTP/1.1", [b"Connection: keep-alive", b"Connection: close"], False),
        (b"GET / HTTP/1.1", [b"Connection: enclosed"], True),
        (b"GET / HTTP/1.0", [], False),
        (b"GET / HTTP/1.0", [b"Connection: Keep-Alive"], True),
    ],
)
def test_a_connection_is_kept_as_its_options_say(
    line: bytes, lines: list[bytes], keep: bool
) -> None:
    assert Head(get(*lines, line=line)).keep is keep


@pytest.mark.parametrize(
    "target, path",
    [
        (b"http://x/a", b"/a"),
        (b"HTTP://X/a", b"/a"),
        (b"https://x", b"/"),
        (b"http://x?q", b"/"),
        (b"//a", b"//a"),
    ],
)
def test_an_absolute_target_is_cut_to_its_path(target: bytes, path: bytes) -> None:
    assert Head(get(line=b"GET " + target + b" HTTP/1.1")).raw_path == path


def test_the_target_of_options_may_be_an_asterisk() -> None:
    assert Head(get(line=b"OPTIONS * HTTP/1.1")).raw_path == b"*"


def test_only_options_may_have_an_asterisk_for_a_target() -> None:
    assert "not a path" in refused(get(line=b"GET * HTTP/1.1")).message


@pytest.mark.parametrize(
    "host", [b"x", b"x:80", b"127.0.0.1:4000", b"[::1]:80", b"", b"a-b.example.com:", b"x_y"]
)
def test_a_proper_host_is_accepted(host: bytes) -> None:
    assert Head(get(host=b"Host: " + host)).headers == [(b"host", host)]


@pytest.mark.parametrize(
    "host", [b"a/b?c#d", b"a@b", b"a b", b"a:b", b"[::1", b"a,b/", b"x\\y", b"x:80:90"]
)
def test_a_malformed_host_is_refused(host: bytes) -> None:
    refusal = refused(get(host=b"Host: " + host))
    assert (refusal.status, refusal.message) == (400, "The host header is malformed.")


@pytest.mark.parametrize(
    "lines, websocket",
    [
        ([b"Upgrade: websocket", b"Connection: Upgrade"], True),
        ([b"Upgrade: WebSocket", b"Connection: keep-alive, upgrade"], True),
        ([b"Upgrade: websocket"], False),
        ([b"Upgrade: websocket", b"Connection: keep-alive"], False),
        ([b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings"], False),
        ([b"Upgrade: websocket", b"Upgrade: h2c", b"Connection: Upgrade"], False),
        ([b"Upgrade: h2c, websocket", b"Connection: Upgrade"], False),
        ([b"Upgrade: websocket", b"Connection: Upgrade", b"Content-Length: 3"], False),
        ([b"Upgrade: websocket", b"Connection: Upgrade", b"Transfer-Encoding: chunked"], False),
    ],
)
def test_only_a_plain_websocket_upgrade_is_one(lines: list[bytes], websocket: bool) -> None:
    assert Head(get(*lines)).websocket is websocket


def test_a_post_is_never_a_websocket() -> None:
    lines = (b"Upgrade: websocket", b"Connection: Upgrade")
    assert not Head(get(*lines, line=b"POST / HTTP/1.1")).websocket


def test_an_expectation_counts_in_http_1_1_only() -> None:
    assert Head(get(b"Expect: 100-Continue")).expects
    assert not Head(get(b"Expect: 100-continue", line=b"GET / HTTP/1.0")).expects


def test_the_longest_target_allowed_is_accepted() -> None:
    target = b"/" + b"a" * (MAX_TARGET - 1)
    assert Head(get(line=b"GET %b HTTP/1.1" % target)).raw_path == target
    assert refused(get(line=b"GET %ba HTTP/1.1" % target)).status == 414


def test_the_largest_number_of_headers_allowed_is_accepted() -> None:
    lines = [b"x-%d: y" % number for number in range(99)]
    assert len(Head(get(*lines)).headers) == 100
    assert refused(get(*lines, b"z: z")).status == 431


def test_a_refusal_answers_with_json_and_closes() -> None:
    head, _, body = Refusal(431, 'a "quoted" reason').answer().partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 431 Request Header Fields Too Large",
        b"content-type: application/json",
        b"content-length: %d" % len(body),
        b"connection: close",
    ]
    assert body == error_body(431, 'a "quoted" reason', "invalid_request_error")
    assert body == (
        b'{"error":{"message":"a \\"quoted\\" reason","type":"invalid_request_error",'
        b'"param":null,"code":"431"}}'
    )


@pytest.mark.parametrize(
    "data", [b"", b"G", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nHost: x\r\n", b"\r"]
)
def test_the_start_of_a_good_head_is_waited_on(data: bytes) -> None:
    check_start(data, 0)
    check_start(data, max(0, len(data) - 1))


@pytest.mark.parametrize(
    "data, status",
    [
        (b"GET / HTTP/1.1\nHost: x", 400),
        (b"GET / HTTP/1.1\r\nHost: x\n", 400),
        (b"GET /\rx", 400),
        (b"GET /\0", 400),
        (b"\x16\x03\x01\x02\x00", 400),
        (b"GET /" + b"a" * (MAX_TARGET + 64), 414),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 8000, 431),
    ],
)
def test_the_start_of_a_hopeless_head_is_refused_at_once(data: bytes, status: int) -> None:
    with pytest.raises(Refusal) as caught:
        check_start(data, 0)
    assert caught.value.status == status


def test_a_foul_byte_is_seen_when_it_comes_alone() -> None:
    check_start(b"GET / HTTP/1.1", 0)
    with pytest.raises(Refusal):
        check_start(b"GET / HTTP/1.1\n", len(b"GET / HTTP/1.1"))


CHUNKED = b"5;a=b\r\nhello\r\n1\r\n \r\n00a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nrest"


def test_a_chunked_body_is_taken_apart() -> None:
    assert Chunks().feed(CHUNKED) == (b"hello 0123456789", True, b"rest")


def test_a_chunked_body_may_come_byte_by_byte() -> None:
    chunks = Chunks()
    body = b""
    for at in range(len(CHUNKED) - 4):
        piece, ended, rest = chunks.feed(CHUNKED[at : at + 1])
        body += piece
        assert ended is (at == len(CHUNKED) - 5)
        assert rest == b""
    assert body == b"hello 0123456789"


@pytest.mark.parametrize(
    "data",
    [
        b"x\r\n",
        b"\r\n",
        b"-1\r\n",
        b"+1\r\n",
        b"0x5\r\n",
        b" 5\r\n",
        b"5 5\r\n",
        b"5\n",
        b"5\nhello\r\n",
        b"5;a\nb\r\n",
        b"5;a\0b\r\n",
        b"5\rx",
        b"1000000000000000\r\n",
        b"5\r\nhelloX",
        b"5\r\nhello\n",
        b"5\r\nhello\rX",
        b"5;" + b"x" * MAX_CHUNK_LINE,
        b"5;" + b"x" * 20_000 + b"\r\nhello\r\n",
        b"0\r\n: x\r\n",
        b"0\r\nno colon\r\n",
        b"0\r\na: b\n\r\n",
        b"0\r\na: b\r\n c\r\n",
        b"0\r\n\n",
        b"0\r\n" + b"a: b\r\n" * 10_000,
        b"0\r\na:" + b"b" * MAX_TRAILER_BYTES,
    ],
)
def test_a_malformed_chunk_is_refused(data: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        Chunks().feed(data)
    assert caught.value.status == 400
    chunks = Chunks()
    with pytest.raises(Refusal):
        for at in range(len(data)):
            chunks.feed(data[at : at + 1])


def test_a_long_body_of_tiny_chunks_is_refused() -> None:
    chunks = Chunks()
    chunks.feed(b"1\r\nx\r\n" * FEW_CHUNKS)
    with pytest.raises(Refusal):
        chunks.feed(b"1\r\nx\r\n")


def test_a_long_body_of_ordinary_chunks_is_accepted() -> None:
    chunk = b"64\r\n" + b"x" * 100 + b"\r\n"
    piece, ended, _ = Chunks().feed(chunk * (FEW_CHUNKS + 10) + b"0\r\n\r\n")
    assert (len(piece), ended) == (100 * (FEW_CHUNKS + 10), True)


SEEDS = (
    b"POST /v1?a=b HTTP/1.1\r\nHost: x:80\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
    b"GET http://x/a%20b HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET / HTTP/1.0\r\nA: b\r\n\r\n",
)
SPOILS = (b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b"#", b"\xff", b"Host: y\r\n",
          b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1")  # fmt: skip


def spoiled(chance: random.Random) -> bytes:
    """A request with one to three small faults; it ends at its first empty line."""
    data = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data) - 4)
        kind = chance.randrange(3)
        if kind == 0:
            data[at:at] = chance.choice(SPOILS)
        elif kind == 1:
            del data[at : at + chance.randint(1, 3)]
        else:
            data[at] = chance.randrange(256)
    return bytes(data).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def test_what_we_accept_another_parser_reads_in_the_same_way() -> None:
    chance = random.Random(1)
    accepted = 0
    for _ in range(5000):
        raw = spoiled(chance)
        try:
            head = Head(raw)
        except Refusal:
            continue
        accepted += 1
        other = h11.Connection(h11.SERVER)
        other.receive_data(raw)
        event = other.next_event()
        assert isinstance(event, h11.Request), raw
        assert event.method.decode() == head.method, raw
        assert [name for name, _ in event.headers] == [name for name, _ in head.headers], raw
        assert b"".join(v.lower() for _, v in event.headers) == b"".join(
            v.lower() for _, v in head.headers
        ), raw
    assert accepted > 500
