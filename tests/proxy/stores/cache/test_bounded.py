"""The storage never takes more than its bytes, and never gives what is over."""

from __future__ import annotations

import tracemalloc

from proxy.stores.cache.bounded import OVERHEAD, Bounded
from tests.fakes.ports import FakeClock

ROOM_FOR_THREE = 3 * (1000 + OVERHEAD)


def a_storage(clock: FakeClock | None = None, max_bytes: int = ROOM_FOR_THREE) -> Bounded:
    return Bounded(max_bytes, (clock or FakeClock()).monotonic)


async def test_the_one_that_was_not_used_for_longest_makes_room() -> None:
    storage = a_storage()
    for key in "abc":
        await storage._set(key, b"x" * 1000, 60.0)
    await storage._get("a")
    await storage._set("d", b"x" * 1000, 60.0)
    assert [key for key in "abcd" if await storage._get(key)] == ["a", "c", "d"]
    assert storage.size == ROOM_FOR_THREE
    assert len(storage) == 3


async def test_one_that_is_larger_than_all_moves_nobody_out() -> None:
    storage = a_storage()
    await storage._set("a", b"x", 60.0)
    assert not await storage._set("b", b"x" * ROOM_FOR_THREE, 60.0)
    assert await storage._get("a") == b"x"


async def test_what_is_over_is_gone() -> None:
    clock = FakeClock()
    storage = a_storage(clock)
    await storage._multi_set([("a", b"x"), ("b", b"y")], 10.0)
    await storage._set("b", b"z", 20.0)
    clock.now += 10
    assert await storage._multi_get(["a", "b"]) == [None, b"z"]
    assert storage.size == 1 + OVERHEAD
    assert await storage._delete("b") == 1
    assert await storage._delete("b") == 0
    assert storage.size == 0


async def test_a_hundred_thousand_values_stay_under_the_bound() -> None:
    bound = 8 << 20
    storage = a_storage(max_bytes=bound)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for at in range(100_000):
        await storage._set(f"{at:064x}", b"%d" % at * 100, 3600.0)
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert storage.size <= bound
    assert taken <= bound
    assert len(storage) > 5_000
