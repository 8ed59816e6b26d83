"""The store in memory never holds more, nor for longer, than it was told."""

from __future__ import annotations

from pipelines.conversation import Kept
from proxy.stores.responses.memory import MemoryResponses
from tests.fakes.ports import FakeClock


def a_kept(id: str, size: int = 0, owner: str = "me") -> Kept:
    return Kept(id, owner, "", "", b"", b"x" * size)


async def test_what_was_put_is_found_until_it_is_deleted() -> None:
    store = MemoryResponses(FakeClock())
    kept = a_kept("a")
    await store.put(kept)
    assert await store.get("a") is kept
    await store.delete("a")
    await store.delete("a")
    assert await store.get("a") is None
    assert store.size == 0


async def test_the_one_that_was_not_used_for_longest_makes_room() -> None:
    store = MemoryResponses(FakeClock(), max_bytes=3 * a_kept("a", 1000).size)
    for id in "abc":
        await store.put(a_kept(id, 1000))
    await store.get("a")
    await store.put(a_kept("d", 1000))
    assert [id for id in "abcd" if await store.get(id)] == ["a", "c", "d"]
    assert store.size == 3 * a_kept("a", 1000).size


async def test_one_that_is_larger_than_the_store_is_not_kept_and_moves_nobody_out() -> None:
    store = MemoryResponses(FakeClock(), max_bytes=2000)
    await store.put(a_kept("a"))
    await store.put(a_kept("b", 2000))
    assert await store.get("a") is not None
    assert await store.get("b") is None


async def test_it_is_gone_after_its_time_unless_it_is_used() -> None:
    clock = FakeClock()
    store = MemoryResponses(clock, lifetime=10.0)
    await store.put(a_kept("a"))
    await store.put(a_kept("b"))
    clock.now += 6
    await store.get("a")
    clock.now += 6
    assert await store.get("a") is not None
    assert await store.get("b") is None
    clock.now += 11
    assert await store.get("a") is None
    assert store.size == 0


async def test_an_id_is_taken_by_its_first_owner_alone() -> None:
    store = MemoryResponses(FakeClock())
    mine = a_kept("a")
    await store.put(mine)
    await store.put(a_kept("a", 9, "you"))
    assert await store.get("a") is mine
    again = a_kept("a", 9)
    await store.put(again)
    assert await store.get("a") is again
    assert store.size == again.size
