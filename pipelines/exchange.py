"""One call of one client, from its arrival to the settling of its account.

The rule: stages talk to each other through declared fields only; a field read before it was given
raises StageOrder.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipelines.access import Bearer, Layer, model_refused
from pipelines.addresses import Network
from pipelines.allowance import Allowance
from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.errors import GatewayError, StageOrder
from pipelines.upstream import UpstreamRequest
from pipelines.usage import NO_USAGE, Usage

_OF_TEAM = frozenset({"key", "team", "member"})


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: the key's alias and digest, whom it belongs to, and every allowance that its calls
    are counted against.

    `models` is a plain list of the models it may use (None: all); `layers` are further ones, and
    each must allow the model. `aliases` and `team_aliases` put other models in the place of those
    that are asked for. `routes` and `networks` say what it may call and from where (empty: all).
    """

    alias: str
    digest: str = ""
    models: frozenset[str] | None = None
    key_id: str = ""
    user_id: str | None = None
    team_id: str | None = None
    organization_id: str | None = None
    end_user: str | None = None
    tags: tuple[str, ...] = ()
    role: str = "proxy_admin"
    allowances: tuple[Allowance, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    layers: tuple[Layer, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    team_aliases: Mapping[str, str] = field(default_factory=dict)
    routes: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()

    @property
    def owner(self) -> str:
        """Whose that is which is kept for this caller."""
        return self.digest or self.alias

    def may_use(self, model: str) -> bool:
        """Whether this caller may use the model name."""
        return self._refuser(*self._names(model)) is None

    def outgoing(self, model: str) -> str:
        """The model that a name stands for with this caller. Raises Forbidden."""
        asked, sent = self._names(model)
        refuser = self._refuser(asked, sent)
        if refuser is not None:
            raise model_refused(refuser, model)
        return sent

    def _names(self, model: str) -> tuple[str, str]:
        asked = self.aliases.get(model, model)
        return asked, self.team_aliases.get(asked, asked)

    def _refuser(self, asked: str, sent: str) -> Bearer | None:
        if self.models is not None and sent not in self.models:
            return "key"
        for layer in self.layers:
            # A team's alias is the team's own choice, which binds no organization and no user.
            if not layer.allows(sent) and not (layer.bearer in _OF_TEAM and layer.allows(asked)):
                return layer.bearer
        return None


class Reserves(Protocol):
    """Takes what an attempt may cost before it is made; given by the budget stage."""

    async def take(self, deployment: Deployment) -> None:
        """Hold what an attempt with this deployment may cost.

        Raises OverBudget, RateLimited, Busy and StoreUnavailable.
        """

    @property
    def meters(self) -> bool:
        """Whether the attempt's reply may be cut short."""


class Measures(Protocol):
    """Knows at any moment what the running attempt has consumed; given by translate."""

    @property
    def usage(self) -> Usage:
        """What was consumed as far as it is known by now."""


@dataclass(slots=True)
class RateState:
    """The tightest limit of its kind: how much of it is left, and seconds until all is back."""

    limit: int
    remaining: int
    reset: int


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
    """The state of one call; `arrived` and `first_byte` are monotonic seconds, `started` seconds
    since 1970; `cost` is in nano-dollars (None: unknown), and `cost_source` says by whom: operator,
    provider, table or unknown. A client may choose the `id`, and twice the same; `serial` is the
    gateway's own and once only. `outgoing` is the call as this attempt sends it where it is not
    the client's own (a budget lowered its length); `requests` and `tokens` are the caller's
    tightest rates. `leave` lets go of the provider, and `cut` says why its reply ended early."""

    id: str
    call: Call
    arrived: float
    attempts: list[Attempt] = field(default_factory=list)
    fallbacks: int = 0
    usage: Usage = NO_USAGE
    losses: list[str] = field(default_factory=list)
    cost: int | None = None
    cost_source: str = "unknown"
    started: float = 0.0
    serial: str = ""
    cached: bool = False
    first_byte: float | None = None
    client_gone: bool = False
    notes: dict[str, object] = field(default_factory=dict)
    reservation: Reserves | None = None
    outgoing: Call | None = None
    gauge: Measures | None = None
    leave: Callable[[], Awaitable[None]] | None = None
    cut: GatewayError | None = None
    requests: RateState | None = None
    tokens: RateState | None = None
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
        self.outgoing = None
        self.losses = []
        self.gauge = None
        self.leave = None
        self.cut = None
        self.usage = NO_USAGE
        self.cost = None
        self.cost_source = "unknown"
        attempt = Attempt(deployment, now)
        self.attempts.append(attempt)
        return attempt

    async def cut_short(self, error: GatewayError) -> None:
        """Let go of the provider, so that translate ends the reply as one that is long enough.

        Raises the error where nobody writes that end.
        """
        if self.leave is None:
            raise error
        self.cut = error
        await self.leave()
