"""Remembers what was read, reads each thing once at a time, and lives through the store's absence.

The rule: an answer is used for as long as nothing it was built from has changed; where changes may
have been missed it is read again, and only while the store is gone does the old one go on, for a
grace that is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pipelines.clock import Clock
from pipelines.errors import StoreUnavailable
from proxy.background import Background
from proxy.stores.keys.kept import Kept, Source

PATIENCE = 0.5
AGAIN_AFTER = 1.0
LONGEST = 300.0
MOST_READS = 5

_GONE = "The keys cannot be looked up just now; please try again."

T = TypeVar("T")


@dataclass(slots=True)
class Answer(Generic[T]):
    """What was read: good until `until`, and not at all from `ends` on (seconds since 1970).

    `sources` are the entities it was built from. `stale_since` is when it could first have missed a
    change, in monotonic seconds.
    """

    value: T
    sources: frozenset[Source]
    until: float = float("inf")
    ends: float = float("inf")
    stale_since: float | None = None


Load = Callable[[], Awaitable[Answer[T] | None]]


@dataclass(slots=True, eq=False)
class _Flight(Generic[T]):
    future: asyncio.Future[Answer[T] | StoreUnavailable | None]
    heard: set[Source] = field(default_factory=set)
    missed: bool = False


class Lookups(Generic[T]):
    """Answers by their names, at most `size` of them; `grace` in seconds."""

    def __init__(self, size: int, grace: float, clock: Clock, background: Background) -> None:
        self._kept: Kept[Hashable, Answer[T]] = Kept(size)
        self._grace = grace
        self._clock = clock
        self._background = background
        self._flights: dict[Hashable, _Flight[T]] = {}
        self._away_until = 0.0

    def __iter__(self) -> Iterator[T]:
        """All that is remembered, the latest last."""
        return (answer.value for answer in self._kept)

    def known(self, name: Hashable) -> Answer[T] | None:
        """The answer where it is good as it stands."""
        found = self._kept.get(name)
        if found is None or found.stale_since is not None or self._clock.time() >= found.until:
            return None
        return found

    async def find(self, name: Hashable, load: Load[T]) -> Answer[T] | None:
        """The answer under this name, read where it must be; None: there is none.

        Raises StoreUnavailable.
        """
        found = self.known(name)
        if found is not None:
            return found
        old = self._in_grace(name)
        if self._clock.monotonic() < self._away_until:
            return self._without_store(old)
        flight = self._flights.get(name)
        if flight is None:
            flight = self._flights[name] = _Flight(self._background.loop.create_future())
            self._background.spawn(self._fly(name, flight, load), "look up a caller")
        if old is not None:
            # Whoever is known does not wait long for a store that does not answer.
            await asyncio.wait({flight.future}, timeout=PATIENCE)
            if not flight.future.done():
                return old
        outcome = await asyncio.shield(flight.future)
        if isinstance(outcome, StoreUnavailable):
            self._away_until = self._clock.monotonic() + AGAIN_AFTER
            return self._without_store(old)
        return outcome

    def changed(self, source: Source) -> None:
        """Forget all that was built from this entity."""
        self._kept.changed(source)
        for flight in self._flights.values():
            flight.heard.add(source)

    def missed(self) -> None:
        """Changes may have been missed: read everything again before it is used."""
        now = self._clock.monotonic()
        for one in self._kept:
            if one.stale_since is None:
                one.stale_since = now
        for flight in self._flights.values():
            flight.missed = True

    def _in_grace(self, name: Hashable) -> Answer[T] | None:
        found = self._kept.get(name)
        if found is None:
            return None
        now = self._clock.monotonic()
        if found.stale_since is None:
            found.stale_since = now
        is_over = now - found.stale_since > self._grace or self._clock.time() >= found.ends
        return None if is_over else found

    def _without_store(self, old: Answer[T] | None) -> Answer[T]:
        if old is None:
            raise StoreUnavailable(_GONE)
        return old

    async def _fly(self, name: Hashable, flight: _Flight[T], load: Load[T]) -> None:
        outcome: Answer[T] | StoreUnavailable | None = StoreUnavailable(_GONE)
        try:
            outcome = await self._read(name, flight, load)
        except StoreUnavailable as error:
            outcome = error
        finally:
            del self._flights[name]
            if not flight.future.done():
                flight.future.set_result(outcome)

    async def _read(self, name: Hashable, flight: _Flight[T], load: Load[T]) -> Answer[T] | None:
        for _ in range(MOST_READS):
            flight.heard.clear()
            flight.missed = False
            found = await load()
            if found is None:
                self._kept.drop(name)
                return None
            if not flight.missed and not flight.heard & found.sources:
                found.until = min(found.until, self._clock.time() + LONGEST)
                self._kept.put(name, found, found.sources)
                return found
        # It changes faster than it can be read: right for now, and not to be remembered.
        return found
