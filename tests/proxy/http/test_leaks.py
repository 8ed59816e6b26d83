"""Thousands of calls, one in ten of them left at a random point, leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from random import Random
from types import AsyncGeneratorType, CoroutineType

import pytest

from pipelines.errors import ConnectFailed, Overloaded, StreamBroken
from pipelines.ports import UpstreamReply
from pipelines.routing.health import Health
from pipelines.routing.policy import Cooldowns
from pipelines.routing.routes import Routes
from pipelines.upstream import UpstreamRequest
from tests.builders import (
    a_body,
    a_chunk,
    a_completion,
    a_deployment,
    a_head,
    a_stream,
    an_exchange,
    flow_of,
    sse,
)
from tests.fakes.asgi import Client
from tests.fakes.ports import JSON, FakeReply, a_budget, fake_ports
from tests.proxy.http.serving import BEARER, House, known

CALLS = 2_000
AT_ONCE = 50
LEFT_IN_TEN = 1
SLOWEST = 40


class Turns(FakeReply):
    """A reply that takes a turn of the loop before each of its pieces."""

    async def reads(self) -> AsyncIterator[bytes]:
        async for piece in super().reads():
            await asyncio.sleep(0)
            yield piece


class Weather:
    """A transport that answers well, badly or not at all, as chance has it."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.open_now = 0

    @asynccontextmanager
    async def open(self, request: UpstreamRequest) -> AsyncIterator[UpstreamReply]:
        await self._turns()
        if self._chance.random() < 0.1:
            raise ConnectFailed("acme could not be reached.")
        if self._chance.random() < 0.05:
            raise Overloaded("acme is busy.", 429, 0.0)
        self.open_now += 1
        try:
            yield self._reply(request.streaming)
        finally:
            self.open_now -= 1
            await self._turns()

    def _reply(self, streaming: bool) -> FakeReply:
        if not streaming:
            return Turns([a_completion()], headers=[JSON])
        if self._chance.random() < 0.1:
            return Turns([sse(a_chunk("a")), StreamBroken("acme broke off.")])
        return Turns([sse(a_chunk(word)) for word in "abcde"] + [a_stream("f")])

    async def _turns(self) -> None:
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)


async def _call(house: House, chance: Random, cancelled: Counter[str]) -> None:
    stream = chance.random() < 0.7
    client = Client(house.gateway, body=a_body(stream=stream), headers=[BEARER])
    task = client.start()
    if chance.randrange(10) < LEFT_IN_TEN:
        for _ in range(chance.randrange(SLOWEST)):
            await asyncio.sleep(0)
        if chance.random() < 0.3:
            client.hold(after=chance.randrange(4))
            await asyncio.sleep(0)
        if chance.random() < 0.2:
            cancelled["by force"] += 1
            task.cancel()
        else:
            cancelled["by leaving"] += 1
            client.leave()
    with suppress(asyncio.CancelledError):
        await client.ended()
    cancelled["within the call"] += task.cancelled() or not client.complete
    # A whole reply is one thing, of which its head may be sent before the client leaves.
    assert not (client.late and stream)


def _left_open() -> list[str]:
    """Every generator and coroutine of ours that was begun and not ended."""
    gc.collect()
    found = []
    for thing in gc.get_objects():
        if isinstance(thing, AsyncGeneratorType) and thing.ag_frame is not None:
            code = thing.ag_code
        elif isinstance(thing, CoroutineType) and thing.cr_frame is not None:
            code = thing.cr_code
        else:
            continue
        if "/pipelines/" in code.co_filename or "/proxy/" in code.co_filename:
            found.append(code.co_qualname)
    return [name for name in found if not name.startswith("test_")]


async def test_what_is_left_open_is_found() -> None:
    flow = a_budget()(an_exchange(), flow_of(a_head()))
    await anext(flow)
    assert _left_open() == ["Budget.__call__"]
    await flow.aclose()
    assert _left_open() == []


@pytest.mark.usefixtures("both_ways_to_hear")
async def test_nothing_is_left_of_thousands_of_calls() -> None:
    # Who waits for whom is what counts here, and not how the loop watches over it.
    asyncio.get_running_loop().set_debug(False)
    chance = Random(1)
    weather = Weather(chance)
    routes = Routes([a_deployment("d1"), a_deployment("d2")])
    # Who rests is asked nothing, and what is asked nothing cannot leak.
    health = Health(Cooldowns(disabled=True))
    ports = fake_ports(routes=routes, keys=known())
    house = House(replace(ports, transport=weather, health=health))
    cancelled: Counter[str] = Counter()
    places = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with places:
            await _call(house, chance, cancelled)

    async with asyncio.TaskGroup() as group:
        for _ in range(CALLS):
            group.create_task(one())
    await house.background.close()

    assert cancelled["by leaving"] > 50
    assert cancelled["by force"] > 10
    assert cancelled["within the call"] > 50
    assert len(house.live) == 0
    assert house.background.running == 0
    assert weather.open_now == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert _left_open() == []
    outcomes = Counter(record.outcome for record in house.journal.records)
    assert set(outcomes) <= {"ok", "failed", "broken", "client_gone", "shutdown"}
    assert sum(outcomes.values()) <= CALLS
    assert CALLS - sum(outcomes.values()) < 50  # some left before their body was read
