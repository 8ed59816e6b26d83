"""Replies in memory go through aiocache's backend, bounded."""

from __future__ import annotations

import asyncio

from proxy.stores.cache.bounded import OVERHEAD
from proxy.stores.cache.memory import MemoryReplies
from tests.fakes.ports import FakeClock


def is_open(store: MemoryReplies) -> bool:
    return store._opened is not None


async def test_it_is_a_backend_of_aiocache_without_a_timer_for_each_key() -> None:
    store = MemoryReplies(FakeClock(), max_bytes=10 * (100 + OVERHEAD))
    await store.open()
    for at in range(1000):
        await store.put(str(at), b"x" * 100, 60.0)
    assert type(store._opened).__mro__[2].__name__ == "SimpleMemoryCache"
    assert store._opened.timeout is None
    assert not store._opened._handlers
    assert store.size == 10 * (100 + OVERHEAD)
    assert await store.flush() == 10
    assert store.size == 0


async def test_it_loads_nothing_before_it_is_used() -> None:
    store = MemoryReplies(FakeClock())
    assert store.size == 0
    assert not is_open(store)
    assert await store.ping()
    assert await store.get("a") is None
    assert is_open(store)
    await store.close()
    assert not is_open(store)


async def test_a_look_takes_no_turn_of_the_loop() -> None:
    store = MemoryReplies(FakeClock())
    await store.put("a", b"1", 60.0)
    turns: list[int] = []
    asyncio.get_running_loop().call_soon(turns.append, 1)
    assert await store.get("a") == b"1"
    assert turns == []
