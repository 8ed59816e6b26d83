"""The configuration says which store of replies is opened."""

from __future__ import annotations

import pytest

from proxy.background import Background
from proxy.config.caching import CacheSettings
from proxy.config.redis import RedisPlace
from proxy.stores.cache.memory import MemoryReplies
from proxy.stores.cache.opening import open_replies
from proxy.stores.cache.redis import RedisReplies
from proxy.stores.opening import CannotOpen
from tests.fakes.ports import FakeClock


async def test_without_a_redis_it_is_the_memory() -> None:
    found = open_replies(CacheSettings(), FakeClock(), Background())
    assert isinstance(found, MemoryReplies)


async def test_a_redis_is_used_where_there_is_one() -> None:
    settings = CacheSettings(redis=RedisPlace(host="h"))
    found = open_replies(settings, FakeClock(), Background())
    assert isinstance(found, RedisReplies)
    await found.close()


def test_an_address_that_cannot_be_used_is_told() -> None:
    with pytest.raises(CannotOpen, match="the address of Redis"):
        open_replies(CacheSettings(redis=RedisPlace(url="x://y")), FakeClock(), Background())
