"""Requests go out as they are, replies come in as they are, and connections are used again."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from pipelines.errors import UpstreamFailed
from proxy.transport.client import HOP_BY_HOP
from tests.builders import a_body
from tests.proxy.raw import on_both_loops
from tests.proxy.transport.wires import Answer, RawProvider, a_request, a_transport, at_work, whole

BIG = 3 * 1024 * 1024
LIMIT = 1 << 20


@on_both_loops
async def test_a_whole_reply_comes_in_with_its_status_and_headers() -> None:
    async with (
        at_work() as (transport, upstream),
        transport.open(a_request(upstream.url, streaming=False)) as reply,
    ):
        assert reply.status == 200
        assert dict(reply.headers)[b"content-type"] == b"application/json"
        body = await reply.body(LIMIT)
    assert b"hello world" in body


@on_both_loops
async def test_the_reads_of_a_stream_are_the_bytes_that_were_sent() -> None:
    pieces = [b"data: %d\n\n" % number for number in range(100)]
    async with at_work() as (transport, upstream):
        upstream.replay(pieces)
        async with transport.open(a_request(upstream.url)) as reply:
            reads = [raw async for raw in reply.reads()]
    assert b"".join(reads) == b"".join(pieces)
    assert all(reads)


@on_both_loops
async def test_a_read_is_given_as_soon_as_it_is_there() -> None:
    async with (
        at_work() as (transport, upstream),
        transport.open(a_request(upstream.url, "stall")) as reply,
    ):
        reads = reply.reads()
        got = b""
        while got.count(b"\n\n") < 2:
            got += await anext(reads)
    assert b"t0" in got
    assert b"t1" in got


@on_both_loops
async def test_a_request_has_the_headers_it_needs_and_no_others() -> None:
    request_headers = {"Content-Type": "application/json", "Authorization": "Bearer sk-1"}
    async with at_work() as (transport, upstream):
        request = a_request(upstream.url, headers=request_headers)
        async with transport.open(request) as reply:
            assert reply.status == 200
        [received] = upstream.requests
    assert received.method == "POST"
    assert received.path == "/v1/chat/completions"
    assert received.body == request.body
    assert received.headers == {
        "host": upstream.url.removeprefix("http://").removesuffix("/v1"),
        "accept-encoding": "identity",
        "user-agent": "headgate",
        "content-type": "application/json",
        "authorization": "Bearer sk-1",
        "content-length": str(len(request.body)),
    }


@on_both_loops
async def test_a_question_without_a_body_has_none() -> None:
    async with at_work() as (transport, upstream):
        request = a_request(upstream.url, method="GET", body=b"", headers={}, streaming=False)
        request.url = f"{upstream.url}/models"
        async with transport.open(request) as reply:
            assert b'"ok"' in await reply.body(LIMIT)
        [received] = upstream.requests
    assert received.method == "GET"
    assert not received.headers.keys() & {"content-length", "content-type", "transfer-encoding"}


@on_both_loops
async def test_a_body_with_images_goes_out_whole() -> None:
    async with at_work() as (transport, upstream):
        request = a_request(upstream.url, streaming=False, body=a_body("ok", image="A" * BIG))
        async with transport.open(request) as reply:
            await reply.body(LIMIT)
        [received] = upstream.requests
    assert received.body == request.body
    assert received.headers["content-length"] == str(len(request.body))


@on_both_loops
async def test_what_a_reply_says_of_its_connection_is_dropped() -> None:
    headers = [b"Connection: keep-alive", b"Keep-Alive: timeout=5", b"Proxy-Authenticate: Basic"]
    headers += [b"X-Request-Id: r1", b"Trailer: x", b"Upgrade: h2c", b"TE: trailers"]
    async with (
        RawProvider(whole(b"{}", *headers)) as provider,
        a_transport() as transport,
        transport.open(a_request(provider.url)) as reply,
    ):
        assert await reply.body(LIMIT) == b"{}"
        names = {name for name, _ in reply.headers}
    assert names == {b"x-request-id", b"content-length"}
    assert not names & HOP_BY_HOP


@on_both_loops
async def test_the_chunks_of_a_stream_are_no_header_of_the_reply() -> None:
    async with (
        at_work() as (transport, upstream),
        transport.open(a_request(upstream.url)) as reply,
    ):
        assert b"transfer-encoding" not in dict(reply.headers)


@on_both_loops
async def test_a_packed_body_is_handed_on_untouched() -> None:
    packed = gzip.compress(b'{"choices":[]}')
    answer = whole(packed, b"Content-Encoding: gzip")
    async with (
        RawProvider(answer) as provider,
        a_transport() as transport,
        transport.open(a_request(provider.url, streaming=False)) as reply,
    ):
        assert await reply.body(LIMIT) == packed
        assert dict(reply.headers)[b"content-encoding"] == b"gzip"


@on_both_loops
async def test_a_redirect_is_not_followed() -> None:
    async with at_work() as (transport, upstream):
        async with transport.open(a_request(upstream.url, "redirect")) as reply:
            assert reply.status == 307
            assert await reply.body(LIMIT) == b""
        assert len(upstream.requests) == 1


@on_both_loops
async def test_no_cookie_is_kept() -> None:
    cookie = b"Set-Cookie: session=abc; Path=/"
    answers = [whole(b"{}", cookie), whole(b"{}", cookie)]
    async with RawProvider(*answers) as provider, a_transport() as transport:
        for _ in answers:
            async with transport.open(a_request(provider.url)) as reply:
                await reply.body(LIMIT)
        assert b"cookie" not in b"".join(provider.heads).lower()


@on_both_loops
async def test_a_connection_is_used_again_after_a_whole_reply() -> None:
    answers = [whole(b"{}")] * 5
    async with RawProvider(*answers) as provider, a_transport() as transport:
        for _ in answers:
            async with transport.open(a_request(provider.url, streaming=False)) as reply:
                assert await reply.body(LIMIT) == b"{}"
        assert len(provider.heads) == 5
        assert provider.connections == 1


@on_both_loops
async def test_a_connection_is_used_again_after_a_stream_that_was_read_to_its_end() -> None:
    async with at_work() as (transport, upstream):
        for _ in range(5):
            async with transport.open(a_request(upstream.url)) as reply:
                async for _raw in reply.reads():
                    pass
        assert len(upstream.requests) == 5
        assert upstream.open == 1
        assert not upstream.closed


@on_both_loops
async def test_a_connection_is_used_again_after_an_error_that_was_read() -> None:
    async with at_work() as (transport, upstream):
        for mode in ("500", "429", "ok"):
            async with transport.open(a_request(upstream.url, mode, streaming=False)) as reply:
                await reply.body(LIMIT)
        assert upstream.open == 1


@on_both_loops
async def test_a_connection_that_the_provider_closes_politely_is_not_used_again() -> None:
    answers = [Answer(whole(b"1", b"Connection: close").raw, closes=True), whole(b"2")]
    async with RawProvider(*answers) as provider, a_transport() as transport:
        for expected in (b"1", b"2"):
            async with transport.open(a_request(provider.url)) as reply:
                assert await reply.body(LIMIT) == expected
        assert provider.connections == 2


@on_both_loops
async def test_each_provider_has_connections_of_its_own() -> None:
    answers = [whole(b"{}")] * 4
    async with RawProvider(*answers) as provider, a_transport() as transport:
        for pool in ("acme", "other", "acme", "other"):
            async with transport.open(a_request(provider.url, pool=pool)) as reply:
                await reply.body(LIMIT)
        assert provider.connections == 2


@on_both_loops
async def test_a_second_answer_on_a_connection_reaches_nobody() -> None:
    surplus = Answer(whole(b"first").raw + whole(b"for somebody else").raw)
    async with RawProvider(surplus, whole(b"second")) as provider, a_transport() as transport:
        for expected in (b"first", b"second"):
            async with transport.open(a_request(provider.url)) as reply:
                assert await reply.body(LIMIT) == expected


@on_both_loops
async def test_a_word_before_the_answer_is_passed_over() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    async with (
        RawProvider(Answer(early + whole(b"{}").raw)) as provider,
        a_transport() as transport,
        transport.open(a_request(provider.url)) as reply,
    ):
        assert reply.status == 200
        assert await reply.body(LIMIT) == b"{}"


@on_both_loops
async def test_a_reply_without_a_length_ends_with_its_connection() -> None:
    bare = Answer(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}", closes=True)
    async with (
        RawProvider(bare) as provider,
        a_transport() as transport,
        transport.open(a_request(provider.url)) as reply,
    ):
        assert await reply.body(LIMIT) == b"{}"


@on_both_loops
async def test_an_empty_body_is_empty_in_both_ways() -> None:
    answers = [whole(b""), whole(b""), whole(b"", status=b"204 No Content")]
    async with RawProvider(*answers) as provider, a_transport() as transport:
        async with transport.open(a_request(provider.url)) as reply:
            assert await reply.body(LIMIT) == b""
        async with transport.open(a_request(provider.url)) as reply:
            assert [raw async for raw in reply.reads()] == []
        async with transport.open(a_request(provider.url)) as reply:
            assert await reply.body(LIMIT) == b""


@on_both_loops
async def test_a_body_of_the_limit_is_taken_and_a_longer_one_is_not() -> None:
    answers = [whole(b"x" * 1000), whole(b"x" * 1001)]
    async with RawProvider(*answers) as provider, a_transport() as transport:
        async with transport.open(a_request(provider.url)) as reply:
            assert len(await reply.body(1000)) == 1000
        with pytest.raises(UpstreamFailed, match="acme sent a body over 1000 bytes"):
            async with transport.open(a_request(provider.url)) as reply:
                await reply.body(1000)


@on_both_loops
async def test_after_its_close_nothing_is_open() -> None:
    async with at_work() as (transport, upstream):
        for pool in ("acme", "other"):
            async with transport.open(a_request(upstream.url, pool=pool)) as reply:
                async for _raw in reply.reads():
                    pass
        assert upstream.open == 2
        await transport.close()
        async with asyncio.timeout(3.0):
            while upstream.open:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        await transport.close()
