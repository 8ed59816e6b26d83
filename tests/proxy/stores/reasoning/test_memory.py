"""Reasoning in memory is bounded in bytes and in time, and belongs to whoever it was said to."""

from __future__ import annotations

import asyncio

from proxy.stores.reasoning.memory import MemoryReasoning
from tests.fakes.ports import FakeClock


def found(store: MemoryReasoning, owner: str, *keys: str) -> dict[str, bytes]:
    """What the store gives."""
    return asyncio.run(store.find(owner, keys))


def kept(store: MemoryReasoning, owner: str, **thoughts: bytes) -> None:
    """Put the thoughts into the store."""
    asyncio.run(store.keep(owner, thoughts))


def test_what_is_kept_is_found_by_its_owner_alone() -> None:
    store = MemoryReasoning(FakeClock())
    kept(store, "ann", a=b"1", b=b"2")
    assert found(store, "ann", "a", "b", "c") == {"a": b"1", "b": b"2"}
    assert found(store, "bob", "a", "b") == {}


def test_a_second_value_takes_the_place_of_the_first() -> None:
    store = MemoryReasoning(FakeClock())
    kept(store, "ann", a=b"12345")
    size = store.size
    kept(store, "ann", a=b"54321")
    assert (found(store, "ann", "a"), store.size) == ({"a": b"54321"}, size)


def test_what_was_not_used_for_longest_goes_first_when_there_are_too_many_bytes() -> None:
    store = MemoryReasoning(FakeClock(), max_bytes=3_000)
    for name in ("a", "b"):
        kept(store, "ann", **{name: b"x" * 1_000})
    found(store, "ann", "a")
    kept(store, "ann", c=b"x" * 1_000)
    assert set(found(store, "ann", "a", "b", "c")) == {"a", "c"}
    assert store.size <= 3_000


def test_a_value_larger_than_the_store_is_forgotten() -> None:
    store = MemoryReasoning(FakeClock(), max_bytes=1_000)
    kept(store, "ann", a=b"x" * 2_000)
    assert (found(store, "ann", "a"), store.size) == ({}, 0)


def test_nothing_lives_longer_than_its_time_after_its_last_use() -> None:
    clock = FakeClock()
    store = MemoryReasoning(clock, lifetime=10)
    kept(store, "ann", a=b"1", b=b"2")
    clock.now += 9
    assert set(found(store, "ann", "a")) == {"a"}
    clock.now += 9
    assert set(found(store, "ann", "a", "b")) == {"a"}
    clock.now += 11
    assert (found(store, "ann", "a"), store.size) == ({}, 0)
