"""One call of one client, from its arrival to the settling of its account.

The rule: stages talk to each other through declared fields only; a field read before it was given
raises StageOrder.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pipelines.access import Bearer, Layer, model_refused
from pipelines.addresses import Network
from pipelines.allowance import Allowance
from pipelines.call import Call
from pipelines.continuation import Continuation
from pipelines.deployment import Deployment
from pipelines.errors import Busy, GatewayError, OverBudget, StageOrder
from pipelines.events import Flow, Headers
from pipelines.upstream import UpstreamRequest
from pipelines.usage import NO_USAGE, Usage

CacheState = Literal["bypass", "miss", "hit", "joined"]

_OF_TEAM = frozenset({"key", "team", "member"})


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: the key's alias and digest, whom it belongs to, and every allowance that its calls
    are counted against.

    `models` is a plain list of the models it may use (None: all); `layers` are further ones, and
    each must allow the model. `aliases` and `team_aliases` put other models in the place of those
    that are asked for. `routes` and `networks` say what it may call and from where (empty: all),
    and `region` to which deployments its calls may go (empty: all).
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
    region: str = ""
    team_alias: str | None = None
    user_email: str | None = None

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

    def settle(self) -> None:
        """Put what the attempt cost in the place of its hold, if one is held."""

    @property
    def check_at(self) -> float | None:
        """After how many bytes of the reply it is to be metered; None: never."""

    async def meter(self) -> None:
        """Hold more where the reply grew longer than what is held. Raises OverBudget."""

    def beside(self, exchange: Exchange) -> Reserves:
        """A reservation for a second attempt that runs at the same time as this one's."""

    @property
    def meters(self) -> bool:
        """Whether the attempt's reply may be cut short."""


class Measures(Protocol):
    """Knows at any moment what the running attempt has consumed; given by translate."""

    @property
    def usage(self) -> Usage:
        """What was consumed as far as it is known by now."""


class Passes(Protocol):
    """The run of this exchange through the chain; given by the chain."""

    def apart(
        self, after: str, exchange: Exchange | None = None, around: tuple[Any, ...] = ()
    ) -> AbstractAsyncContextManager[Flow]:
        """The stages behind the stage `after`, as a run of its own that another task may make;
        for this exchange, or for one that was branched off. The stages `around` come first."""


class Outlives(Protocol):
    """What goes on with the call when its client has left; given by cache."""

    @property
    def over(self) -> bool:
        """Whether nothing of the call runs any more."""

    def then(self, work: Callable[[], None]) -> None:
        """Do the work as soon as it is over."""


@dataclass(slots=True)
class RateState:
    """The tightest limit of its kind: how much of it is left, and seconds until all is back."""

    limit: int
    remaining: int
    reset: int


@dataclass(slots=True)
class Attempt:
    """One try with one deployment; times are monotonic seconds, the cost is in nano-dollars.

    `usage` and `cost` are filled when the next try begins, or the exchange ends; `kind` says what
    it was besides the first one. `heard` are the headers of the provider's reply.
    """

    deployment: Deployment
    started: float
    committed: bool = False
    first_byte: float | None = None
    ended: float | None = None
    error: GatewayError | None = None
    kind: Literal["first", "retry", "fallback", "continue", "hedge"] = "first"
    usage: Usage = NO_USAGE
    cost: int | None = None
    heard: Headers = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Exchange:
    """The state of one call; `arrived` and `first_byte` are monotonic seconds, `started` seconds
    since 1970; `cost` is in nano-dollars (None: unknown), and `cost_source` says by whom: operator,
    provider, table or unknown. A client may choose the `id`, and twice the same; `serial` is the
    gateway's own and once only. `outgoing` is the call as this attempt sends it where it is not
    the client's own (a budget lowered its length); `requests` and `tokens` are the caller's
    tightest rates. `patience` is how many seconds this attempt has until its first byte, where the
    call has a deadline, `effort` how many retries it may have and how many seconds in all; `cache`
    is what the cache had to say, `cache_key` under which name; `replayed` says that an
    Idempotency-Key was answered again, `stream_id` how to resume the reply; `mirror_of` is the id
    of the call that this one is a copy of.
    `usage` and `cost` are those of the last attempt; `total_usage` and `total_cost` of all.
    `leave` lets go of the provider, and `cut` says why its reply ended early.
    """

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
    patience: float | None = None
    effort: tuple[int, float] | None = None
    passage: Passes | None = None
    outlives: Outlives | None = None
    continuation: Continuation | None = None
    cache: CacheState = "bypass"
    cache_key: str = ""
    replayed: bool = False
    stream_id: str = ""
    mirror_of: str = ""
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

    @property
    def was_sent(self) -> bool:
        """Whether this attempt came so far that its provider is asked."""
        return self._upstream is not None

    def attempt(self, deployment: Deployment, now: float) -> Attempt:
        """Begin one more try; it is remembered whatever happens."""
        self.close_attempt()
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

    def close_attempt(self) -> None:
        """Write down with the last attempt what it consumed."""
        if self.attempts:
            last = self.attempts[-1]
            last.usage, last.cost = self.usage, self.cost

    @property
    def total_cost(self) -> int | None:
        """What all attempts cost; None where the last one's cost is unknown."""
        if len(self.attempts) < 2 or self.cost is None:
            return self.cost
        return self.cost + sum(one.cost or 0 for one in self.attempts[:-1])

    @property
    def total_usage(self) -> Usage:
        """What all attempts consumed."""
        total = self.usage
        for one in self.attempts[:-1]:
            if one.usage is not NO_USAGE:
                total = total.plus(one.usage)
        return total

    def branch(self) -> Exchange:
        """The same call for an attempt beside this one; what becomes of it is its own."""
        other = Exchange(self.id, self.call, self.arrived, started=self.started)
        other.serial = f"{self.serial or self.id}+"
        other._principal = self._principal
        other.passage, other.patience = self.passage, self.patience
        if self.continuation is not None:
            other.continuation = Continuation()
        if self.reservation is not None:
            other.reservation = self.reservation.beside(other)
        return other

    def adopt(self, branch: Exchange) -> None:
        """Take over what became of an attempt that was branched off; it stands for the call."""
        last = branch.attempts[-1]
        if self.attempts[-1] is not last:
            self.attempts[:] = [*(one for one in self.attempts if one is not last), last]
        self.cut = branch.cut
        self._deployment, self._upstream = branch._deployment, branch._upstream
        self.outgoing, self.losses, self.gauge = branch.outgoing, branch.losses, branch.gauge
        self.usage, self.cost, self.cost_source = branch.usage, branch.cost, branch.cost_source
        self.continuation = branch.continuation
        self.requests = branch.requests or self.requests
        self.tokens = branch.tokens or self.tokens

    def when_over(self, work: Callable[[], None]) -> None:
        """Do the work now, or where the call goes on without its client, when that is over."""
        if self.outlives is None or self.outlives.over:
            work()
        else:
            self.outlives.then(work)

    async def meter(self) -> None:
        """Hold more where the reply grew longer than what is held, and cut it short where nothing
        is left. Raises OverBudget and Busy where nobody writes its end."""
        if self.reservation is not None:
            try:
                await self.reservation.meter()
            except (OverBudget, Busy) as error:
                await self.cut_short(error)

    async def cut_short(self, error: GatewayError) -> None:
        """Let go of the provider, so that translate ends the reply as one that is long enough.

        Raises the error where nobody writes that end.
        """
        if self.leave is None:
            raise error
        self.cut = error
        await self.leave()
