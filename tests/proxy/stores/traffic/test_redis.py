"""Processes that share a Redis know each other's calls and rests, and do without it too."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from pipelines.errors import Denied
from pipelines.routing.health import Health, Rest
from pipelines.routing.routes import Routes
from pipelines.routing.traffic import Seen, Traffic
from proxy.background import Background
from proxy.clock import SystemClock
from proxy.config.redis import RedisPlace
from proxy.stores import watch
from proxy.stores.traffic.redis import KEY, Known, SharedTraffic
from tests.builders import a_deployment
from tests.fakes.servers import Redis, redis_cluster, redis_sentinel, start_redis

ONE = a_deployment("d1", "gpt")


Lines = list[MutableMapping[str, Any]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What is logged meanwhile, whatever another test has made of the log."""
    with capture_logs() as found:
        yield found


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    found = start_redis()
    yield found
    found.stop(signal.SIGKILL)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOKS_EVERY", 0.05)


@asynccontextmanager
async def a_process(place: RedisPlace) -> AsyncIterator[Known]:
    background = Background()
    known = Known(Traffic(), Health(), Routes([ONE]))
    shared = SharedTraffic(place, known, SystemClock(), background)
    task = background.spawn(shared.run(), "traffic")
    yield known
    task.cancel()
    await shared.close()
    await background.close(0.1)


async def soon(true: Callable[[], bool], within: float = 3.0) -> float:
    """How long it takes until it is true."""
    begin = time.monotonic()
    while not true():
        assert time.monotonic() < begin + within, "it does not come true"
        await asyncio.sleep(0.01)
    return time.monotonic() - begin


def seen(process: Known) -> Seen:
    return process.traffic.seen("d1", time.time())


def rests(process: Known) -> bool:
    return process.health.rest("d1", time.time()) is not None


async def agree(place: RedisPlace) -> None:
    async with a_process(place) as one, a_process(place) as two:
        await soon(lambda: bool(one.health._hearers))
        one.traffic.begin("d1", time.time())
        two.traffic.begin("d1", time.time())
        assert await soon(lambda: seen(one).in_flight == seen(two).in_flight == 2) < 2
        one.health.failed(ONE, Denied("no"), time.time(), alone=False)
        assert await soon(lambda: rests(two)) < 2
        assert two.health.rests(time.time())["d1"].reason == "it refuses: no"
        two.health.woken("d1", time.time())
        assert await soon(lambda: not rests(one)) < 2


async def test_two_processes_agree_on_calls_and_on_rests(server: Redis) -> None:
    await agree(RedisPlace(url=server.url))


async def test_a_cluster_does_as_well() -> None:
    nodes = tuple(("127.0.0.1", one.port) for one in redis_cluster())
    await agree(RedisPlace(nodes=nodes))


async def test_a_server_that_sentinels_know_does_as_well() -> None:
    sentinel = ("127.0.0.1", redis_sentinel().port)
    await agree(RedisPlace(sentinels=(sentinel,), service="main"))


async def test_a_process_that_leaves_takes_its_calls_with_it_and_leaves_its_minute(
    server: Redis,
) -> None:
    place = RedisPlace(url=server.url)
    async with a_process(place) as stays:
        await soon(lambda: bool(stays.health._hearers))
        async with a_process(place) as leaves:
            leaves.traffic.begin("d1", time.time())
            await soon(lambda: seen(stays).in_flight == 1)
        await soon(lambda: seen(stays).in_flight == 0)


async def test_redis_goes_and_comes_while_each_process_goes_on(
    lines: Lines,
) -> None:
    server = start_redis()
    place = RedisPlace(url=server.url)
    async with a_process(place) as one, a_process(place) as two:
        two.traffic.begin("d1", time.time())
        await soon(lambda: seen(one).in_flight == 1)
        server.stop(signal.SIGKILL)
        await soon(lambda: seen(one).in_flight == 0, 10.0)
        assert seen(two).in_flight == 1
        one.health.rested("d1", Rest(time.time() + 60, "it is not well", 60.0))
        server.start()
        await soon(lambda: seen(one).in_flight == 1 and rests(two), 15.0)
    told = " ".join(line["event"] for line in lines)
    assert told.count("does not answer") == told.count("answers again") == 2
    server.stop(signal.SIGKILL)


async def test_what_others_wrote_under_the_key_harms_nobody(server: Redis) -> None:
    place = RedisPlace(url=server.url)
    background = Background()
    shared = SharedTraffic(
        place, Known(Traffic(), Health(), Routes([ONE])), SystemClock(), background
    )
    await shared._client.hset(KEY, "odd", b"[1]")
    await shared._watch.open()
    await shared.once()
    assert shared.up
    await shared.close()


async def test_a_redis_that_is_not_there_is_no_obstacle() -> None:
    async with a_process(RedisPlace(host="127.0.0.1", port=1)) as alone:
        alone.traffic.begin("d1", time.time())
        await asyncio.sleep(0.3)
        assert seen(alone).in_flight == 1
