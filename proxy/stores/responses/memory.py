"""Responses kept in the memory of this process.

The rule: never more than so many bytes, and nothing longer than so many seconds after its last use;
the one that was not used for longest goes first.
"""

from __future__ import annotations

from collections import OrderedDict

from pipelines.clock import Clock
from pipelines.conversation import Kept

MAX_BYTES = 64 << 20
LIFETIME = 24 * 3600.0


class MemoryResponses:
    """A store that is gone when the process ends."""

    def __init__(
        self, clock: Clock, max_bytes: int = MAX_BYTES, lifetime: float = LIFETIME
    ) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._lifetime = lifetime
        self._kept: OrderedDict[str, tuple[float, Kept]] = OrderedDict()
        self._bytes = 0

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return self._bytes

    async def put(self, kept: Kept) -> None:
        """Keep it, unless the id is another owner's or it is larger than the whole store."""
        held = self._kept.get(kept.id)
        if (held is not None and held[1].owner != kept.owner) or kept.size > self._max_bytes:
            return
        self._drop(kept.id)
        self._kept[kept.id] = (self._clock.monotonic(), kept)
        self._bytes += kept.size
        self._shrink()

    async def get(self, id: str) -> Kept | None:
        """What is kept under the id; it lives on from now."""
        self._shrink()
        held = self._kept.get(id)
        if held is None:
            return None
        self._kept[id] = (self._clock.monotonic(), held[1])
        self._kept.move_to_end(id)
        return held[1]

    async def delete(self, id: str) -> None:
        """Forget it."""
        self._drop(id)

    def _drop(self, id: str) -> None:
        held = self._kept.pop(id, None)
        if held is not None:
            self._bytes -= held[1].size

    def _shrink(self) -> None:
        oldest = self._clock.monotonic() - self._lifetime
        while self._kept:
            id, (used, _) = next(iter(self._kept.items()))
            if self._bytes <= self._max_bytes and used > oldest:
                return
            self._drop(id)
