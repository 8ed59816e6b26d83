"""Requests that are not by the letter, and what only looks like one."""

from __future__ import annotations

import json
from typing import Any

from tests.proxy.raw import (
    Recorder,
    connected,
    get,
    head,
    on_both_loops,
    post,
    serving,
    soon,
    talk,
)

GET = get()[:-2]
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = post(b"Transfer-Encoding: chunked")
LENGTH, CODING = b"Content-Length: 6", b"Transfer-Encoding: chunked"
ZERO = b"0\r\n\r\n"

REFUSED: list[tuple[str, bytes, int, str]] = [
    ("length, then coding", post(LENGTH, CODING, body=ZERO), 400, "transfer-encoding"),
    ("coding, then length", post(CODING, LENGTH, body=ZERO), 400, "content-length"),
    ("two lengths that differ", post(LENGTH, b"Content-Length: 7"), 400, "content-length"),
    ("two lengths that agree", post(LENGTH, LENGTH), 400, "content-length"),
    *(
        (f"length {value!r}", post(b"Content-Length: " + value), 400, "content-length")
        for value in (b"5, 5", b"+5", b"-1", b"9" * 30, b"0x5", b"5 5", b"", b"five", b"9" * 19)
    ),
    ("length with a space before its colon", post(b"Content-Length : 5"), 400, "head"),
    *(
        (f"coding {value!r}", post(b"Transfer-Encoding: " + value), 400, "")
        for value in (b"xchunked", b"chunked, identity", b"identity", b"\x0bchunked", b"", b"a b")
    ),
    ("coding over chunked", post(b"Transfer-Encoding: gzip, chunked"), 400, "exactly chunked"),
    ("two codings", post(CODING, CODING), 400, ""),
    ("a coding in 1.0", CHUNKED.replace(b"1.1", b"1.0") + ZERO, 400, "HTTP/1.0"),
    ("two authorizations", get(b"Authorization: a", b"authorization: b"), 400, "authorization"),
    ("two equal authorizations", get(b"Authorization: a", b"Authorization: a"), 400, "more than"),
    ("two hosts", get(b"Host: x"), 400, "host"),
    ("no host", b"GET / HTTP/1.1\r\nA: b\r\n\r\n", 400, "host"),
    ("a host with a path", b"GET / HTTP/1.1\r\nHost: a/b?c#d\r\n\r\n", 400, "host"),
    ("a host with a user", b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, "host"),
    ("another host in the target", head(b"GET http://y/a"), 400, "another host"),
    *(
        (f"version {value!r}", head(b"GET /", value), 400, "")
        for value in (b"HTTP/9.9", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/1", b"http/1.1")
    ),
    ("no version", b"GET /\r\nHost: x\r\n\r\n", 400, "request line"),
    ("another protocol", head(b"SOURCE /", b"ICE/1.0"), 400, "version"),
    ("HTTP/2 without TLS", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/2"),
    ("101 headers", get(*(b"A-%d: b" % number for number in range(100))), 431, "100"),
    ("33 KiB of headers", get(b"A: " + b"b" * 33 * 1024), 431, "32768"),
    ("headers without end", GET + b"A: " + b"b" * 64 * 1024, 431, "32768"),
    ("a target of 9 KiB", head(b"GET /" + b"a" * 9 * 1024), 414, "8192"),
    ("a target without end", b"GET /" + b"a" * 20 * 1024, 414, "8192"),
    ("a folded header", get(b"A: b", b" c"), 400, "folded"),
    ("a header folded by a tab", get(b"A: b", b"\tc"), 400, "folded"),
    ("a folded first header", b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400, "folded"),
    ("bare LF everywhere", b"GET / HTTP/1.1\nHost: x\n\n", 400, "LF"),
    ("bare LF after the request line", b"GET / HTTP/1.1\nHost: x\r\n\r\n", 400, "LF"),
    ("bare LF after a header", GET + b"A: b\nC: d\r\n\r\n", 400, "LF"),
    ("bare LF in the target", b"GET /a\nb: HTTP/1.1\r\nHost: x\r\n\r\n", 400, "LF"),
    ("bare LF at the end", GET + b"\n", 400, "LF"),
    ("bare LF inside a value", GET + b"A: b\r\nC: d\ne\r\n\r\n", 400, "LF"),
    ("bare CR", get(b"A: b\rc"), 400, "CR"),
    ("CR before the method", b"\r" + get(), 400, "CR"),
    ("LF before the method", b"\n" + get(), 400, "LF"),
    ("CR CR LF", get(b"A: b\r"), 400, "CR"),
    ("NUL in a value", get(b"A: b\0c"), 400, "NUL"),
    ("NUL in a name", get(b"A\0: b"), 400, "NUL"),
    ("NUL in the target", head(b"GET /\0"), 400, "NUL"),
    ("DEL in a value", get(b"A: b\x7f"), 400, "head"),
    ("a control character", get(b"A: b\x01"), 400, "head"),
    ("a space before a colon", get(b"A : b"), 400, "head"),
    ("an empty name", get(b": b"), 400, "head"),
    ("no colon", get(b"Abc"), 400, "head"),
    ("a name with a bracket", get(b"A(: b"), 400, "head"),
    ("a method in lower case", head(b"get /"), 400, "method"),
    ("a mixed method", head(b"Get /"), 400, "method"),
    ("an unknown method", head(b"FOO /"), 400, "method"),
    ("CONNECT", head(b"CONNECT x:1"), 400, "target"),
    ("two spaces", head(b"GET  /"), 400, "request line"),
    ("a space in the target", head(b"GET /a b"), 400, ""),
    ("a tab in the target", head(b"GET /a\tb"), 400, ""),
    ("a byte over 127 in the target", head(b"GET /\xff"), 400, ""),
    ("a fragment", head(b"GET /a#b"), 400, "fragment"),
    ("a target without slash", head(b"GET a"), 400, ""),
    ("another scheme", head(b"GET ftp://x/a"), 400, "target"),
    ("another expectation", post(b"Expect: 200-ok", LENGTH), 417, "expectation"),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), 400, "TLS"),
    ("no HTTP", b"hello\r\n\r\n", 400, ""),
]

REFUSED_CHUNKS: list[tuple[str, bytes]] = [
    ("no number", b"x\r\nhello\r\n"),
    ("negative", b"-5\r\nhello\r\n"),
    ("prefixed", b"0x5\r\nhello\r\n"),
    ("too large", b"ffffffffffffffff1\r\nhello\r\n"),
    ("empty", b"\r\nhello\r\n"),
    ("a space behind the size", b"5 \r\nhello\r\n"),
    ("a space before the extension", b"5 ;a=b\r\nhello\r\n"),
    ("bare LF after the size", b"5\nhello\r\n"),
    ("bare LF after the data", b"5\r\nhello\n"),
    ("no line end after the data", b"5\r\nhelloworld"),
    ("data longer than the size", b"5\r\nhello!\r\n"),
    ("an extension of 20 KB", b"5;" + b"x" * 20_000 + b"\r\nhello\r\n"),
    ("an endless extension", b"5;" + b"x" * 600),
    ("LF in an extension", b"5;a\nb\r\nhello\r\n"),
    ("NUL in an extension", b"5;a\0b\r\nhello\r\n"),
    ("10 000 trailers", b"0\r\n" + b"A: b\r\n" * 10_000 + b"\r\n"),
    ("a malformed trailer", b"0\r\nabc\r\n\r\n"),
    ("a folded trailer", b"0\r\nA: b\r\n c\r\n\r\n"),
]


def the_refusal(reply: bytes) -> tuple[int, dict[str, Any]]:
    """The status and the error of the only answer in a reply."""
    assert reply.count(b"HTTP/1.1 ") == 1, reply
    top, _, body = reply.partition(b"\r\n\r\n")
    lines = top.lower().split(b"\r\n")
    assert b"connection: close" in lines
    assert b"content-length: %d" % len(body) in lines
    parsed = json.loads(body)
    assert list(parsed) == ["error"]
    return int(top.split()[1]), parsed["error"]


@on_both_loops
async def test_every_request_that_is_not_by_the_letter_is_refused_and_closed() -> None:
    app = Recorder()
    async with serving(app) as server:
        for case, data, status, word in REFUSED:
            reply = await talk(server.port, data + SMUGGLED)
            got, error = the_refusal(reply)
            assert got == status, (case, error)
            assert word.lower() in error["message"].lower(), (case, error)
            assert error["type"] == "invalid_request_error", case
            assert (error["param"], error["code"]) == (None, str(status)), case
            assert not app.scopes, case


@on_both_loops
async def test_every_refused_head_is_refused_byte_by_byte_too() -> None:
    app = Recorder()
    short = [case for case in REFUSED if len(case[1]) < 120]
    async with serving(app) as server:
        for case, data, status, _ in short:
            async with connected(server.port) as client:
                for at in range(len(data)):
                    client.send(data[at : at + 1])
                    await client.writer.drain()
                got, _ = the_refusal(await client.rest())
                assert got == status, case
                assert not app.scopes, case


@on_both_loops
async def test_a_malformed_chunked_body_is_refused_and_closed() -> None:
    app = Recorder()
    async with serving(app) as server:
        for case, chunks in REFUSED_CHUNKS:
            got, error = the_refusal(await talk(server.port, CHUNKED + chunks + SMUGGLED))
            assert (got, error["code"]) == (400, "400"), case
            assert not app.bodies, case


@on_both_loops
async def test_a_chunk_that_turns_out_malformed_ends_the_call_that_waits_for_it() -> None:
    app = Recorder()
    async with serving(app) as server, connected(server.port, CHUNKED + b"2\r\nab\r\n") as client:
        await soon(lambda: app.events)
        client.send(b"x\r\n")
        assert the_refusal(await client.rest())[0] == 400
        await soon(lambda: app.events[-1] == "http.disconnect")
        assert not app.bodies


@on_both_loops
async def test_trailers_are_dropped() -> None:
    app = Recorder()
    data = CHUNKED + b"5;a=b\r\nhello\r\n0\r\nAuthorization: Bearer x\r\nHost: y\r\n\r\n"
    async with serving(app) as server, connected(server.port, data + SMUGGLED) as client:
        said = json.loads((await client.answer())[1])
        assert said["names"] == ["host", "transfer-encoding"]
        assert said["body"] == "hello"
        assert json.loads((await client.answer())[1])["path"] == "/smuggled"


@on_both_loops
async def test_what_looks_like_a_request_inside_a_body_is_a_body() -> None:
    app = Recorder()
    data = post(b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED)
    async with serving(app) as server, connected(server.port, data) as client:
        assert json.loads((await client.answer())[1])["body"] == SMUGGLED.decode()
        assert await client.is_silent()
        assert [scope["path"] for scope in app.scopes] == ["/"]


@on_both_loops
async def test_h2c_is_answered_as_plain_http_1_1() -> None:
    app = Recorder()
    lines = (b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABk")
    async with serving(app) as server:
        for data, body in ((get(*lines), ""), (post(*lines, LENGTH, body=b"abcdef"), "abcdef")):
            async with connected(server.port, data + SMUGGLED) as client:
                top, said = await client.answer()
                assert top.startswith(b"HTTP/1.1 200 ")
                assert json.loads(said)["body"] == body
                assert json.loads((await client.answer())[1])["path"] == "/smuggled"


@on_both_loops
async def test_a_websocket_upgrade_on_a_post_is_a_plain_request() -> None:
    app = Recorder()
    data = post(b"Upgrade: websocket", b"Connection: Upgrade", LENGTH, body=b"abcdef")
    async with serving(app) as server, connected(server.port, data) as client:
        assert (await client.answer())[0].startswith(b"HTTP/1.1 200 ")
        assert app.scopes[0]["type"] == "http"
