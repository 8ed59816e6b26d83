"""What would be asked for a call, in which order, and why not the others.

The rule: it looks with the same filters, strategy and names as a call does, and changes nothing: no
provider is asked, nothing is held, and no try is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pipelines.deployment import Deployment
from pipelines.errors import ContentRefused, ContextTooLong, GatewayError
from pipelines.exchange import Exchange
from pipelines.routing.choice import Chooser, unknown_model
from pipelines.routing.filters import select
from pipelines.routing.health import Rest
from pipelines.routing.needs import likely_tokens
from pipelines.routing.traffic import Seen
from pipelines.routing.tries import Rules, names_of
from pipelines.routing.wishes import Alternative, Wishes, wishes_of

# So often the strategy is asked, to see how it spreads calls.
DRAWS = 100
LATEST = 10
HOUR = 3600.0

Role = Literal["asked", "fallback", "context_window", "content_policy"]


@dataclass(frozen=True, slots=True)
class Considered:
    """One deployment: why it is not asked (empty: it may be), its `share` of such calls, what it
    does now, and its rest; `latency` is in seconds to the first byte of a stream, or a token of a
    whole reply; `patience` is how many seconds one try with it may take."""

    deployment: Deployment
    removed: str
    share: float
    seen: Seen
    latency: float | None
    patience: float
    rest: Rest | None


@dataclass(frozen=True, slots=True)
class Explained:
    """One group in its turn, as the name says that led to it; `passed_over` says why it would not
    be visited, `allowed` whether the caller may ask for it by itself."""

    name: str
    group: str
    role: Role
    allowed: bool
    passed_over: str
    deployments: tuple[Considered, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The groups in the order in which a call would visit them. `retries` are further tries in the
    first one, `total` the seconds of the whole call, `tokens` a rough count of its prompt."""

    groups: tuple[Explained, ...]
    retries: int
    total: float
    tokens: int


class Explainer:
    """Explains calls by the rules of the gateway."""

    def __init__(self, rules: Rules, chooser: Chooser) -> None:
        self._rules = rules
        self._chooser = chooser

    def explain(self, exchange: Exchange) -> Explanation:
        """How this call would go. Raises UnknownModel, and BadCall where its wishes make no
        sense."""
        call, policy = exchange.call, self._rules.policy
        if not self._rules.routes.find(call.model):
            raise unknown_model(exchange, self._rules.routes)
        wishes = wishes_of(call)
        retries = policy.num_retries if wishes.num_retries is None else wishes.num_retries
        return Explanation(
            groups=tuple(self._groups(exchange, wishes)),
            retries=retries,
            total=wishes.timeout or policy.whole,
            tokens=likely_tokens(call),
        )

    def _groups(self, exchange: Exchange, wishes: Wishes) -> Iterator[Explained]:
        first = self._explained(exchange, wishes, Alternative(exchange.call.model), "asked")
        yield first
        if wishes.disable_fallbacks:
            return
        operators, names = self._rules.routes.fallbacks, self._names(first.group)
        own, usual = wishes.fallbacks, operators.of(*names)
        yield from self._fallbacks(exchange, wishes, first, _alternatives(usual, own))
        special: tuple[tuple[Role, GatewayError, tuple[Alternative, ...] | None], ...] = (
            ("context_window", ContextTooLong(""), wishes.context_window_fallbacks),
            ("content_policy", ContentRefused(""), wishes.content_policy_fallbacks),
        )
        for role, error, wished in special:
            for one in _alternatives(operators.after(error, *names), wished):
                yield self._explained(exchange, wishes, one, role)

    def _fallbacks(
        self, exchange: Exchange, wishes: Wishes, first: Explained, waiting: list[Alternative]
    ) -> Iterator[Explained]:
        """The groups after the first one; what follows on one comes before its sisters."""
        fallbacks = self._rules.routes.fallbacks
        visited, count = {first.group}, 0
        while waiting and count < fallbacks.depth:
            found = waiting.pop(0)
            group = self._rules.routes.group(found.model)
            if group in visited and not found.fields:
                continue
            visited.add(group)
            explained = self._explained(exchange, wishes, found, "fallback")
            yield explained
            count += not explained.passed_over
            waiting[:0] = _alternatives(fallbacks.of(*self._names(group)), None)

    def _explained(
        self, exchange: Exchange, wishes: Wishes, found: Alternative, role: Role
    ) -> Explained:
        routes, policy = self._rules.routes, self._rules.policy
        members = routes.find(found.model)
        allowed = exchange.principal.may_use(found.model)
        deployments = self._considered(exchange, wishes, members) if members else ()
        passed_over = ""
        if not members:
            passed_over = "no deployment serves this name"
        elif not allowed and (role == "asked" or policy.checks_fallbacks):
            passed_over = "the caller may not use it"
        elif all(one.removed for one in deployments):
            passed_over = "none of its deployments may be asked now"
        group = routes.group(found.model)
        return Explained(found.model, group, role, allowed, passed_over, deployments)

    def _considered(
        self, exchange: Exchange, wishes: Wishes, members: Sequence[Deployment]
    ) -> tuple[Considered, ...]:
        view, strategy = self._chooser.view, self._chooser.strategy
        now, streaming = self._chooser.clock.time(), exchange.call.streaming
        found = select(members, exchange, now, view, wishes)
        removed = {one.id: why for one, why in found.removed}
        drawn = Counter[str]()
        if len(found.kept) == 1:
            drawn[found.kept[0].id] = DRAWS
        elif found.kept:
            drawn.update(strategy.choose(found.kept, exchange, now).id for _ in range(DRAWS))
        return tuple(
            Considered(
                deployment=one,
                removed=removed.get(one.id, ""),
                share=drawn[one.id] / DRAWS,
                seen=view.traffic.seen(one.id, now),
                latency=view.traffic.latency(one.id, streaming, now - HOUR, LATEST),
                patience=self._rules.policy.patience(one, streaming),
                rest=view.health.rest(one.id, now),
            )
            for one in members
        )

    def _names(self, group: str) -> tuple[str, ...]:
        return names_of(group, self._rules.routes.find(group))


def _alternatives(names: Sequence[str], own: tuple[Alternative, ...] | None) -> list[Alternative]:
    """What the client says, else what the operator says."""
    return [Alternative(name) for name in names] if own is None else list(own)
