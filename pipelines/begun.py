"""What is remembered of a call that has begun to answer, in case that it never ends.

The rule: it tells who called whom and what was consumed until now, and leaves the call as it is.
"""

from __future__ import annotations

from pipelines.costs import priced
from pipelines.exchange import Exchange
from pipelines.record import Record
from pipelines.usage import Usage

ORPHANED = "orphaned"
LONGEST_NAME = 200


def begun(exchange: Exchange, status: int, now: float) -> Record:
    """The record of a call that would end now, together with its process."""
    attempt = exchange.attempts[-1] if exchange.attempts else None
    deployment = attempt.deployment if attempt else None
    principal = exchange.known_principal
    call = exchange.call
    parsed = call.parsed
    usage, cost, source = _so_far(exchange)
    return Record(
        id=exchange.id,
        operation=call.operation.name,
        outcome=ORPHANED,
        status=status,
        duration=now - exchange.arrived,
        key=principal.alias if principal else None,
        model=parsed["model"][:LONGEST_NAME] if parsed else None,
        deployment=deployment.id if deployment else None,
        provider=deployment.provider.name if deployment else None,
        upstream_model=deployment.model[:LONGEST_NAME] if deployment else None,
        streaming=bool(parsed) and call.streaming,
        usage=usage,
        cost=cost,
        client=call.client,
        serial=exchange.serial,
        started=exchange.started,
        cost_source=source,
        key_id=principal.key_id if principal else "",
        user_id=principal.user_id if principal else None,
        team_id=principal.team_id if principal else None,
        organization_id=principal.organization_id if principal else None,
        end_user=principal.end_user if principal else None,
        tags=principal.tags if principal else (),
        cache=exchange.cache,
        mirror_of=exchange.mirror_of,
        key_digest=principal.digest if principal else "",
        team_alias=principal.team_alias if principal else None,
        user_email=principal.user_email if principal else None,
        route=call.operation.path,
        api_base=deployment.base_url if deployment else "",
        received_bytes=len(call.raw),
        model_group=deployment.group[:LONGEST_NAME] if deployment else None,
    )


def _so_far(exchange: Exchange) -> tuple[Usage, int | None, str]:
    gauge = exchange.gauge
    if gauge is None or not exchange.attempts:
        return exchange.total_usage, exchange.total_cost, exchange.cost_source
    usage = gauge.usage
    cost, source = priced(exchange, usage)
    for one in exchange.attempts[:-1]:
        usage = usage.plus(one.usage)
        cost = None if cost is None else cost + (one.cost or 0)
    return usage, cost, source
