"""A thing is read once at a time, again when it may have changed, and lives through an outage."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.errors import StoreUnavailable
from proxy.background import Background
from proxy.stores.keys import lookups
from proxy.stores.keys.lookups import AGAIN_AFTER, LONGEST, Answer, Lookups
from tests.fakes.ports import FakeClock

SOURCE = ("key", "k")


class World:
    """A store of one answer, and lookups in front of it."""

    def __init__(self, grace: float = 60.0) -> None:
        self.value: str | None = "one"
        self.reads = 0
        self.away = False
        self.gate: asyncio.Event | None = None
        self.clock = FakeClock()
        self.background = Background()
        self.lookups: Lookups[str] = Lookups(10, grace, self.clock, self.background)

    async def load(self) -> Answer[str] | None:
        self.reads += 1
        value = self.value
        if self.gate is not None:
            await self.gate.wait()
        if self.away:
            raise StoreUnavailable("away")
        return None if value is None else Answer(value, frozenset({SOURCE}))

    async def ask(self) -> str | None:
        found = await self.lookups.find("name", self.load)
        return None if found is None else found.value


async def test_what_was_read_is_not_read_again() -> None:
    world = World()
    assert [await world.ask() for _ in range(3)] == ["one"] * 3
    assert world.reads == 1
    assert list(world.lookups) == ["one"]


async def test_many_who_ask_at_once_cause_one_read() -> None:
    world = World()
    world.gate = asyncio.Event()
    asking = asyncio.gather(*(world.ask() for _ in range(50)))
    await asyncio.sleep(0.01)
    world.gate.set()
    assert await asking == ["one"] * 50
    assert world.reads == 1


async def test_whoever_asked_first_may_leave() -> None:
    world = World()
    world.gate = asyncio.Event()
    first = world.background.spawn(_nothing(world), "first")
    await asyncio.sleep(0)
    second = asyncio.gather(world.ask())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    world.gate.set()
    assert (await second)[0] == "one"
    assert world.reads == 1


async def _nothing(world: World) -> None:
    await world.ask()


async def test_a_change_is_seen_at_once() -> None:
    world = World()
    await world.ask()
    world.value = "two"
    assert await world.ask() == "one"
    world.lookups.changed(("user", "other"))
    assert await world.ask() == "one"
    world.lookups.changed(SOURCE)
    assert await world.ask() == "two"


async def test_a_change_during_the_read_makes_it_read_again() -> None:
    world = World()
    world.gate = asyncio.Event()
    asking = asyncio.gather(world.ask())
    await asyncio.sleep(0.01)
    world.value = "two"
    world.lookups.changed(SOURCE)
    world.gate.set()
    assert (await asking)[0] == "two"
    assert await world.ask() == "two"
    assert world.reads == 2


async def test_what_is_gone_is_forgotten() -> None:
    world = World()
    await world.ask()
    world.value = None
    world.lookups.missed()
    assert await world.ask() is None


async def test_missed_changes_make_everything_be_read_again() -> None:
    world = World()
    await world.ask()
    world.value = "two"
    world.lookups.missed()
    assert await world.ask() == "two"


async def test_nothing_is_believed_for_ever() -> None:
    world = World()
    await world.ask()
    world.value = "two"
    world.clock.now += LONGEST
    assert await world.ask() == "two"


async def test_without_the_store_the_known_go_on_until_the_grace_is_over() -> None:
    world = World(grace=60)
    await world.ask()
    world.away = True
    world.lookups.missed()
    assert await world.ask() == "one"
    world.clock.now += 59
    world.lookups.missed()
    assert await world.ask() == "one"
    world.clock.now += 2
    with pytest.raises(StoreUnavailable):
        await world.ask()
    world.away = False
    world.clock.now += AGAIN_AFTER
    assert await world.ask() == "one"


async def test_without_the_store_it_is_asked_once_a_second_only() -> None:
    world = World()
    await world.ask()
    world.away = True
    world.lookups.missed()
    for _ in range(20):
        assert await world.ask() == "one"
    assert world.reads == 2
    world.clock.now += AGAIN_AFTER
    await world.ask()
    assert world.reads == 3


async def test_a_revoked_one_does_not_go_on_without_the_store() -> None:
    world = World()
    await world.ask()
    world.away = True
    world.lookups.changed(SOURCE)
    with pytest.raises(StoreUnavailable):
        await world.ask()


async def test_what_has_ended_does_not_go_on_without_the_store() -> None:
    world = World()

    async def load() -> Answer[str]:
        if world.away:
            raise StoreUnavailable("away")
        soon = world.clock.time() + 5
        return Answer("one", frozenset(), until=soon, ends=soon)

    await world.lookups.find("name", load)
    world.away = True
    world.lookups.missed()
    assert await world.lookups.find("name", load) is not None
    world.clock.now += 5
    with pytest.raises(StoreUnavailable):
        await world.lookups.find("name", load)


async def test_the_unknown_is_refused_without_the_store() -> None:
    world = World()
    world.away = True
    with pytest.raises(StoreUnavailable) as refused:
        await world.ask()
    assert refused.value.status == 503


async def test_a_known_one_does_not_wait_for_a_store_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lookups, "PATIENCE", 0.01)
    world = World()
    await world.ask()
    world.gate = asyncio.Event()
    world.lookups.missed()
    assert await world.ask() == "one"
    world.gate.set()
    await world.background.close()


async def test_a_fault_in_reading_lets_nobody_wait_or_in(caplog: pytest.LogCaptureFixture) -> None:
    world = World()

    async def broken() -> Answer[str]:
        raise LookupError("ours")

    with pytest.raises(StoreUnavailable):
        await world.lookups.find("name", broken)


async def test_what_changes_faster_than_it_is_read_is_not_remembered() -> None:
    world = World()

    async def load() -> Answer[str]:
        world.reads += 1
        world.lookups.changed(SOURCE)
        return Answer(str(world.reads), frozenset({SOURCE}))

    first = await world.lookups.find("name", load)
    assert first is not None
    assert world.lookups.known("name") is None
