"""Finds the callbacks that a caller's key and team have of their own.

The rule: what was found is good for a minute; while the database is away, what was known before is
good for longer.
"""

from __future__ import annotations

from collections import OrderedDict

from pipelines.clock import Clock
from pipelines.errors import StoreUnavailable
from proxy.config.callbacks import CallbackSettings
from proxy.config.own_callbacks import Own, merged, own_callbacks
from proxy.stores.entities.kinds import Key, Team
from proxy.stores.entities.store import EntityStore
from proxy.telemetry.logging import get_logger

GOOD_FOR = 60.0
MOST = 10_000

Whose = tuple[str, str | None]


class OwnCallbacks:
    """Knows callbacks by a key's and a team's id."""

    def __init__(self, entities: EntityStore, settings: CallbackSettings, clock: Clock) -> None:
        self._entities = entities
        self._settings = settings
        self._now = clock.monotonic
        self._known: OrderedDict[Whose, tuple[float, tuple[Own, ...]]] = OrderedDict()
        self._told: set[str] = set()

    def known(self, whose: Whose) -> tuple[Own, ...] | None:
        """Those of this key and team, where that is known; never waits."""
        found = self._known.get(whose)
        return found[1] if found is not None and self._now() < found[0] else None

    async def find(self, whose: Whose) -> tuple[Own, ...]:
        """Those of this key and team; those of the key win. Never raises: nobody is to wait for a
        database that is away."""
        known = self.known(whose)
        if known is not None:
            return known
        id, team_id = whose
        try:
            key = await self._entities.get(Key, id) if id else None
            team = await self._entities.get(Team, team_id) if team_id else None
        except StoreUnavailable:
            old = self._known.get(whose)
            return () if old is None else old[1]
        found = merged(*[self._read(one) for one in (key, team) if one is not None])
        self._known[whose] = (self._now() + GOOD_FOR, found)
        self._known.move_to_end(whose)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return found

    def _read(self, one: Key | Team) -> list[Own]:
        found, problems = own_callbacks(one.metadata, self._settings)
        for problem in problems:
            words = f"{one.kind} {one.id}: {problem}"
            if words not in self._told and len(self._told) < MOST:
                self._told.add(words)
                get_logger(__name__).warning(
                    "a callback is left out", kind=one.kind, id=one.id, reason=problem
                )
        return found
