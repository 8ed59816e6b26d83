"""Every backend of the cache, for the suites that run over all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import MappingProxyType

from pipelines.ports import ReplyCache
from proxy.background import Background
from proxy.clock import SystemClock
from proxy.config.redis import RedisPlace
from proxy.stores.cache.memory import MemoryReplies
from proxy.stores.cache.redis import RedisReplies
from tests.conformance.ledgers import unique
from tests.fakes.servers import redis, redis_cluster, redis_sentinel


@asynccontextmanager
async def in_memory() -> AsyncIterator[ReplyCache]:
    """The cache of one process."""
    made = MemoryReplies(SystemClock(), largest=1000)
    yield made
    await made.close()


@asynccontextmanager
async def at(place: RedisPlace) -> AsyncIterator[ReplyCache]:
    """The cache of all processes that use this Redis."""
    background = Background()
    made = RedisReplies(place, f"[{unique()}]*", background, largest=1000, deadline=2.0)
    await made.open()
    yield made
    await made.close()
    await background.close()


def in_redis() -> AbstractAsyncContextManager[ReplyCache]:
    """One server."""
    return at(RedisPlace(url=redis().url))


def in_cluster() -> AbstractAsyncContextManager[ReplyCache]:
    """Three nodes that share the keys."""
    return at(RedisPlace(nodes=(("127.0.0.1", redis_cluster()[0].port),)))


def by_sentinel() -> AbstractAsyncContextManager[ReplyCache]:
    """The server that a sentinel knows."""
    sentinel = redis_sentinel()
    return at(RedisPlace(sentinels=(("127.0.0.1", sentinel.port),), service="main"))


CACHES: Mapping[str, Callable[[], AbstractAsyncContextManager[ReplyCache]]] = MappingProxyType(
    {
        "memory": in_memory,
        "redis": in_redis,
        "cluster": in_cluster,
        "sentinel": by_sentinel,
    }
)
