"""A call ends when its client leaves or the gateway stops, wherever it is, and in good order."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from pipelines.errors import StreamBroken
from pipelines.events import Data, Flow
from pipelines.exchange import Exchange
from tests.builders import a_head
from tests.fakes.asgi import Client
from tests.proxy.http.serving import ONE, THE_END, Calls, Source, Stalling, Watcher

pytestmark = pytest.mark.usefixtures("both_ways_to_hear")


@pytest.mark.parametrize("before", range(4))
async def test_a_client_that_leaves_ends_its_call_wherever_it_waits(before: int) -> None:
    stalling = Stalling(before)
    calls = Calls(stalling.source())
    client = Client(calls)
    client.start()
    await stalling.at.wait()
    client.leave()
    await client.ended()
    assert stalling.left_by == ["CancelledError"]
    assert calls.exchanges[0].client_gone
    assert len(client.sent) == before
    assert not client.late
    await calls.at_rest()


async def test_a_client_that_leaves_while_it_does_not_read_ends_its_call() -> None:
    trail: list[str] = []

    async def script(_: Exchange) -> Flow:
        try:
            yield a_head()
            while True:
                yield Data(ONE)
        except GeneratorExit:
            trail.append("closed")
            raise

    calls = Calls(Source(script))
    client = Client(calls)
    client.start()
    await client.until_sent(4)
    client.hold()
    await client.until(lambda it: it.waiting)
    count = len(client.sent)
    client.leave()
    await client.ended()
    assert trail == ["closed"]
    assert calls.exchanges[0].client_gone
    assert len(client.sent) == count
    assert not client.late


async def test_a_client_that_left_before_the_call_began_ends_it() -> None:
    stalling = Stalling(0)
    calls = Calls(stalling.source())
    client = Client(calls)
    client.leave()
    await client.answer()
    assert calls.exchanges[0].client_gone
    assert not client.sent
    assert not client.late


async def test_the_chain_is_closed_in_order_in_the_task_of_the_request() -> None:
    trail: list[str] = []
    tasks: list[object] = []
    stalled = asyncio.Event()

    async def script(_: Exchange) -> Flow:
        try:
            yield a_head()
            stalled.set()
            await asyncio.sleep(3600)
        finally:
            # As a connection does, this takes turns of the loop to close.
            await asyncio.sleep(0.01)
            trail.append("stream")
            tasks.append(asyncio.current_task())

    calls = Calls(Watcher("a", trail), Watcher("b", trail), Source(script), Watcher("log", trail))
    client = Client(calls)
    task = client.start()
    await stalled.wait()
    client.leave()
    await client.ended()
    assert trail == ["stream", "b", "a", "log"]
    assert tasks == [task]
    await calls.at_rest()


async def test_the_chain_is_closed_in_order_when_the_client_leaves_in_a_send() -> None:
    trail: list[str] = []

    async def script(_: Exchange) -> Flow:
        try:
            yield a_head()
            yield Data(ONE)
        finally:
            await asyncio.sleep(0.01)
            trail.append("stream")

    calls = Calls(Watcher("a", trail), Source(script), Watcher("log", trail))
    client = Client(calls)
    client.hold()
    client.start()
    await client.until(lambda it: it.waiting)
    client.leave()
    await client.ended()
    assert trail == ["stream", "a", "log"]
    await calls.at_rest()


@pytest.mark.parametrize("swallowed_at", [0, 1, 2])
async def test_a_stage_that_swallows_the_cancel_does_not_keep_the_call_alive(
    swallowed_at: int,
) -> None:
    stalled = asyncio.Event()
    given: list[int] = []

    async def script(_: Exchange) -> Flow:
        for number in range(100):
            if number == swallowed_at:
                stalled.set()
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(3600)
            given.append(number)
            yield Data(ONE) if number else a_head()
        yield THE_END

    calls = Calls(Source(script))
    client = Client(calls)
    client.start()
    await stalled.wait()
    client.leave()
    await client.ended()
    assert given == list(range(swallowed_at + 1))
    assert not client.late
    await calls.at_rest()


async def test_a_stage_that_makes_an_error_of_the_cancel_does_not_reach_the_client() -> None:
    stalled = asyncio.Event()

    async def script(_: Exchange) -> Flow:
        yield a_head()
        stalled.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise StreamBroken("cut") from None

    calls = Calls(Source(script))
    client = Client(calls)
    client.start()
    await stalled.wait()
    client.leave()
    await client.ended()
    assert len(client.sent) == 1
    assert not client.late
    await calls.at_rest()


async def test_a_cancel_of_somebody_else_passes_through() -> None:
    stalling = Stalling(1)
    calls = Calls(stalling.source())
    client = Client(calls)
    task = client.start()
    await stalling.at.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client.ended()
    assert task.cancelled()
    assert stalling.left_by == ["CancelledError"]
    assert not calls.exchanges[0].client_gone
    assert len(client.sent) == 1
    await calls.background.close()


async def test_a_cancel_of_somebody_else_passes_through_though_the_client_leaves_too() -> None:
    stalling = Stalling(1)
    calls = Calls(stalling.source())
    client = Client(calls)
    task = client.start()
    await stalling.at.wait()
    client.leave()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client.ended()
    assert task.cancelled()


async def test_a_timeout_of_somebody_else_is_still_his() -> None:
    stalling = Stalling(1)
    calls = Calls(stalling.source())
    client = Client(calls)

    async def app() -> None:
        async with asyncio.timeout(0.02):
            await calls(client.scope, client.receive, client.send)

    with pytest.raises(TimeoutError):
        await app()
    await calls.background.close()
