"""A Redis that is gone, stuck, full or shared with others harms nobody."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from proxy.background import Background
from proxy.config.redis import RedisPlace
from proxy.stores import watch
from proxy.stores.cache.redis import RedisReplies
from tests.fakes.servers import Redis, start_redis, start_sentinel

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
async def replies(place: RedisPlace | str, namespace: str = "ours") -> AsyncIterator[RedisReplies]:
    background = Background()
    where = RedisPlace(url=place) if isinstance(place, str) else place
    made = RedisReplies(where, namespace, background)
    await made.open()
    yield made
    await made.close()
    await background.close(0.1)


async def found_again(store: RedisReplies, key: str = "back") -> bool:
    for _ in range(200):
        await store.put(key, b"1", 60.0)
        if await store.get(key) == b"1":
            return True
        await asyncio.sleep(0.05)
    return False


async def test_what_others_keep_there_is_not_flushed(server: Redis) -> None:
    async with replies(server.url, "ours") as ours, replies(server.url, "ours2") as theirs:
        await ours._client.set("stranger", b"1")
        await ours.put("a", b"1", 60.0)
        await theirs.put("a", b"2", 60.0)
        assert await ours.flush() == 1
        assert await theirs.get("a") == b"2"
        assert await ours._client.get("stranger") == b"1"


async def test_a_restart_in_the_midst_of_calls_fails_none(server: Redis, lines: Lines) -> None:
    async with replies(server.url) as store:
        await store.put("a", b"1", 60.0)

        async def one(at: int) -> float:
            await asyncio.sleep(at * 0.004)
            begin = time.monotonic()
            assert await store.get("a") in (b"1", None)
            await store.put(str(at), b"x", 60.0)
            return time.monotonic() - begin

        calls = [asyncio.ensure_future(one(at)) for at in range(500)]
        await asyncio.sleep(0.3)
        await asyncio.to_thread(server.stop, signal.SIGKILL)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(server.start)
        waits = await asyncio.gather(*calls)
        assert max(waits) < 1.0
        assert await found_again(store)
    told = " ".join(line["event"] for line in lines)
    assert told.count("does not answer") <= 3
    assert told.count("answers again") == told.count("does not answer")


async def test_a_stuck_redis_is_waited_for_no_longer_than_the_deadline(server: Redis) -> None:
    async with replies(server.url) as store:
        await store.put("a", b"1", 60.0)
        await store.put("b", b"2", 60.0)
        server.pause(signal.SIGSTOP)
        try:
            begin = time.monotonic()
            assert await store.get("a") is None
            assert time.monotonic() - begin < 0.5
            for _ in range(5):
                await store.put("c", b"3", 60.0)
            begin = time.monotonic()
            for _ in range(100):
                assert await store.get("a") is None
                assert await store.many(["a", "b"]) == [None, None]
            assert time.monotonic() - begin < 0.5
            assert await store.delete(["a"]) == 0
            assert await store.flush() == 0
        finally:
            server.pause(signal.SIGCONT)
        assert await found_again(store)
        # No answer is taken for that to another question.
        assert await store.get("b") == b"2"
        assert await store.get("a") == b"1"


async def test_a_redis_that_comes_later_is_used() -> None:
    late = start_redis()
    late.stop(signal.SIGKILL)
    async with replies(late.url) as store:
        assert await store.get("a") is None
        assert not await store.ping()
        assert await store.info() is None
        late.start()
        assert await found_again(store)
        assert await store.ping()
        assert (await store.info() or ({}, []))[0]["redis_version"]
    late.stop(signal.SIGKILL)


async def test_somebody_elses_value_under_our_key_is_a_miss_and_removed(server: Redis) -> None:
    async with replies(server.url) as store:
        await store._client.rpush("ours:odd", b"1")
        assert await store.get("odd") is None
        assert await store._client.exists("ours:odd") == 0
        await store.put("odd", b"1", 60.0)
        assert await store.get("odd") == b"1"


async def test_a_full_redis_is_told_once() -> None:
    full = start_redis("--maxmemory", "1")
    with capture_logs() as lines:
        await _filled(full)
    full.stop(signal.SIGKILL)
    assert sum("takes no replies" in line["event"] for line in lines) == 1


async def _filled(full: Redis) -> None:
    async with replies(full.url) as store:
        for at in range(10):
            await store.put(str(at), b"x", 60.0)
        assert await store.get("1") is None
        assert await store.ping()


async def test_a_sentinel_leads_to_the_next_server() -> None:
    first = start_redis()
    second = start_redis("--replicaof", "127.0.0.1", str(first.port))
    sentinel = start_sentinel(first)
    place = RedisPlace(sentinels=(("127.0.0.1", sentinel.port),), service="main")
    async with replies(place) as store:
        assert await found_again(store)
        # A sentinel learns of replicas from the server, by and by.
        await asyncio.sleep(2.0)
        first.stop(signal.SIGKILL)
        assert await store.get("back") in (b"1", None)
        for _ in range(10):
            if await found_again(store, "after"):
                break
        assert await store.get("after") == b"1"
    for one in (second, sentinel):
        one.stop(signal.SIGKILL)
