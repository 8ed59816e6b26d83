"""Which deployments may be asked for one call, and which of them first.

The rule: what is known of deployments is looked up anew before each try; nothing is waited for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from pipelines.clock import Clock
from pipelines.deployment import Deployment
from pipelines.errors import ContextTooLong, GatewayError, NoDeployment, UnknownModel
from pipelines.exchange import Exchange
from pipelines.routing.filters import Selection, View, roused, select
from pipelines.routing.retry_budget import RetryBudget
from pipelines.routing.routes import Routes
from pipelines.routing.strategies import Strategy
from pipelines.routing.wishes import Wishes

# As LiteLLM: a call whose tags fit nothing is not let in.
_NOT_LET_IN = 401


@dataclass(frozen=True, slots=True)
class Chooser:
    """Makes the choices of all calls."""

    view: View
    strategy: Strategy
    clock: Clock
    budget: RetryBudget = field(default_factory=RetryBudget)

    def for_call(self, exchange: Exchange, wishes: Wishes, group: str) -> CallChoice:
        """The choices of one call; `group` is the configuration's name of its group."""
        self.budget.began(group, self.clock.monotonic())
        return CallChoice(self, exchange, wishes, group)


class CallChoice:
    """The choices of one call."""

    __slots__ = ("_by", "_exchange", "_group", "_nobody", "_wishes")

    def __init__(self, by: Chooser, exchange: Exchange, wishes: Wishes, group: str) -> None:
        self._by = by
        self._exchange = exchange
        self._wishes = wishes
        self._group = group
        self._nobody: Selection | None = None

    @property
    def refusal(self) -> GatewayError | None:
        """That the prompt is too long, where it fits no deployment that was looked at last."""
        if self._nobody is None or self._nobody.cause != "context":
            return None
        reason = self._nobody.removed[-1][1]
        return ContextTooLong(
            f"The prompt fits into no deployment of the model: {reason}.",
            code="context_length_exceeded",
        )

    def nobody(self, model: str, members: Sequence[Deployment]) -> GatewayError:
        """The error of a call for which none of a model's deployments may be asked."""
        found = self._nobody
        if found is None or found.cause in ("", "rest", "tried", "order"):
            pauses = [self.pause(one) for one in members]
            wait = max(1.0, min(pauses, default=1.0))
            return NoDeployment(model, wait, self._met(members))
        refusal = self.refusal
        if refusal is not None:
            return refusal
        error = NoDeployment(model, None, f"{found.removed[-1][1]}.")
        error.hopeless = True
        error.status = _NOT_LET_IN if found.cause == "tags" else 400
        error.type = "auth_error" if found.cause == "tags" else "invalid_request_error"
        return error

    def _met(self, members: Sequence[Deployment]) -> str:
        """Which kinds of errors made them rest; a provider's own words may be of another's call."""
        health, now = self._by.view.health, self._by.clock.time()
        rests = [health.rest(one.id, now) for one in members]
        codes = sorted({rest.code for rest in rests if rest is not None and rest.code})
        return f"It failed of late ({', '.join(codes)})." if codes else ""

    def kept(
        self, members: Sequence[Deployment], closed: Collection[str]
    ) -> tuple[Deployment, ...]:
        """Those of a group that may be asked now, all of the lowest order; none that is closed."""
        by = self._by
        if by.view.plain and not by.view.health.resting:
            kept = _lowest(members, closed)
            if kept:
                return kept
        found = select(members, self._exchange, by.clock.time(), by.view, self._wishes, closed)
        if not found.kept:
            self._nobody = found
        return found.kept

    def roused(
        self, members: Sequence[Deployment], tried: Collection[str]
    ) -> tuple[Deployment, ...]:
        """Those that rest and were not tried; for a call that has nothing else left."""
        by = self._by
        return roused(members, self._exchange, by.clock.time(), by.view, self._wishes, tried)

    def choose(self, kept: tuple[Deployment, ...]) -> Deployment:
        """One of these, by the operator's strategy."""
        by = self._by
        return by.strategy.choose(kept, self._exchange, by.clock.time())

    def pause(self, deployment: Deployment) -> float:
        """In how many seconds it may be asked again; 0: now."""
        return self._by.view.health.pause(deployment, self._by.clock.time())

    def spend(self, targets: Iterable[Deployment]) -> bool:
        """Whether one more try with one of these may be made; it is counted. Going to one that is
        well multiplies nothing, so it may be done however many there were."""
        by, now = self._by, self._by.clock.time()
        free = any(by.view.health.clean(one, now) for one in targets)
        return by.budget.spend(self._group, by.clock.monotonic(), free)

    def may_use(self, model: str) -> bool:
        """Whether the caller may use the model."""
        return self._exchange.principal.may_use(model)


def _lowest(members: Sequence[Deployment], closed: Collection[str]) -> tuple[Deployment, ...]:
    """What `select` gives where nothing rests and nothing about the call decides."""
    lowest = min([one.order for one in members])
    return tuple([one for one in members if one.order == lowest and one.id not in closed])


def unknown_model(exchange: Exchange, routes: Routes) -> UnknownModel:
    """That nobody serves the model, and which ones the caller may ask for."""
    names = (*routes.names, *routes.wildcards)
    known = [name for name in names if exchange.principal.may_use(name)]
    return UnknownModel(exchange.call.model, known)
