"""What the operator decided of how deployments are chosen.

The rule: it is plain data; the strategy behind the name is made from it where the traffic is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.routing.affinity import Affinity, Stickiness
from pipelines.routing.filters import Checks

USUAL_STRATEGY = "simple-shuffle"


@dataclass(frozen=True, slots=True)
class Choosing:
    """The strategy's name with its arguments, what is looked at before a call, and which calls stay
    together."""

    strategy: str = USUAL_STRATEGY
    args: Mapping[str, Any] = field(default_factory=dict)
    checks: Checks = field(default_factory=Checks)
    stickiness: Stickiness = field(default_factory=Stickiness)

    def affinity(self) -> Affinity | None:
        """A memory of who served whom, or None where no calls stay together."""
        return Affinity(self.stickiness) if self.stickiness else None
