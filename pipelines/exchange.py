"""One call of one client, from its arrival to the settling of its account.

The rule: stages talk to each other through declared fields only; a field read before it was given
raises StageOrder.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.errors import GatewayError, StageOrder
from pipelines.upstream import UpstreamRequest
from pipelines.usage import NO_USAGE, Usage


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: the key's alias and digest, and the models it may use (None: all)."""

    alias: str
    digest: str = ""
    models: frozenset[str] | None = None

    @property
    def owner(self) -> str:
        """Whose that is which is kept for this caller."""
        return self.digest or self.alias

    def may_use(self, model: str) -> bool:
        """Whether this caller may use the model name."""
        return self.models is None or model in self.models


@dataclass(slots=True)
class Attempt:
    """One try with one deployment; times are monotonic seconds."""

    deployment: Deployment
    started: float
    committed: bool = False
    first_byte: float | None = None
    ended: float | None = None
    error: GatewayError | None = None


@dataclass(slots=True, eq=False)
class Exchange:
    """The state of one call; `arrived` and `first_byte` are monotonic seconds, `cost` is in
    nano-dollars (None: unknown)."""

    id: str
    call: Call
    arrived: float
    attempts: list[Attempt] = field(default_factory=list)
    fallbacks: int = 0
    usage: Usage = NO_USAGE
    losses: list[str] = field(default_factory=list)
    cost: int | None = None
    cached: bool = False
    first_byte: float | None = None
    client_gone: bool = False
    notes: dict[str, object] = field(default_factory=dict)
    _principal: Principal | None = None
    _deployment: Deployment | None = None
    _upstream: UpstreamRequest | None = None

    @property
    def principal(self) -> Principal:
        """Who calls; given by auth."""
        if self._principal is None:
            raise StageOrder("principal", "auth")
        return self._principal

    @principal.setter
    def principal(self, value: Principal) -> None:
        self._principal = value

    @property
    def known_principal(self) -> Principal | None:
        """Who calls, or None where auth refused or did not run."""
        return self._principal

    @property
    def deployment(self) -> Deployment:
        """Who is to serve this attempt; given by route, anew for each attempt."""
        if self._deployment is None:
            raise StageOrder("deployment", "route")
        return self._deployment

    @property
    def upstream(self) -> UpstreamRequest:
        """What this attempt sends; given by translate."""
        if self._upstream is None:
            raise StageOrder("upstream", "translate")
        return self._upstream

    @upstream.setter
    def upstream(self, value: UpstreamRequest) -> None:
        self._upstream = value

    def attempt(self, deployment: Deployment, now: float) -> Attempt:
        """Begin one more try; it is remembered whatever happens."""
        self._deployment = deployment
        self._upstream = None
        attempt = Attempt(deployment, now)
        self.attempts.append(attempt)
        return attempt
