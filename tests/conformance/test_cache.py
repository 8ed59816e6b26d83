"""What every backend of the cache does alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from pipelines.ports import ReplyCache
from tests.conformance.caches import CACHES

Opens = Callable[[], AbstractAsyncContextManager[ReplyCache]]

BYTES = bytes(range(256))


@pytest.fixture(params=CACHES)
def opens(request: pytest.FixtureRequest) -> Opens:
    """Each backend in turn, empty."""
    return CACHES[request.param]


async def test_what_was_put_is_found_byte_for_byte(opens: Opens) -> None:
    async with opens() as cache:
        assert await cache.get("a") is None
        await cache.put("a", BYTES, 60.0)
        assert await cache.get("a") == BYTES
        await cache.put("a", b"", 60.0)
        assert await cache.get("a") == b""
        assert await cache.ping()


async def test_several_are_found_in_the_order_of_their_keys(opens: Opens) -> None:
    async with opens() as cache:
        pairs = [(f"k{at}", b"%d" % at) for at in range(50)]
        await cache.put_many(pairs, 60.0)
        asked = [key for key, _ in reversed(pairs)]
        assert await cache.many(asked) == [value for _, value in reversed(pairs)]
        assert await cache.many(["none", "k7"]) == [None, b"7"]
        assert await cache.many([]) == []
        await cache.put_many([], 60.0)


async def test_it_is_gone_after_its_time(opens: Opens) -> None:
    async with opens() as cache:
        await cache.put("short", b"1", 0.05)
        await cache.put_many([("shorter", b"1"), ("long", b"1")], 0.05)
        await cache.put("long", b"2", 60.0)
        await cache.put("never", b"1", 0.0)
        await asyncio.sleep(0.1)
        assert await cache.many(["short", "shorter", "long", "never"]) == [None, None, b"2", None]


async def test_what_is_too_large_is_not_kept(opens: Opens) -> None:
    async with opens() as cache:
        await cache.put("a", b"x" * 1001, 60.0)
        await cache.put_many([("b", b"x" * 1001), ("c", b"x" * 1000)], 60.0)
        assert await cache.many(["a", "b"]) == [None, None]
        assert await cache.get("c") == b"x" * 1000


async def test_it_tells_how_many_it_forgot(opens: Opens) -> None:
    async with opens() as cache:
        await cache.put_many([(one, b"1") for one in "abc"], 60.0)
        assert await cache.delete(["a", "b", "x"]) == 2
        assert await cache.delete([]) == 0
        assert await cache.many(list("abc")) == [None, None, b"1"]
        await cache.put_many([(f"k{at}", b"1") for at in range(1200)], 60.0)
        assert await cache.flush() == 1201
        assert await cache.get("c") is None
        assert await cache.flush() == 0


async def test_many_at_once_get_each_its_own(opens: Opens) -> None:
    async with opens() as cache:

        async def one(at: int) -> None:
            await cache.put(str(at), b"%d" % at, 60.0)
            assert await cache.get(str(at)) == b"%d" % at

        await asyncio.gather(*[one(at) for at in range(200)])
