"""When a second deployment is asked because the first one is slow to begin.

The rule: what is usual for the model decides; where too little is known of it, the operator's own
figure does, and without one nobody is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.routing.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Hedging:
    """Times in seconds: a stream is late after the time within which nineteen of twenty of its
    model began, never before `least` and always after `most`; `after` holds where too few are
    known. `whole` hedges replies that are not streamed too, `after` their begin."""

    after: float | None = None
    least: float = 0.1
    most: float = 30.0
    whole: bool = False

    def delay(self, traffic: Traffic, ids: Iterable[str], streaming: bool) -> float | None:
        """After how many seconds a second one is asked besides these deployments; None: never."""
        if not streaming:
            return self.after if self.whole else None
        found = traffic.late(ids)
        if found is None:
            return self.after
        return min(self.most, max(self.least, found))
