"""How much time a call and each of its attempts have.

The rule: no attempt may take what the next one would need, and none begins when the time is over.
After its first byte, a stream is bounded by its own silence alone.
"""

from __future__ import annotations

from pipelines.deployment import Deployment
from pipelines.exchange import Exchange
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.wishes import Wishes

# What is kept back for another try: this share of what is left, and never more seconds.
KEPT_BACK = 0.25
MOST_KEPT_BACK = 60.0


class Deadline:
    """The time of one call, in monotonic seconds; `total` is how long it may take, and `hurried`
    whether the client gives the current attempt less time than the operator would."""

    __slots__ = ("_policy", "_until", "_wishes", "hurried", "total")

    def __init__(self, exchange: Exchange, policy: RoutePolicy, wishes: Wishes) -> None:
        self._policy = policy
        self._wishes = wishes
        self.total = wishes.timeout or policy.whole
        self._until = exchange.arrived + self.total
        self.hurried = False

    def left(self, now: float) -> float:
        """How many seconds are left; none, where it is negative."""
        return self._until - now

    def patience(self, exchange: Exchange, deployment: Deployment, spare: bool) -> float:
        """How long the attempt that begins may take until its first byte, or a whole reply;
        `spare`: there is something else to try then."""
        streaming, wishes = exchange.call.streaming, self._wishes
        usual = self._policy.patience(deployment, streaming)
        wished = (wishes.stream_timeout if streaming else None) or wishes.timeout
        bound = wished or usual
        left = self._until - exchange.attempts[-1].started
        if bound >= left:
            bound = left - min(MOST_KEPT_BACK, left * KEPT_BACK) if spare else left
        self.hurried = wished is not None and bound < usual
        return bound
