"""Every ledger does what a plain model does, whatever happens in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.ledger import (
    Account,
    Balance,
    Granted,
    Hold,
    Rate,
    Refused,
    Settlement,
    Slot,
)
from tests.conformance.ledgers import unique
from tests.conformance.worlds import WORLDS, World, address

NAMES = ("key", "team", "global")
WIDTH = 3600
RATE_LIMIT, SLOTS = 60, 3
QUICK = frozenset({"memory", "embedded", "sqlite"})

amounts = st.integers(0, 60)
limits = st.one_of(st.none(), st.integers(0, 150))
places = st.integers(0, 30)
holds = st.tuples(
    st.just("reserve"),
    amounts,
    st.lists(st.tuples(st.sampled_from(NAMES), limits), max_size=3, unique_by=lambda one: one[0]),
    st.one_of(st.none(), st.integers(1, 25)),
    st.booleans(),
)
steps = st.lists(
    st.one_of(
        holds,
        holds,
        st.tuples(st.just("again"), places),
        st.tuples(st.just("extend"), places, amounts),
        st.tuples(st.just("settle"), places, amounts, st.integers(0, 40)),
        st.tuples(st.just("settle"), places, amounts, st.integers(0, 40)),
        st.tuples(st.just("unheld"), amounts),
        st.tuples(st.just("set"), st.sampled_from(NAMES), amounts),
        st.tuples(st.just("tend")),
        st.tuples(st.just("crash")),
    ),
    max_size=25,
)


@dataclass
class Model:
    """What should be: plain sums, and no thought of speed."""

    spent: dict[str, int] = field(default_factory=dict)
    standing: dict[str, int] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    orphaned: dict[str, int] = field(default_factory=dict)
    known: dict[str, Hold] = field(default_factory=dict)
    rate: int = 0
    running: set[str] = field(default_factory=set)

    def held(self, name: str) -> int:
        return sum(
            amount
            for id, amount in self.standing.items()
            if name in {one.name for one in self.known[id].accounts}
        )

    def balance(self, name: str) -> Balance:
        return Balance(self.spent.get(name, 0), self.held(name))

    def over(self, hold: Hold, amount: int) -> Refused | None:
        for index, account in enumerate(hold.accounts):
            found = self.balance(account.name)
            used = found.spent + found.held
            if account.limit is None:
                continue
            if used + amount > account.limit or used >= account.limit:
                left = max(0, account.limit - used)
                return Refused("account", index, left, used, held=found.held)
        return None

    def reserve(self, hold: Hold) -> Granted | Refused:
        if hold.id not in self.known:
            refused = self.over(hold, hold.amount) or self._busy(hold)
            if refused is not None:
                return refused
            self.known[hold.id] = hold
            self.standing[hold.id] = hold.amount
            self.rate += sum(one.cost for one in hold.rates)
            self.running |= {hold.id for _ in hold.slots}
        return Granted(tuple(max(0, RATE_LIMIT - self.rate) for _ in hold.rates))

    def _busy(self, hold: Hold) -> Refused | None:
        for rate in hold.rates:
            if self.rate + rate.cost > rate.limit:
                return Refused("rate", 0, max(0, rate.limit - self.rate), self.rate)
        if hold.slots and len(self.running) >= SLOTS:
            return Refused("slot", 0, 0, len(self.running))
        return None

    def extend(self, hold: Hold, amount: int) -> Granted | Refused:
        if hold.id not in self.standing:
            return Refused("account", 0, 0)
        refused = self.over(hold, amount)
        if refused is None:
            self.standing[hold.id] += amount
        return refused or Granted()

    def settle(self, settlement: Settlement) -> None:
        hold, cost = settlement.hold, settlement.cost
        if hold.id in self.settled:
            return
        self.known[hold.id] = hold
        before = self.orphaned.pop(hold.id, 0)
        if self.standing.pop(hold.id, None) is not None:
            for rate, used in zip(hold.rates, settlement.used, strict=False):
                self.rate += used - rate.cost
        self.running.discard(hold.id)
        self.settled[hold.id] = cost
        for account in hold.accounts:
            self.spent[account.name] = self.spent.get(account.name, 0) + cost - before

    def crash(self, shared: bool) -> None:
        for id, amount in self.standing.items():
            for account in self.known[id].accounts:
                self.spent[account.name] = self.spent.get(account.name, 0) + amount
            self.orphaned[id] = amount
        self.standing, self.running = {}, set()
        if not shared:
            self.settled |= self.orphaned
            self.orphaned, self.rate = {}, 0


class Run:
    """Does each step twice: in the world, and in the model."""

    def __init__(self, world: World, crashes: bool) -> None:
        self._world = world
        self._crashes = crashes
        self._mine = unique()
        self._model = Model()
        self._holds: list[Hold] = []
        self._lives = 0
        self._rate = Rate(f"rpm:{self._mine}", RATE_LIMIT, 1, WIDTH)

    def _name(self, name: str) -> str:
        return f"{name}:{self._mine}"

    async def reserve(
        self, amount: int, accounts: Sequence[tuple[str, int | None]], cost: int | None, slot: bool
    ) -> None:
        hold = Hold(
            unique(),
            amount,
            tuple(Account(self._name(name), limit) for name, limit in accounts),
            () if cost is None else (replace(self._rate, cost=cost),),
            (Slot(f"parallel:{self._mine}", SLOTS),) if slot else (),
        )
        await self._reserved(hold)
        if hold.id in self._model.known:
            self._holds.append(hold)

    async def again(self, place: int) -> None:
        for hold in self._some(place):
            await self._reserved(hold)

    async def extend(self, place: int, amount: int) -> None:
        for hold in self._some(place):
            answer = await self._world.ledger.extend(hold, amount)
            assert answer == self._model.extend(hold, amount)

    async def settle(self, place: int, cost: int, used: int) -> None:
        for hold in self._some(place):
            await self._settled(Settlement(hold, cost, (used,) if used else ()))

    async def unheld(self, cost: int) -> None:
        await self._settled(Settlement(Hold(unique(), 0, (Account(self._name("key")),)), cost))

    async def set(self, name: str, spent: int) -> None:
        await self._world.ledger.set_spent(self._name(name), spent)
        self._model.spent[self._name(name)] = spent

    async def tend(self) -> None:
        await self._world.ledger.tend()

    async def crash(self) -> None:
        if self._crashes:
            await self._world.crash()
            self._model.crash(self._world.shared)
            if not self._world.shared:
                # Whoever held them is gone for good.
                self._holds.clear()

    async def compare(self) -> None:
        ledger, names = self._world.ledger, [self._name(name) for name in NAMES]
        assert await ledger.balances(names) == {one: self._model.balance(one) for one in names}
        assert await ledger.used([self._rate]) == (self._model.rate,)
        for name in names:
            assert await ledger.total(name) == self._model.spent.get(name, 0)

    def _some(self, place: int) -> list[Hold]:
        return [self._holds[place % len(self._holds)]] if self._holds else []

    async def _reserved(self, hold: Hold) -> None:
        answer = await self._world.ledger.reserve(hold)
        if isinstance(answer, Refused):
            answer = replace(answer, retry_after=None)
        assert answer == self._model.reserve(hold)

    async def _settled(self, settlement: Settlement) -> None:
        self._world.ledger.settle(settlement)
        self._model.settle(settlement)
        await self._world.ledger.flush()


async def follow(name: str, todo: Sequence[tuple[object, ...]]) -> None:
    """Do the steps, and compare at the end."""
    async with WORLDS[name]() as world:
        run = Run(world, name != "memory")
        for kind, *rest in todo:
            step: Callable[..., object] = getattr(run, str(kind))
            await step(*rest)  # type: ignore[misc]
        await run.compare()


@pytest.mark.parametrize("name", sorted(QUICK))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(todo=steps)
def test_an_embedded_ledger_does_what_the_model_does(
    name: str, todo: Sequence[tuple[object, ...]]
) -> None:
    asyncio.run(follow(name, todo))


@pytest.mark.parametrize("name", sorted(WORLDS.keys() - QUICK))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(todo=steps)
def test_a_shared_ledger_does_what_the_model_does(
    name: str, todo: Sequence[tuple[object, ...]]
) -> None:
    address()
    asyncio.run(follow(name, todo))
