"""Where a call would go, told without making it.

The rule: it is decided as a call's way is decided; a caller asks for himself, and only who may see
everything asks for others. No provider is called, nothing is held, and no prompt is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

import orjson
from pydantic import Field

from pipelines.cache_controls import controls_of
from pipelines.cache_keys import cache_key
from pipelines.call import Call
from pipelines.errors import Forbidden
from pipelines.exchange import Exchange, Principal
from pipelines.money import cost
from pipelines.operations import OPERATIONS, Operation
from pipelines.parties import noted
from pipelines.routing.explain import Considered, Explained
from pipelines.usage import Usage
from proxy.admin.errors import DetailedRefusal, NotFound
from proxy.admin.fields import Answer, Name, OpenBody
from proxy.admin.frame import Endpoint
from proxy.admin.money import usd
from proxy.admin.roles import EVERYBODY
from proxy.admin.session import Session
from proxy.admin.shorthand import asking
from proxy.stores.keys.digest import is_digest

THOUSAND = 1000
_BY_NAME: Mapping[str, Operation] = MappingProxyType({one.name: one for one in OPERATIONS})


class ExplainBody(OpenBody):
    """The body of a call, or its `model` alone; `key` is a secret or a digest (`token`) of another
    caller, `operation` what is asked for (`chat`, `embeddings`, `messages`, …)."""

    model: Name
    key: Annotated[str | None, Field(max_length=4096)] = None
    operation: Name = "chat"


class DeploymentAnswer(Answer):
    """One deployment. `removed` says why it would not be asked, `share` how many of such calls it
    gets; times are in seconds, sums in US dollars (null: unknown), and `used_…` are of the running
    minute, where no limit is null."""

    id: str
    provider: str
    model: str
    order: int
    removed: str | None
    share: float
    weight: float | None
    input_cost_per_token: float | None
    output_cost_per_token: float | None
    prompt_cost: float | None
    rpm: int | None
    used_rpm: int
    tpm: int | None
    used_tpm: int
    max_parallel_requests: int | None
    in_flight: int
    latency: float | None
    timeout: float
    max_retries: int | None
    rests_for_seconds: float | None
    rests_because: str | None
    continues: bool
    hedges: bool


class GroupAnswer(Answer):
    """One group in its turn: `role` is `asked`, `fallback`, or the failure that it is for;
    `passed_over` says why it would not be visited."""

    name: str
    group: str
    role: str
    allowed: bool
    passed_over: str | None
    deployments: list[DeploymentAnswer]


class CacheAnswer(Answer):
    """Whether the reply may come from the cache: under which `key` (null: it may not, or the body
    is not whole), who shares it, and whether it is `known` now."""

    enabled: bool
    scope: str
    key: str | None = None
    known: bool = False


class ExplainAnswer(Answer):
    """How a call would go; times are in seconds. `refused` is what the caller would be told where
    he may not use the model."""

    model: str
    caller: str
    refused: str | None
    strategy: str
    num_retries: int
    timeout: float
    prompt_tokens: int
    groups: list[GroupAnswer]
    cache: CacheAnswer


async def explain(session: Session, body: ExplainBody) -> ExplainAnswer:
    """Where a call would go, and why not elsewhere. No provider is called."""
    sent = body.model_extra or {}
    call = _call(body, sent)
    principal = await _caller(session, body.key)
    party = session.backing.parties.party(call)
    if party is not None:
        principal = noted(principal, party)
    refused = None
    try:
        model = principal.outgoing(call.model)
    except Forbidden as error:
        model, refused = call.model, error.message
    if refused is not None and not session.reach.sees_all:
        # What he may not use, he may not look at either.
        raise Forbidden(refused)
    if model != call.model:
        call = call.altered({"model": model})
    now = session.now.timestamp()
    exchange = Exchange("explain", call, 0.0, started=now)
    exchange.principal = principal
    found = session.backing.explainer.explain(exchange)
    seen = (one for one in found.groups if one.allowed or session.reach.sees_all)
    return ExplainAnswer(
        model=body.model,
        caller=principal.alias,
        refused=refused,
        strategy=session.settings.choosing.strategy,
        num_retries=found.retries,
        timeout=found.total,
        prompt_tokens=found.tokens,
        groups=[_group(one, now, found.tokens) for one in seen],
        cache=await _cache(session, call, principal, _is_whole(call.operation, sent)),
    )


async def _caller(session: Session, key: str | None) -> Principal:
    own = session.principal
    if key is None:
        return own
    named = key if is_digest(key) else session.digest(key)
    if named == own.digest:
        return own
    session.demand(session.reach.sees_all, "You may ask for your own key only.")
    found = await session.backing.keys.holder(named)
    if found is None:
        raise NotFound("There is no such key.", "key")
    return found


def _call(body: ExplainBody, sent: Mapping[str, Any]) -> Call:
    operation = _BY_NAME.get(body.operation)
    if operation is None:
        names = ", ".join(_BY_NAME)
        raise DetailedRefusal(f"There is no such operation; there are {names}.", "operation")
    # Who asks for the way of a model alone has no body; what it needs is empty.
    needed: dict[str, Any] = {name: [] for name in operation.requires if sent.get(name) is None}
    raw = orjson.dumps({**sent, **needed, "model": body.model})
    return Call(operation, raw, [])


def _is_whole(operation: Operation, sent: Mapping[str, Any]) -> bool:
    return bool(operation.requires) and all(sent.get(one) is not None for one in operation.requires)


def _group(found: Explained, now: float, tokens: int) -> GroupAnswer:
    return GroupAnswer(
        name=found.name,
        group=found.group,
        role=found.role,
        allowed=found.allowed,
        passed_over=found.passed_over or None,
        deployments=[_deployment(one, now, tokens) for one in found.deployments],
    )


def _deployment(found: Considered, now: float, tokens: int) -> DeploymentAnswer:
    one, seen, rest = found.deployment, found.seen, found.rest
    return DeploymentAnswer(
        id=one.id,
        provider=one.provider.name,
        model=one.model,
        order=one.order,
        removed=found.removed or None,
        share=found.share,
        weight=one.weight,
        input_cost_per_token=_per_token(found, Usage(THOUSAND, 0), now),
        output_cost_per_token=_per_token(found, Usage(0, THOUSAND), now),
        prompt_cost=_cost(found, Usage(tokens, 0), now),
        rpm=one.rpm,
        used_rpm=seen.requests,
        tpm=one.tpm,
        used_tpm=seen.tokens,
        max_parallel_requests=one.parallel,
        in_flight=seen.in_flight,
        latency=found.latency,
        timeout=found.patience,
        max_retries=one.max_retries,
        rests_for_seconds=None if rest is None else round(max(0.0, rest.until - now), 1),
        rests_because=None if rest is None else rest.reason,
        continues=one.continues,
        hedges=one.hedges,
    )


def _cost(found: Considered, usage: Usage, now: float) -> float | None:
    tariff = found.deployment.tariff
    return None if tariff is None else usd(cost(usage, tariff.at(now)))


def _per_token(found: Considered, usage: Usage, now: float) -> float | None:
    whole = _cost(found, usage, now)
    return None if whole is None else whole / THOUSAND


async def _cache(session: Session, call: Call, principal: Principal, whole: bool) -> CacheAnswer:
    policy = session.settings.caching.policy
    controls = controls_of(call, principal, policy) if whole else None
    key = None
    if controls is not None:
        key = cache_key(call, principal, policy, controls.namespace)
    return CacheAnswer(
        enabled=policy.enabled,
        scope=policy.scope,
        key=key,
        known=key is not None and await session.backing.replies.get(key) is not None,
    )


EXPLAIN_ENDPOINTS: tuple[Endpoint, ...] = (
    asking("/route/explain", explain, ExplainBody, ExplainAnswer, EVERYBODY),
)
