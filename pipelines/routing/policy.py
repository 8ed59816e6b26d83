"""How hard to try.

The rule: defaults are LiteLLM's, and every wait is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.deployment import Deployment
from pipelines.errors import Family, GatewayError, UpstreamFailed
from pipelines.routing.hedging import Hedging

# How many further tries each kind of failure is worth; "" stands for those that are not named.
RetryCounts = Mapping[Family | str, int]
OTHERS = ""


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """Retries and waits; times in seconds.

    `num_retries` counts further tries in the same group, before its fallbacks; `retries` by the
    kind of the failure and `group_retries` by the group's name win over it. `first_byte` bounds
    the wait for a stream's first byte, `whole` a reply that is not streamed, `idle` the silence
    within a stream; a deployment's own times win over them. No try begins later than `whole` after
    the call arrived. `checks_fallbacks` leaves out fallbacks that the caller may not use itself.
    `hedging` says when a second deployment is asked beside one that is slow to begin, `traces`
    whether providers are told the trace that a call belongs to.
    """

    num_retries: int = 2
    retry_after: float = 0.0
    longest_wait: float = 60.0
    first_byte: float = 300.0
    whole: float = 600.0
    idle: float = 300.0
    retries: RetryCounts = field(default_factory=dict)
    group_retries: Mapping[str, RetryCounts] = field(default_factory=dict)
    checks_fallbacks: bool = False
    hedging: Hedging = field(default_factory=Hedging)
    traces: bool = False

    def patience(self, deployment: Deployment, streaming: bool) -> float:
        """How long one try with a deployment may take until its first byte, or a whole reply."""
        if streaming:
            return deployment.stream_timeout or deployment.timeout or self.first_byte
        return deployment.timeout or self.whole

    def retries_of(self, group: str, error: GatewayError) -> int | None:
        """How many further tries the operator wants after such a failure; None: not said."""
        if not self.retries and not self.group_retries:
            return None
        counts = self.group_retries.get(group, self.retries)
        found = counts.get(family_of(error))
        return counts.get(OTHERS) if found is None else found

    def insists(self, group: str, error: GatewayError) -> bool:
        """Whether the operator wants such a failure tried again that otherwise is not."""
        if not self.retries and not self.group_retries:
            return False
        return self.group_retries.get(group, self.retries).get(family_of(error), 0) > 0


@dataclass(frozen=True, slots=True)
class Cooldowns:
    """When a deployment rests, and how long; times in seconds.

    `seconds` is the operator's length of a rest (None: what the provider asks for, else five).
    `allowed_fails` failures in a minute, or `allowed_by_family` of one kind, are let pass where
    they are given; without them the share of failures decides.
    """

    disabled: bool = False
    seconds: float | None = None
    allowed_fails: int | None = None
    allowed_by_family: Mapping[Family | str, int] = field(default_factory=dict)


def family_of(error: GatewayError) -> Family:
    """Which kind of failure it is, by the provider's own status where it gave one."""
    if isinstance(error, UpstreamFailed):
        if error.provider_status == 502:
            return "bad_gateway"
        if error.provider_status == 503:
            return "service_unavailable"
    return error.family
