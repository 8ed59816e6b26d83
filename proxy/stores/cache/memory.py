"""Replies kept in the memory of this process.

The rule: it is aiocache's backend over a storage that is bounded in bytes, without its time-out,
which would cost more than the look itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pipelines.clock import Clock
from proxy.stores.cache.bounded import Bounded

MAX_BYTES = 64 << 20
LARGEST = 1 << 20


class MemoryReplies:
    """A ReplyCache that is gone when the process ends; `max_bytes` is about what it takes, and what
    is larger than `largest` bytes is not kept."""

    def __init__(self, clock: Clock, max_bytes: int = MAX_BYTES, largest: int = LARGEST) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._largest = largest
        self._opened: Any = None

    @property
    def size(self) -> int:
        """How many bytes it takes, about."""
        return 0 if self._opened is None else int(self._opened.size)

    async def open(self) -> None:
        """Load aiocache, which otherwise waits for the first use: it loads the client of Redis
        too, where that is installed."""
        self._kept()

    async def get(self, key: str) -> bytes | None:
        """What is kept under the key."""
        found: bytes | None = await self._kept().get(key)
        return found

    async def many(self, keys: Sequence[str]) -> list[bytes | None]:
        """What is kept under each of the keys."""
        found: list[bytes | None] = await self._kept().multi_get(keys)
        return found

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keep the value for `ttl` seconds, unless it is too large."""
        if len(value) <= self._largest:
            await self._kept().set(key, value, ttl=ttl)

    async def put_many(self, pairs: Sequence[tuple[str, bytes]], ttl: float) -> None:
        """Keep these for `ttl` seconds, those that are not too large."""
        fit = [pair for pair in pairs if len(pair[1]) <= self._largest]
        await self._kept().multi_set(fit, ttl=ttl)

    async def delete(self, keys: Sequence[str]) -> int:
        """Forget these; gives how many were there."""
        count = 0
        for key in keys:
            count += await self._kept().delete(key)
        return count

    async def flush(self) -> int:
        """Forget everything; gives how many there were."""
        count = len(self._kept())
        await self._kept().clear()
        return count

    async def ping(self) -> bool:
        """It always answers."""
        return True

    async def info(self) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
        """Nothing: there is no server."""
        return None

    async def close(self) -> None:
        """Forget everything."""
        self._opened = None

    def _kept(self) -> Any:
        if self._opened is None:
            self._opened = _backend(self._max_bytes, self._clock.monotonic)
        return self._opened


def _backend(max_bytes: int, now: Callable[[], float]) -> Any:
    from aiocache import SimpleMemoryCache

    kind: Any = type("BoundedMemoryCache", (Bounded, SimpleMemoryCache), {})
    return kind(max_bytes, now, timeout=None)
