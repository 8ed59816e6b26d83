"""Values under keys, in a bounded number of bytes.

The rule: what was not used for longest makes room, and what is over is never given; there is no
timer, so that a hundred thousand values cost no more than one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

# What the key, the value's header, the tuple and the two places in the table take, measured.
OVERHEAD = 450


class Bounded:
    """Goes in front of a backend of aiocache, which calls its methods by their names; `max_bytes`
    is about what it takes, `now` is in seconds."""

    def __init__(self, max_bytes: int, now: Callable[[], float], **rest: Any) -> None:
        super().__init__(**rest)
        self._max_bytes = max_bytes
        self._now = now
        self._values: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0

    @property
    def size(self) -> int:
        """How many bytes it takes, about."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._values)

    async def _get(self, key: str, **_: object) -> bytes | None:
        found = self._values.get(key)
        if found is None:
            return None
        if found[0] <= self._now():
            self._drop(key)
            return None
        self._values.move_to_end(key)
        return found[1]

    async def _multi_get(self, keys: Iterable[str], **_: object) -> list[bytes | None]:
        return [await self._get(key) for key in keys]

    async def _set(self, key: str, value: bytes, ttl: float, **_: object) -> bool:
        self._drop(key)
        size = len(value) + OVERHEAD
        if size > self._max_bytes or ttl <= 0:
            return False
        while self._bytes + size > self._max_bytes:
            self._drop(next(iter(self._values)))
        self._values[key] = (self._now() + ttl, value)
        self._bytes += size
        return True

    async def _multi_set(self, pairs: Iterable[tuple[str, bytes]], ttl: float, **_: object) -> bool:
        for key, value in pairs:
            await self._set(key, value, ttl)
        return True

    async def _delete(self, key: str, **_: object) -> int:
        return self._drop(key)

    async def _clear(self, *_: object, **__: object) -> bool:
        self._values.clear()
        self._bytes = 0
        return True

    def _drop(self, key: str) -> int:
        found = self._values.pop(key, None)
        if found is None:
            return 0
        self._bytes -= len(found[1]) + OVERHEAD
        return 1
