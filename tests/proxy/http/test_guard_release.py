"""The gateway may stop a call until its last piece, and nobody can stop it after that."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from pipelines.errors import ConnectFailed, ShuttingDown
from pipelines.events import Data, Flow, Media
from pipelines.exchange import Exchange
from proxy.background import Background
from proxy.http.guard import ClientGuard
from tests.builders import a_head, an_exchange
from tests.fakes.asgi import Client
from tests.proxy.http.serving import (
    DONE,
    ONE,
    THE_END,
    Calls,
    Source,
    Stalling,
    Watcher,
    playing,
    streaming,
)

pytestmark = pytest.mark.usefixtures("both_ways_to_hear")


@pytest.mark.parametrize(
    ("before", "media"), [(0, Media.SSE), (0, Media.JSON), (1, Media.JSON), (3, Media.JSON)]
)
async def test_shutdown_before_the_first_byte_is_a_503(before: int, media: Media) -> None:
    stalling = Stalling(before, media)
    calls = Calls(stalling.source())
    client = Client(calls)
    client.start()
    await stalling.at.wait()
    calls.guards[0].shut_down()
    await client.ended()
    assert client.status == 503
    assert client.json["error"]["code"] == "server_shutdown"
    assert client.complete
    assert stalling.left_by == ["CancelledError"]
    assert not calls.exchanges[0].client_gone
    await calls.at_rest()


async def test_shutdown_in_a_stream_is_an_error_event_and_a_clean_end() -> None:
    stalling = Stalling(2)
    calls = Calls(stalling.source())
    client = Client(calls)
    client.start()
    await stalling.at.wait()
    calls.guards[0].shut_down()
    await client.ended()
    assert client.status == 200
    assert client.body.startswith(ONE)
    assert b'"server_shutdown"' in client.body
    assert client.body.endswith(DONE)
    assert client.complete
    await calls.at_rest()


async def test_a_binary_body_is_cut_by_the_server_at_shutdown() -> None:
    stalling = Stalling(2, Media.BINARY)
    calls = Calls(stalling.source())
    client = Client(calls)
    client.start()
    await stalling.at.wait()
    calls.guards[0].shut_down()
    with pytest.raises(ShuttingDown):
        await client.ended()
    assert client.pieces == [ONE]


async def test_shutdown_is_told_to_a_slow_reader_when_he_reads_on() -> None:
    calls = Calls(streaming(*[ONE] * 50))
    client = Client(calls)
    client.start()
    await client.until_sent(3)
    client.hold()
    await client.until(lambda it: it.waiting)
    calls.guards[0].shut_down()
    await client.until(lambda it: b"server_shutdown" in it.body)
    client.go_on()
    await client.ended()
    assert client.complete


async def test_shutdown_twice_is_shutdown_once() -> None:
    stalling = Stalling(2)
    calls = Calls(stalling.source())
    client = Client(calls)
    client.start()
    await stalling.at.wait()
    calls.guards[0].shut_down()
    calls.guards[0].shut_down()
    await client.ended()
    assert client.body.count(b"server_shutdown") == 2  # its type and its code, in one event
    await calls.at_rest()


async def test_a_stage_that_swallows_the_shutdown_is_stopped_at_its_next_event() -> None:
    stalled = asyncio.Event()

    async def script(_: Exchange) -> Flow:
        yield a_head()
        stalled.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        yield Data(ONE)
        yield THE_END

    calls = Calls(Source(script))
    client = Client(calls)
    client.start()
    await stalled.wait()
    calls.guards[0].shut_down()
    await client.ended()
    assert b"server_shutdown" in client.body
    assert client.complete
    await calls.at_rest()


async def test_a_client_that_leaves_during_the_shutdown_is_told_nothing_more() -> None:
    stalling = Stalling(2)
    calls = Calls(stalling.source())
    client = Client(calls)
    client.start()
    await stalling.at.wait()
    client.leave()
    calls.guards[0].shut_down()
    await client.ended()
    assert len(client.sent) == 2
    await calls.at_rest()


async def test_a_late_disconnect_does_nothing() -> None:
    release = asyncio.Event()
    trail: list[str] = []

    async def script(_: Exchange) -> Flow:
        yield a_head()
        yield Data(ONE)
        yield THE_END
        # The client got its last piece, and what follows here is our own business.
        release.set()
        for _number in range(5):
            await asyncio.sleep(0)
        trail.append("in peace")

    calls = Calls(Source(script))
    client = Client(calls)
    client.start()
    await asyncio.wait_for(release.wait(), 5.0)
    client.leave()
    await client.ended()
    assert trail == ["in peace"]
    assert not calls.exchanges[0].client_gone
    await calls.at_rest()


@pytest.mark.parametrize("media", [Media.SSE, Media.JSON])
async def test_the_disconnect_that_follows_every_reply_is_no_leaving(media: Media) -> None:
    trail: list[str] = []
    calls = Calls(playing(a_head(media), Data(ONE), THE_END), Watcher("log", trail))
    await Client(calls).answer()
    assert not calls.exchanges[0].client_gone
    assert trail == ["log"]
    await calls.at_rest()


async def test_a_shutdown_after_the_last_piece_does_nothing() -> None:
    calls = Calls(streaming(ONE))
    client = Client(calls)
    client.hold(after=3)
    client.start()
    await client.until(lambda it: it.complete and it.waiting)
    calls.guards[0].shut_down()
    client.go_on()
    await client.ended()
    assert client.pieces == [ONE, b""]
    assert not calls.guards[0].shutting_down
    await calls.at_rest()


async def test_a_reply_that_never_waits_leaves_no_task() -> None:
    calls = Calls(playing(ConnectFailed("refused")))
    client = Client(calls)
    client.lingers = False
    await client.answer()
    await calls.at_rest()


async def test_the_guard_reads_on_what_is_left_of_a_body() -> None:
    inbox = [{"type": "http.request", "body": b"x", "more_body": True}] * 3

    async def receive() -> dict[str, object]:
        return inbox.pop() if inbox else {"type": "http.disconnect"}

    exchange = an_exchange()
    async with ClientGuard(exchange, receive, Background()):
        await asyncio.sleep(3600)
    assert exchange.client_gone
    assert not inbox
