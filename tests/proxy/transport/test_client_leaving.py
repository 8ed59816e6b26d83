"""Whoever leaves a reply early closes its connection, at once and without a trace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pipelines.errors import UpstreamFailed
from proxy.transport.client import HttpTransport
from tests.fakes.upstream import FaultyUpstream
from tests.proxy.raw import on_both_loops, soon
from tests.proxy.transport.wires import (
    Answer,
    RawProvider,
    a_request,
    a_transport,
    at_work,
    nobody_accepts,
    whole,
)

LIMIT = 1 << 20
# The promise is 100 ms; a busy machine may take three times as long.
PROMISE = 0.3

Work = Callable[[HttpTransport, FaultyUpstream], Awaitable[None]]


async def closed_within(upstream: FaultyUpstream, left: float) -> None:
    """Check that the provider saw its client go, soon after this moment on the loop's clock."""
    [gone] = await upstream.until_closed()
    assert gone.at - left < PROMISE


def now() -> float:
    return asyncio.get_running_loop().time()


@on_both_loops
async def test_a_stream_that_is_left_early_is_closed() -> None:
    async with at_work() as (transport, upstream):
        async with transport.open(a_request(upstream.url, "slow")) as reply:
            await anext(reply.reads())
            left = now()
        await closed_within(upstream, left)
        await soon(lambda: upstream.open == 0)


@on_both_loops
async def test_a_stream_of_which_nothing_was_read_is_closed() -> None:
    async with at_work() as (transport, upstream):
        async with transport.open(a_request(upstream.url, "slow")):
            left = now()
        await closed_within(upstream, left)


@on_both_loops
async def test_a_whole_reply_that_is_left_early_is_closed() -> None:
    async with at_work() as (transport, upstream):
        async with transport.open(a_request(upstream.url, "nofirst_hdr", streaming=False)):
            left = now()
        await closed_within(upstream, left)


@on_both_loops
async def test_a_reply_over_the_limit_is_closed() -> None:
    async with at_work() as (transport, upstream):
        with pytest.raises(UpstreamFailed):
            async with transport.open(a_request(upstream.url, "slow")) as reply:
                left = now()
                await reply.body(10)
        await closed_within(upstream, left)


@on_both_loops
async def test_an_error_of_ours_closes_the_reply() -> None:
    async with at_work() as (transport, upstream):
        with pytest.raises(ZeroDivisionError):
            async with transport.open(a_request(upstream.url, "slow")) as reply:
                await anext(reply.reads())
                left = now()
                raise ZeroDivisionError
        await closed_within(upstream, left)


@on_both_loops
async def test_a_connection_that_was_left_early_is_not_used_again() -> None:
    async with at_work() as (transport, upstream):
        for _ in range(3):
            async with transport.open(a_request(upstream.url, "slow")) as reply:
                await anext(reply.reads())
        await upstream.until_closed(3)
        async with transport.open(a_request(upstream.url)) as reply:
            assert b"t0" in b"".join([raw async for raw in reply.reads()])
        await soon(lambda: upstream.open == 1)


async def opening(transport: HttpTransport, upstream: FaultyUpstream) -> None:
    async with transport.open(a_request(upstream.url, "nofirst")):
        pass


async def reading_first(transport: HttpTransport, upstream: FaultyUpstream) -> None:
    async with transport.open(a_request(upstream.url, "nofirst_hdr")) as reply:
        await anext(reply.reads())


async def reading_on(transport: HttpTransport, upstream: FaultyUpstream) -> None:
    async with transport.open(a_request(upstream.url, "stall")) as reply:
        async for _raw in reply.reads():
            pass


async def reading_whole(transport: HttpTransport, upstream: FaultyUpstream) -> None:
    async with transport.open(a_request(upstream.url, "slow", streaming=False)) as reply:
        await reply.body(LIMIT)


@pytest.mark.parametrize("work", [opening, reading_first, reading_on, reading_whole])
@on_both_loops
async def test_a_cancel_while_waiting_is_a_cancel_and_closes_the_connection(work: Work) -> None:
    async with at_work() as (transport, upstream):
        task = asyncio.ensure_future(work(transport, upstream))
        await soon(lambda: upstream.requests)
        await asyncio.sleep(0.05)
        left = now()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        await closed_within(upstream, left)
        await soon(lambda: upstream.open == 0)


@on_both_loops
async def test_a_cancel_while_a_connection_is_pending_is_a_cancel() -> None:
    async def work(transport: HttpTransport, url: str) -> None:
        async with transport.open(a_request(url)):
            pass

    with nobody_accepts() as url:
        async with a_transport() as transport:
            task = asyncio.ensure_future(work(transport, url))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, PROMISE)


@on_both_loops
async def test_a_timeout_around_it_all_is_not_taken_for_the_providers_silence() -> None:
    async with at_work() as (transport, upstream):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await opening(transport, upstream)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reading_on(transport, upstream)
        await upstream.until_closed(2)


@on_both_loops
async def test_a_body_under_way_is_given_up_with_its_reply() -> None:
    taken = asyncio.Event()

    async def answers_early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # It answers before it has read the request's body, and never reads it.
        await reader.readuntil(b"\r\n\r\n")
        writer.write(whole(b'{"early":1}', b"Connection: close").raw)
        await taken.wait()
        writer.close()

    server = await asyncio.start_server(answers_early, "127.0.0.1", 0, limit=1024)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with a_transport() as transport:
        request = a_request(url, streaming=False, body=b"x" * (16 << 20))
        async with transport.open(request) as reply:
            assert await reply.body(LIMIT) == b'{"early":1}'
    taken.set()
    server.close()
    await server.wait_closed()


@on_both_loops
async def test_an_idle_connection_that_the_provider_closed_is_not_used_again() -> None:
    answers = [Answer(whole(b"1").raw, closes=True), whole(b"2")]
    async with RawProvider(*answers) as provider, a_transport() as transport:
        async with transport.open(a_request(provider.url)) as reply:
            assert await reply.body(LIMIT) == b"1"
        await asyncio.sleep(0.05)
        async with transport.open(a_request(provider.url)) as reply:
            assert await reply.body(LIMIT) == b"2"


@on_both_loops
async def test_a_connection_that_the_provider_closes_upon_a_request_may_be_tried_again() -> None:
    answers = [whole(b"1"), Answer(b"", closes=True), whole(b"2")]
    async with RawProvider(*answers) as provider, a_transport() as transport:
        async with transport.open(a_request(provider.url)) as reply:
            assert await reply.body(LIMIT) == b"1"
        with pytest.raises(UpstreamFailed, match="closed the connection without") as raised:
            async with transport.open(a_request(provider.url)) as reply:
                await reply.body(LIMIT)
        assert raised.value.retryable
        async with transport.open(a_request(provider.url)) as reply:
            assert await reply.body(LIMIT) == b"2"
        assert len(provider.heads) == 3


@on_both_loops
async def test_many_at_once_that_are_left_at_any_point_leave_nothing() -> None:
    async def work(transport: HttpTransport, upstream: FaultyUpstream, number: int) -> None:
        mode = ("slow", "nofirst", "nofirst_hdr", "stall")[number % 4]
        async with transport.open(a_request(upstream.url, f"{mode}@{number}")) as reply:
            async for _raw in reply.reads():
                pass

    async with at_work() as (transport, upstream):
        tasks = [asyncio.ensure_future(work(transport, upstream, n)) for n in range(100)]
        for number, task in enumerate(tasks):
            asyncio.get_running_loop().call_later(0.003 * number, task.cancel)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(result) for result in results} == {asyncio.CancelledError}
        await soon(lambda: upstream.open == 0)
