"""A pump writes to the end, settles once, and ends when nobody is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from pipelines.errors import OverBudget, ShuttingDown, UpstreamFailed
from pipelines.events import Data, End, Flow
from pipelines.exchange import Exchange
from pipelines.pump import Pump
from pipelines.recording import Recording, Room
from tests.builders import KNOWN_USAGE, a_deployment, a_head, an_exchange, flow_of
from tests.fakes.ports import FakeClock
from tests.fakes.replies import FakePassage, FakeSpawner


class Keeper:
    def __init__(self) -> None:
        self.trail: list[str] = []

    async def keep(self, recording: Recording) -> None:
        self.trail.append("kept" if recording.stored(0.0) is not None else "not kept")

    def forget(self, recording: Recording) -> None:
        self.trail.append("forgotten")


class Metered:
    """A reservation that has room for so many bytes."""

    def __init__(self, check_at: float) -> None:
        self.check_at: float | None = check_at

    async def meter(self) -> None:
        raise OverBudget("Budget has been exceeded!")


class Bench:
    def __init__(self, rest: Callable[[], Flow], limit: int = 10_000) -> None:
        self.exchange: Exchange = an_exchange()
        self.exchange.passage = FakePassage(rest)
        self.recording = Recording("s", "openai-chat", "stream", limit, Room(10**9))
        self.spawner, self.keeper, self.clock = FakeSpawner(), Keeper(), FakeClock()
        self.pump = Pump(self.exchange, self.recording, self.clock, self.spawner.spawn, self.keeper)
        self.books: list[str] = []

    def start(self) -> None:
        self.pump.start()
        self.exchange.when_over(lambda: self.books.append("settled"))


async def silent() -> Flow:
    yield a_head()
    await asyncio.Event().wait()


async def test_a_reply_is_written_settled_kept_and_forgotten() -> None:
    bench = Bench(flow_of(a_head(), Data(b"a"), End(KNOWN_USAGE)))
    bench.start()
    assert bench.books == []
    await bench.spawner.settled()
    assert bench.books == ["settled"]
    assert bench.keeper.trail == ["kept", "forgotten"]
    bench.exchange.when_over(lambda: bench.books.append("at once"))
    assert bench.books == ["settled", "at once"]


async def test_an_error_ends_the_recording_and_not_the_task() -> None:
    bench = Bench(flow_of(a_head(), UpstreamFailed("no")))
    bench.start()
    await bench.spawner.settled()
    assert bench.spawner.tasks[0].exception() is None
    assert isinstance(bench.recording.fault, UpstreamFailed)
    assert bench.recording.fault.__traceback__ is None
    assert bench.books == ["settled"]
    assert "kept" not in bench.keeper.trail


async def test_a_bug_ends_the_recording_and_the_task() -> None:
    bench = Bench(flow_of(a_head(), KeyError("bug")))
    bench.start()
    await bench.spawner.settled()
    assert isinstance(bench.spawner.tasks[0].exception(), KeyError)
    assert isinstance(bench.recording.fault, KeyError)
    assert bench.books == ["settled"]
    assert bench.keeper.trail == ["forgotten"]


async def test_readers_are_told_when_the_gateway_stops() -> None:
    bench = Bench(silent)
    bench.start()
    await asyncio.sleep(0)
    bench.spawner.tasks[0].cancel()
    await bench.spawner.settled()
    assert isinstance(bench.recording.fault, ShuttingDown)
    assert (bench.books, bench.keeper.trail) == (["settled"], ["forgotten"])


@pytest.mark.parametrize("turns", [0, 2])
async def test_it_ends_when_nobody_is_left(turns: int) -> None:
    bench = Bench(silent)
    bench.start()
    with bench.recording.follower():
        for _ in range(turns):
            await asyncio.sleep(0)
    await bench.spawner.settled()
    assert (bench.books, bench.keeper.trail) == (["settled"], ["forgotten"])


async def test_it_goes_on_for_its_grace() -> None:
    bench = Bench(silent)
    bench.recording.grace = 30.0
    bench.start()
    with bench.recording.follower():
        await asyncio.sleep(0)
    assert not bench.pump.over
    await bench.spawner.settled()
    assert bench.clock.sleeps == [30.0]
    assert bench.books == ["settled"]


async def test_what_is_too_large_is_not_written_for_nobody() -> None:
    bench = Bench(flow_of(a_head(), *[Data(b"x" * 100)] * 200, End(KNOWN_USAGE)), limit=10)
    bench.recording.grace = float("inf")
    bench.start()
    with bench.recording.follower() as follower:
        while not bench.recording.overfull:
            await follower.more()
            follower.take()
            await asyncio.sleep(0)
    await bench.spawner.settled()
    assert bench.books == ["settled"]
    assert "kept" not in bench.keeper.trail


async def test_a_reply_that_outgrows_the_budget_is_ended_though_its_client_left() -> None:
    bench = Bench(flow_of(a_head(), *[Data(b"x" * 10)] * 5, End(KNOWN_USAGE)))
    bench.exchange.reservation = Metered(25)  # type: ignore[assignment]
    bench.start()
    await bench.spawner.settled()
    assert isinstance(bench.recording.fault, OverBudget)
    assert bench.recording.size == 20


async def test_a_reply_that_was_cut_short_is_not_kept() -> None:
    bench = Bench(flow_of(a_head(), *[Data(b"x" * 10)] * 5, End(KNOWN_USAGE)))
    bench.exchange.reservation = Metered(25)  # type: ignore[assignment]
    left: list[str] = []

    async def leave() -> None:
        left.append("left")

    bench.exchange.leave = leave
    bench.start()
    await bench.spawner.settled()
    assert left
    assert bench.recording.ended
    assert "kept" not in bench.keeper.trail


async def test_a_reply_of_two_deployments_is_not_kept() -> None:
    bench = Bench(flow_of(a_head(), Data(b"a"), End(KNOWN_USAGE)))
    bench.exchange.attempt(a_deployment(), 1.0).kind = "continue"
    bench.start()
    await bench.spawner.settled()
    assert bench.keeper.trail == ["not kept", "forgotten"]


async def test_a_recording_that_failed_is_forgotten_once() -> None:
    bench = Bench(flow_of(a_head(), Data(b"a"), UpstreamFailed("no")))
    bench.start()
    await bench.spawner.settled()
    assert bench.keeper.trail.count("forgotten") == 1
