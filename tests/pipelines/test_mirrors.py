"""A copy of a call is a call of its own, and nobody waits for it."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from pipelines.chain import Chain
from pipelines.costs import account
from pipelines.errors import UpstreamFailed
from pipelines.events import Data, End, Flow, Proceed
from pipelines.exchange import Exchange
from pipelines.mirrors import Mirrors
from pipelines.money import Prices
from pipelines.routing.choice import Chooser
from pipelines.routing.filters import View
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Routes
from pipelines.routing.strategies import Means, SimpleShuffle
from pipelines.routing.tries import Rules
from pipelines.stages.log import Log
from pipelines.stages.route import Route
from proxy.stores.ledger.memory import MemoryLedger
from tests.builders import (
    KNOWN_USAGE,
    a_body,
    a_call,
    a_deployment,
    a_head,
    a_principal,
    an_exchange,
    taken,
)
from tests.fakes.ports import FakeClock, FakeJournal, a_budget
from tests.fakes.replies import FakeSpawner

PRICES = Prices(prompt=1_000_000, completion=2_000_000)
COST = 9_000 + 24_000


class Pass:
    """A stage that is only there to be named."""

    needs: frozenset[str] = frozenset()
    gives = frozenset({"principal"})

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = 0

    def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        self.calls += 1
        return proceed()


class Provider:
    """The source: answers every model but `silent` at once; that one as the test says."""

    name = "stream"
    needs = frozenset({"deployment"})
    gives: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.fault: Exception | None = None
        self.asked: list[tuple[str, str]] = []

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        group = exchange.deployment.group
        self.asked.append((group, exchange.call.model))
        if group == "silent":
            await self.gate.wait()
            if self.fault is not None:
                raise self.fault
        yield a_head()
        yield Data(group.encode())
        exchange.usage = KNOWN_USAGE
        account(exchange)
        yield End(KNOWN_USAGE)


class World:
    """A gateway whose model gpt is copied to the model silent."""

    def __init__(self, *, chance: float = 0.0, most: int = 4, waiting: int = 4, **own: Any) -> None:
        self.clock, self.spawner, self.journal = FakeClock(), FakeSpawner(), FakeJournal()
        self.ledger = MemoryLedger(self.clock)
        budget, log = a_budget(self.ledger), Log(self.journal, self.clock)
        self.mirrors = Mirrors(
            self.spawner.spawn, self.clock, lambda: chance, (log, budget), most, waiting
        )
        gpt = a_deployment("gpt", prices=PRICES, mirror="silent", **own)
        silent = a_deployment("silent", "silent", prices=PRICES, mirror="silent")
        self.provider, self.cache = Provider(), Pass("cache")
        chooser = Chooser(View(), SimpleShuffle(Means(View().traffic, Random(1))), self.clock)
        rules = Rules(Routes([gpt, silent]), RoutePolicy(num_retries=0), Random(1))
        route = Route(rules, chooser, self.spawner, self.mirrors)
        self.chain = Chain([Pass("auth"), budget, self.cache, route, self.provider, log])

    async def call(self, **fields: Any) -> bytes:
        exchange = an_exchange(a_call(a_body(**fields)), a_principal())
        async with self.chain.run(exchange) as flow:
            events = await taken(flow)
        return b"".join(event.raw for event in events if type(event) is Data)

    async def account(self, name: str) -> int:
        return (await self.ledger.balances([name]))[name].spent

    @property
    def told(self) -> list[tuple[str, str | None, str]]:
        return [(one.id, one.key, one.mirror_of) for one in self.journal.records]


async def test_a_call_is_copied_to_the_other_model_and_its_answer_dropped() -> None:
    world = World()
    assert await world.call() == b"gpt"
    await world.spawner.settled()
    assert world.provider.asked == [("gpt", "gpt"), ("silent", "silent")]


async def test_a_copy_is_never_copied() -> None:
    world = World()
    await world.call(model="silent")
    await world.spawner.settled()
    assert len(world.provider.asked) == 2


async def test_a_copy_does_not_meet_the_cache() -> None:
    world = World()
    await world.call()
    await world.spawner.settled()
    assert world.cache.calls == 1


async def test_nobody_waits_for_a_copy() -> None:
    world = World()
    world.provider.gate.clear()
    assert await world.call() == b"gpt"
    assert not all(task.done() for task in world.spawner.tasks)
    world.provider.gate.set()
    await world.spawner.settled()


async def test_a_copy_is_booked_on_an_account_of_its_own() -> None:
    world = World()
    await world.call()
    await world.spawner.settled()
    assert await world.account("mirror") == COST
    records = {one.id: one for one in world.journal.records}
    assert records["call-1"].cost == COST
    assert records["call-1-mirror"].cost == COST


async def test_the_record_of_a_copy_names_its_call() -> None:
    world = World()
    await world.call()
    await world.spawner.settled()
    assert sorted(world.told) == [
        ("call-1", "tester", ""),
        ("call-1-mirror", "mirror", "call-1"),
    ]


async def test_a_copy_that_fails_is_told_in_its_record_alone() -> None:
    world = World()
    world.provider.fault = UpstreamFailed("silent died")
    assert await world.call() == b"gpt"
    await world.spawner.settled()
    (copy,) = [one for one in world.journal.records if one.mirror_of]
    assert (copy.outcome, copy.error) == ("failed", "silent died")
    assert all(task.exception() is None for task in world.spawner.tasks)


async def test_only_a_share_is_copied() -> None:
    for chance, copies in ((0.29, 1), (0.3, 0), (0.9, 0)):
        world = World(chance=chance, mirror_share=0.3)
        await world.call()
        await world.spawner.settled()
        assert len(world.provider.asked) == 1 + copies


async def test_copies_beyond_what_may_run_wait_and_beyond_that_are_dropped() -> None:
    world = World(most=1, waiting=1)
    world.provider.gate.clear()
    for _ in range(4):
        await world.call()
    await asyncio.sleep(0)
    assert world.mirrors.dropped == 2
    assert [group for group, _ in world.provider.asked].count("silent") == 1
    world.provider.gate.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert [group for group, _ in world.provider.asked].count("silent") == 2
    await world.spawner.settled()


async def test_a_call_that_goes_on_from_the_clients_own_turns_is_not_copied() -> None:
    world = World()
    await world.call(previous_response_id="resp_1")
    await world.spawner.settled()
    assert len(world.provider.asked) == 1
