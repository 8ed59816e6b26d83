"""Reasoning kept in the memory of this process.

The rule: never more than so many bytes, and nothing longer than so many seconds after its last use;
what was not used for longest goes first, and nobody is given what another caller's reply held.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from pipelines.clock import Clock

MAX_BYTES = 64 << 20
LIFETIME = 24 * 3600.0

# What an entry takes beside its value: both keys, their tuple, the time and the place in the table.
_OVERHEAD = 400


class MemoryReasoning:
    """A store that is gone when the process ends."""

    def __init__(
        self, clock: Clock, max_bytes: int = MAX_BYTES, lifetime: float = LIFETIME
    ) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._lifetime = lifetime
        self._kept: OrderedDict[tuple[str, str], tuple[float, bytes]] = OrderedDict()
        self._bytes = 0

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return self._bytes

    async def keep(self, owner: str, thoughts: Mapping[str, bytes]) -> None:
        """Keep each under its key, in place of what was there."""
        now = self._clock.monotonic()
        for key, value in thoughts.items():
            self._drop((owner, key))
            self._kept[owner, key] = (now, value)
            self._bytes += len(value) + _OVERHEAD
        self._shrink()

    async def find(self, owner: str, keys: Sequence[str]) -> dict[str, bytes]:
        """What this owner has under the keys; it lives on from now."""
        self._shrink()
        found: dict[str, bytes] = {}
        now = self._clock.monotonic()
        for key in keys if self._kept else ():
            held = self._kept.get((owner, key))
            if held is not None:
                found[key] = held[1]
                self._kept[owner, key] = (now, held[1])
                self._kept.move_to_end((owner, key))
        return found

    def _drop(self, place: tuple[str, str]) -> None:
        held = self._kept.pop(place, None)
        if held is not None:
            self._bytes -= len(held[1]) + _OVERHEAD

    def _shrink(self) -> None:
        oldest = self._clock.monotonic() - self._lifetime
        while self._kept:
            place, (used, _) = next(iter(self._kept.items()))
            if self._bytes <= self._max_bytes and used > oldest:
                return
            self._drop(place)
