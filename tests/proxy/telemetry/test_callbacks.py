"""Each record reaches the callbacks of all calls, or those of its key and its team instead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from pipelines.providers.credentials.sigv4 import AwsKeys
from pipelines.record import Record
from proxy.background import Background
from proxy.config.aws_chain import NoAws
from proxy.config.callbacks import Callback
from proxy.config.own_callbacks import Own
from proxy.config.sinks import Bucket, Hook, Sink
from proxy.config.tracing import Receiver
from proxy.telemetry import callbacks as module
from proxy.telemetry.callbacks import MOST_WAITING, Callbacks, Exporters, Whose
from proxy.telemetry.exporting import Exporter
from tests.fakes.ports import FakeClock
from tests.proxy.telemetry.calls import a_call


class World:
    """Receivers by address, and who has callbacks of his own."""

    def __init__(self) -> None:
        self.told: dict[str, list[str]] = {}
        self.own: dict[Whose, tuple[Own, ...]] = {}
        self.known_ones: set[Whose] = set()
        self.asked = 0

    def put(self, name: str) -> Any:
        async def post(
            url: str, body: bytes, headers: Mapping[str, str], method: str = "POST"
        ) -> bytes:
            self.told.setdefault(url, []).extend(one["id"] for one in orjson.loads(body))
            return b""

        return post

    def known(self, whose: Whose) -> tuple[Own, ...] | None:
        return self.own.get(whose, ()) if whose in self.known_ones else None

    async def find(self, whose: Whose) -> tuple[Own, ...]:
        self.asked += 1
        self.known_ones.add(whose)
        return self.own.get(whose, ())


def hook(name: str = "all", callback: str = "webhook", **more: Any) -> Callback:
    return Callback(callback, Hook(f"https://{name}.example"), **more)


@asynccontextmanager
async def running(world: World, *shared: Callback, own: bool = True) -> AsyncIterator[Callbacks]:
    background = Background()
    make = Exporters(world.put, FakeClock())
    found = Callbacks(shared, make, background.spawn, world if own else None)
    found.begin()
    yield found
    for _ in range(5):
        await asyncio.sleep(0)
    await background.close(within=0)
    await found.close()


async def test_all_records_go_to_the_callbacks_of_all_calls() -> None:
    world = World()
    async with running(world, hook(), own=False) as callbacks:
        callbacks.put(a_call(id="a", key_id="k"))
    assert world.told == {"https://all.example": ["a"]}


async def test_a_callback_may_want_only_what_went_well_or_only_what_did_not() -> None:
    world = World()
    well, badly = hook("well", failures=False), hook("badly", successes=False)
    async with running(world, well, badly, own=False) as callbacks:
        callbacks.put(a_call(id="a"))
        callbacks.put(a_call(id="b", outcome="failed"))
    assert world.told == {"https://well.example": ["a"], "https://badly.example": ["b"]}


async def test_a_keys_own_callback_stands_in_the_place_of_that_of_all() -> None:
    world = World()
    world.own["k", "t1"] = (Own("1", hook("own")),)
    async with running(world, hook(), hook("other", "langfuse_like")) as callbacks:
        callbacks.put(a_call(id="a", key_id="k"))
        callbacks.put(a_call(id="b", key_id="other"))
        callbacks.put(a_call(id="c", key_id="", team_id=None))
    assert world.told == {
        "https://own.example": ["a"],
        "https://all.example": ["c", "b"],
        "https://other.example": ["c", "a", "b"],
    }


async def test_whoever_is_known_is_not_asked_for_again() -> None:
    world = World()
    world.own["k", "t1"] = (Own("1", hook("own")),)
    async with running(world) as callbacks:
        callbacks.put(a_call(id="a", key_id="k"))
        for _ in range(3):
            await asyncio.sleep(0)
        callbacks.put(a_call(id="b", key_id="k"))
        assert len(callbacks.exporters) == 1
    assert world.told == {"https://own.example": ["a", "b"]}
    assert world.asked == 1


async def test_what_was_not_found_out_at_the_end_is_found_out_then() -> None:
    world = World()
    callbacks = Callbacks([hook()], Exporters(world.put, FakeClock()), Background().spawn, world)
    callbacks.put(a_call(id="a", key_id="k"))
    await callbacks.close()
    assert world.told == {"https://all.example": ["a"]}


async def test_there_are_only_so_many_exporters_of_keys_and_teams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_OWN", 2)
    world = World()
    for number in "123":
        world.own[number, "t1"] = (Own(number, hook(f"own{number}")),)
    async with running(world) as callbacks:
        for number in "123":
            callbacks.put(a_call(id=number, key_id=number))
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(callbacks.exporters) == 2
    assert world.told == {f"https://own{number}.example": [number] for number in "123"}


async def test_what_finds_no_room_is_counted_and_told_once() -> None:
    world = World()
    callbacks = Callbacks((), Exporters(world.put, FakeClock()), Background().spawn, world)
    record = a_call(key_id="k")
    with capture_logs() as lines:
        for _ in range(MOST_WAITING + 2):
            callbacks.put(record)
    assert callbacks.dropped == 2
    assert len(lines) == 1


async def test_each_kind_of_sink_has_its_exporter() -> None:
    make = Exporters(World().put, FakeClock())
    receiver = Receiver("langfuse", "https://lf.example/v1/traces", {})
    sinks: tuple[Sink, ...] = (
        receiver,
        Hook("https://a.example"),
        Bucket("b", "r", keys=AwsKeys("a", "b")),
    )
    names = [make(Callback(name, sink)).name for name, sink in zip("abc", sinks, strict=True)]
    assert names == ["langfuse", "b", "c"]


async def test_a_bucket_that_nobody_can_pay_for_is_left_out() -> None:
    def make(callback: Callback) -> Exporter:
        raise NoAws("set AWS_ACCESS_KEY_ID")

    with capture_logs() as lines:
        callbacks = Callbacks([hook()], make, Background().spawn)
    assert callbacks.exporters == ()
    assert lines[0]["reason"] == "set AWS_ACCESS_KEY_ID"


def test_a_record_of_nobody_needs_no_look() -> None:
    world = World()
    callbacks = Callbacks((), Exporters(world.put, FakeClock()), Background().spawn, world)
    callbacks.put(Record("a", "chat", "refused", 401, 0.1))
    assert world.asked == 0
