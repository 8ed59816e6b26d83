"""What may go wrong is looked at every few seconds, behind the calls' backs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.allowance import Allowance, Budget
from pipelines.errors import LedgerUnavailable
from pipelines.exchange import Principal
from pipelines.routing.health import Health, Rest
from proxy.alerts.calls import Calls
from proxy.alerts.money import NANO
from proxy.alerts.stores import Waiting
from proxy.alerts.watching import EVERY, MONEY_EVERY, Seen, Watching
from proxy.config.alerting import TOLD, AlertSettings
from proxy.stores.entities.kinds import EndUser, Key, Tag
from proxy.stores.ledger.memory import MemoryLedger
from tests.builders import a_deployment
from tests.fakes.entities import FakeEntities
from tests.fakes.ports import FakeClock
from tests.proxy.alerts.builders import Heard, a_record


class Ledger(MemoryLedger):
    """A ledger that can be away."""

    away = False

    async def balances(self, names: Any) -> Any:
        if self.away:
            raise LedgerUnavailable("away")
        return await super().balances(names)


@dataclass
class World:
    """A gateway without a server, and what was told of it."""

    kinds: frozenset[str] = TOLD
    entities: FakeEntities | None = None
    shared: tuple[Allowance, ...] = ()
    up: bool = True
    waiting: Waiting = field(default_factory=lambda: Waiting(0, 0, 1_000_000, 0.0, 0))
    clock: FakeClock = field(default_factory=FakeClock)
    calls: Calls = field(default_factory=lambda: Calls(300.0))
    health: Health = field(default_factory=Health)
    callers: dict[str, Principal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.clock)
        self.heard = Heard(self.clock, self.kinds)
        seen = Seen(
            calls=self.calls,
            health=self.health,
            deployments=lambda: [a_deployment("d1")],
            ledger=self.ledger,
            holder=self.holder,
            shared=self.shared,
            entities=self.entities,
            stores={"the database": self.answers},
            waiting=lambda: self.waiting,
        )
        self.watching = Watching(seen, self.heard, AlertSettings(), self.clock)

    async def holder(self, digest: str) -> Principal | None:
        return self.callers.get(digest)

    async def answers(self) -> bool:
        return self.up

    async def look(self, seconds: float = MONEY_EVERY) -> list[str]:
        """What is told at the next look."""
        self.clock.now += seconds
        self.heard.told.clear()
        await self.watching.once()
        return self.heard.events


def a_caller(limit: int = 10) -> Principal:
    return Principal(
        "ci", digest="d", allowances=(Allowance("key:1", "Key=ci", (Budget(limit * NANO),)),)
    )


async def test_nothing_is_told_while_all_is_well() -> None:
    world = World()
    world.calls.put(a_record(key_digest="d"))
    assert await world.look() == []


async def test_the_budgets_of_those_who_called_are_looked_at_and_told_once() -> None:
    world = World(callers={"d": a_caller()})
    world.ledger.load("key:1", 9 * NANO)
    assert await world.look() == []
    world.calls.put(a_record(key_digest="d"))
    assert await world.look() == ["threshold_crossed"]
    world.ledger.load("key:1", 11 * NANO)
    world.calls.put(a_record(key_digest="d"))
    assert await world.look() == ["budget_crossed"]
    world.calls.put(a_record(key_digest="d"))
    assert await world.look() == []


async def test_the_budgets_of_customers_and_tags_are_looked_at_too() -> None:
    entities = FakeEntities(
        EndUser(id="eve", max_budget=NANO), Tag(id="prod", max_budget=NANO), EndUser(id="bob")
    )
    world = World(entities=entities)
    for name in ("end_user:eve", "tag:prod", "end_user:bob"):
        world.ledger.load(name, 2 * NANO)
    for who in ("eve", "bob"):
        world.calls.put(a_record(end_user=who, tags=("prod", "other")))
    assert await world.look() == ["budget_crossed"] * 2
    assert {one.group for one in world.heard.told} == {"customer", "tag"}


async def test_the_gateways_own_budget_is_looked_at_without_a_call() -> None:
    world = World(shared=(Allowance("global", "Everybody", (Budget(NANO),)),))
    world.ledger.load("global", NANO)
    assert await world.look() == ["budget_crossed"]


async def test_a_ledger_that_is_away_is_asked_again() -> None:
    world = World(callers={"d": a_caller()})
    world.ledger.load("key:1", 10 * NANO)
    world.calls.put(a_record(key_digest="d"))
    world.ledger.away = True
    assert await world.look() == []
    world.ledger.away = False
    assert await world.look() == ["budget_crossed"]


async def test_an_outage_a_store_a_backlog_and_a_slow_call_are_told() -> None:
    world = World()
    now = world.clock.time()
    world.health.rested("d1", Rest(now + 900, "it fails", 900.0))
    world.up = False
    world.waiting = Waiting(7, 0, 1_000_000, 400.0, 0)
    world.calls.put(a_record(duration=301.0))
    told = await world.look()
    assert told == ["llm_too_slow", "cooldown_deployment", "model_outage", "spool_growing"]
    assert await world.look() == ["store_away"]
    assert await world.look(60.0) == ["outage"]


async def test_keys_are_looked_at_every_quarter_of_an_hour() -> None:
    world = World(entities=FakeEntities())
    assert await world.look() == []
    soon = datetime.fromtimestamp(world.clock.time(), UTC) + timedelta(days=3)
    assert world.entities is not None
    world.entities.rows["key", "k"] = Key(id="k", digest="d", expires=soon)
    assert await world.look() == []
    assert await world.look(900.0) == ["key_expiring"]


async def test_what_nobody_wants_to_know_is_not_looked_for() -> None:
    entities = FakeEntities(Key(id="k", digest="d", expires=datetime(2026, 10, 27, tzinfo=UTC)))
    world = World(kinds=frozenset({"llm_too_slow"}), entities=entities, callers={"d": a_caller(0)})
    world.calls.put(a_record(key_digest="d"))
    assert await world.look(900.0) == []


class Ending(FakeClock):
    """Its third sleep is the last."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if len(self.sleeps) > 2:
            raise asyncio.CancelledError


async def test_it_looks_again_and_again_until_it_is_cancelled() -> None:
    world = World(clock=Ending())
    world.up = False
    with pytest.raises(asyncio.CancelledError):
        await world.watching.run()
    assert world.heard.events == ["store_away"]
    assert world.clock.sleeps == [EVERY] * 3
