"""How hard to try.

The rule: defaults are LiteLLM's, and every wait is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """Retries and waits; times in seconds.

    `num_retries` counts further tries in the same group, before its fallbacks. `first_byte` bounds
    the wait for a stream's first byte, `whole` a reply that is not streamed, `idle` the silence
    within a stream; a deployment's own times win over them.
    """

    num_retries: int = 2
    retry_after: float = 0.0
    longest_wait: float = 60.0
    first_byte: float = 300.0
    whole: float = 600.0
    idle: float = 300.0
