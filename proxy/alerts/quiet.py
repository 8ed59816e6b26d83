"""Remembers what was told already.

The rule: a cause is told once in its time by all processes together; while the ledger is away each
one decides by itself, for an alert too many is better than none.
"""

from __future__ import annotations

from uuid import uuid4

from pipelines.clock import Clock
from pipelines.errors import StoreUnavailable
from pipelines.ledger import Hold, Ledger, Rate, Refused, Settlement

MOST = 10_000


class Quiet:
    """Says which causes may be told; a shared `ledger` makes them known to other processes."""

    def __init__(self, clock: Clock, ledger: Ledger | None = None) -> None:
        self._now = clock.monotonic
        self._ledger = ledger
        self._until: dict[str, float] = {}

    async def claim(self, cause: str, seconds: float) -> bool:
        """Whether this cause may be told now; then it is quiet for so many seconds."""
        now = self._now()
        if now < self._until.get(cause, 0.0):
            return False
        if len(self._until) >= MOST:
            self._forget(now)
        self._until[cause] = now + seconds
        return self._ledger is None or await self._first(self._ledger, cause, seconds)

    async def _first(self, ledger: Ledger, cause: str, seconds: float) -> bool:
        # A rate of one is what all processes share already.
        rate = Rate(f"alert:{cause}", 1, width=max(1, int(seconds)))
        hold = Hold(f"alert:{uuid4().hex}", 0, rates=(rate,))
        try:
            if isinstance(await ledger.reserve(hold), Refused):
                return False
        except StoreUnavailable:
            return True
        ledger.settle(Settlement(hold, 0))
        return True

    def _forget(self, now: float) -> None:
        self._until = {cause: until for cause, until in self._until.items() if now < until}
        if len(self._until) >= MOST:
            self._until.clear()
