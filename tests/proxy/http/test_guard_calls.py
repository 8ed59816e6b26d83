"""Wherever a call is on its way through the gateway, it ends when its client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from pipelines.errors import ConnectFailed
from pipelines.ports import UpstreamReply
from pipelines.routing.routes import Routes
from pipelines.upstream import UpstreamRequest
from tests.builders import a_body, a_deployment, a_stream
from tests.fakes.asgi import Client
from tests.fakes.ports import FakeReply, FakeTransport, Silence, fake_ports
from tests.proxy.http.serving import BEARER, DONE, House, known

pytestmark = pytest.mark.usefixtures("both_ways_to_hear")


class NeverConnects:
    """A transport whose connections stay pending; `trail` tells how they were given up."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.trail: list[str] = []

    @asynccontextmanager
    async def open(self, request: UpstreamRequest) -> AsyncIterator[UpstreamReply]:
        self.asked.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.trail.append("given up")
            raise
        yield FakeReply()


class Sleeper:
    """A clock on which every sleep lasts until it is ended by force."""

    def __init__(self) -> None:
        self.asleep = asyncio.Event()

    def monotonic(self) -> float:
        return 100.0

    def time(self) -> float:
        return 1_793_000_100.0

    async def sleep(self, seconds: float) -> None:
        self.asleep.set()
        await asyncio.sleep(3600)


@pytest.mark.parametrize("streaming_call", [True, False])
async def test_a_client_that_leaves_while_a_connection_is_pending_ends_the_attempt(
    streaming_call: bool,
) -> None:
    transport = NeverConnects()
    ports = replace(fake_ports(routes=Routes([a_deployment()]), keys=known()), transport=transport)
    house = House(ports)
    client = Client(house.gateway, body=a_body(stream=streaming_call), headers=[BEARER])
    client.start()
    await transport.asked.wait()
    client.leave()
    await client.ended()
    assert transport.trail == ["given up"]
    assert not client.sent
    [record] = house.journal.records
    assert (record.outcome, record.status) == ("client_gone", 499)
    assert len(record.attempts) == 1
    assert len(house.live) == 0


async def test_a_client_that_leaves_during_the_sleep_before_a_retry_ends_the_call() -> None:
    clock = Sleeper()
    transport = FakeTransport(ConnectFailed("refused"))
    ports = fake_ports(transport, routes=Routes([a_deployment()]), keys=known())
    house = House(replace(ports, clock=clock))
    client = Client(house.gateway, body=a_body(stream=True), headers=[BEARER])
    client.start()
    await clock.asleep.wait()
    client.leave()
    await client.ended()
    assert len(transport.requests) == 1
    assert not client.sent
    [record] = house.journal.records
    assert record.outcome == "client_gone"
    assert len(house.live) == 0


async def test_the_provider_is_left_when_the_client_leaves() -> None:
    transport = FakeTransport(FakeReply([b'data: {"choices":[]}\n\n', Silence()]))
    house = House(fake_ports(transport, routes=Routes([a_deployment()]), keys=known()))
    client = Client(house.gateway, body=a_body(stream=True), headers=[BEARER])
    client.start()
    await client.until_sent(2)
    assert transport.still_open == 1
    client.leave()
    await client.ended()
    assert transport.still_open == 0
    [record] = house.journal.records
    assert (record.outcome, record.status) == ("client_gone", 499)


async def test_the_record_of_a_reply_that_was_read_to_its_end_says_ok() -> None:
    transport = FakeTransport(FakeReply([a_stream("hi")]))
    house = House(fake_ports(transport, routes=Routes([a_deployment()]), keys=known()))
    await Client(house.gateway, body=a_body(stream=True), headers=[BEARER]).answer()
    [record] = house.journal.records
    assert (record.outcome, record.status) == ("ok", 200)


async def test_a_stop_of_the_gateway_is_recorded_as_such() -> None:
    transport = FakeTransport(FakeReply([b'data: {"choices":[]}\n\n', Silence()]))
    house = House(fake_ports(transport, routes=Routes([a_deployment()]), keys=known()))
    client = Client(house.gateway, body=a_body(stream=True), headers=[BEARER])
    client.start()
    await client.until_sent(2)
    house.live.begin()
    house.live.expire()
    await client.ended()
    assert client.body.endswith(DONE)
    [record] = house.journal.records
    assert (record.outcome, record.status) == ("shutdown", 200)
    assert transport.still_open == 0
