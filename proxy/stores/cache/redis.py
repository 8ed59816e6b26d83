"""Replies kept in Redis, for all processes that use it.

The rule: a Redis that is gone is an empty cache: nobody waits for it longer than the deadline, and
nobody is told but the log.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from proxy.background import Background
from proxy.config.redis import RedisPlace
from proxy.stores.cache.memory import LARGEST
from proxy.stores.redis_clients import (
    close_client,
    redis_client,
    redis_failures,
    redis_refusal,
)
from proxy.stores.watch import Watch
from proxy.telemetry.logging import get_logger

DEADLINE = 0.05
# Each of them has a connection; the others wait within their deadline.
AT_ONCE = 16
ADMIN_WITHIN = 10.0
PAGE = 500

_GLOB = re.compile(r"([\\*?\[\]^])")


class RedisReplies:
    """A ReplyCache over aiocache's backend for Redis; every key is below `namespace`, and what is
    larger than `largest` bytes is not kept. Raises NoRedis where there can be no client."""

    def __init__(
        self,
        place: RedisPlace,
        namespace: str,
        background: Background,
        largest: int = LARGEST,
        deadline: float = DEADLINE,
    ) -> None:
        self._client = redis_client(place)
        self._cache = _backend(self._client, namespace)
        self._failures, self._refused = redis_failures(), redis_refusal()
        self._namespace = namespace
        self._largest = largest
        self._deadline = deadline
        self._cluster = bool(place.nodes)
        self._refusing = False
        self._room = asyncio.Semaphore(AT_ONCE)
        self._watch = Watch("the cache in Redis", self._client.ping, self._failures, background)

    async def open(self) -> None:
        """Connect; Redis may also come later."""
        await self._watch.open()

    async def get(self, key: str) -> bytes | None:
        """What is kept under the key."""
        if not self._asked():
            return None
        try:
            async with asyncio.timeout(self._deadline), self._room:
                found: bytes | None = await self._cache.get(key)
        except self._refused:
            # Somebody else's value, of another type, stands under our key.
            await self.delete([key])
            return None
        except self._failures as error:
            self._watch.failed(error)
            return None
        self._watch.went_well()
        return found

    async def many(self, keys: Sequence[str]) -> list[bytes | None]:
        """What is kept under each of the keys."""
        if not self._asked() or not keys:
            return [None] * len(keys)
        try:
            async with asyncio.timeout(self._deadline), self._room:
                if self._cluster:
                    full = [self._cache.build_key(key, self._namespace) for key in keys]
                    found: list[bytes | None] = await self._client.mget_nonatomic(full)
                else:
                    found = await self._cache.multi_get(keys)
        except self._failures as error:
            self._watch.failed(error)
            return [None] * len(keys)
        self._watch.went_well()
        return found

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keep the value for `ttl` seconds, unless it is too large."""
        await self.put_many([(key, value)], ttl)

    async def put_many(self, pairs: Sequence[tuple[str, bytes]], ttl: float) -> None:
        """Keep these for `ttl` seconds, those that are not too large."""
        fit = [pair for pair in pairs if len(pair[1]) <= self._largest]
        milliseconds = int(ttl * 1000)
        if not fit or milliseconds <= 0 or not self._asked():
            return
        try:
            async with asyncio.timeout(self._deadline), self._room:
                await self._put(fit, milliseconds)
        except self._refused as error:
            self._told(error)
            return
        except self._failures as error:
            self._watch.failed(error)
            return
        self._refusing = False
        self._watch.went_well()

    async def delete(self, keys: Sequence[str]) -> int:
        """Forget these; gives how many were there."""
        full = [self._cache.build_key(key, self._namespace) for key in keys]
        if not full or not self._asked():
            return 0
        try:
            async with asyncio.timeout(ADMIN_WITHIN):
                return int(await self._client.unlink(*full))
        except self._failures as error:
            self._watch.failed(error)
            return 0

    async def flush(self) -> int:
        """Forget everything below our namespace; gives how many there were."""
        count = 0
        if not self._asked():
            return count
        pattern = _GLOB.sub(r"\\\1", self._namespace) + ":*"
        try:
            async with asyncio.timeout(ADMIN_WITHIN):
                page: list[bytes] = []
                async for name in self._client.scan_iter(match=pattern, count=PAGE):
                    page.append(name)
                    if len(page) >= PAGE:
                        count += int(await self._client.unlink(*page))
                        page.clear()
                if page:
                    count += int(await self._client.unlink(*page))
        except self._failures as error:
            self._watch.failed(error)
        return count

    async def ping(self) -> bool:
        """Whether Redis answers."""
        try:
            async with asyncio.timeout(1.0):
                await self._client.ping()
        except self._failures:
            return False
        return True

    async def info(self) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
        """What Redis says of itself and of its clients; None where it does not answer."""
        try:
            async with asyncio.timeout(1.0):
                return await self._client.info(), await self._client.client_list()
        except self._failures:
            return None

    async def close(self) -> None:
        """Close the connections."""
        self._watch.close()
        await close_client(self._client)

    def _asked(self) -> bool:
        if not self._watch.up:
            self._watch.look()
        return self._watch.up

    async def _put(self, pairs: Sequence[tuple[str, bytes]], milliseconds: int) -> None:
        if len(pairs) == 1:
            ((key, value),) = pairs
            await self._cache.set(key, value, ttl=milliseconds / 1000)
            return
        async with self._client.pipeline(transaction=False) as batch:
            for key, value in pairs:
                batch.set(self._cache.build_key(key, self._namespace), value, px=milliseconds)
            await batch.execute()

    def _told(self, error: BaseException) -> None:
        if not self._refusing:
            self._refusing = True
            get_logger(__name__).warning(
                "Redis takes no replies; is its memory full?", error=type(error).__name__
            )


def _backend(client: Any, namespace: str) -> Any:
    from aiocache import RedisCache
    from aiocache.serializers import NullSerializer

    # Its default serializer cannot take bytes, and its time-out costs more than a look in memory.
    cache = RedisCache(NullSerializer(encoding=None), namespace=namespace, timeout=None)
    # It makes a client of one server only, but calls what a cluster's and a sentinel's have too.
    cache.client = client
    return cache
