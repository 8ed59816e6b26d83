"""Knows the budgets of those that calls are made for: customers and tags.

The rule: only those that have a budget of their own or a shared one are known here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from proxy.alerts.money import Watched, watched
from proxy.stores.entities.kinds import EndUser, Limited, SharedBudget, Tag
from proxy.stores.entities.store import EntityStore
from proxy.stores.keys.principals import allowance

# Kind and id, such as ("end_user", "alice") or ("tag", "prod").
Party = tuple[str, str]


async def party_budgets(
    entities: EntityStore, parties: Collection[Party], now: float
) -> list[Watched]:
    """The budgets of these at `now`, in seconds since 1970. Raises StoreUnavailable."""
    end_users = await entities.many(EndUser, _ids(parties, EndUser.kind))
    tags = await entities.many(Tag, _ids(parties, Tag.kind))
    named = {one.budget_id for one in (*end_users, *tags) if one.budget_id}
    shared = {one.id: one for one in await entities.many(SharedBudget, sorted(named))}
    found: list[Watched] = []
    for one in end_users:
        found += _of(one, f"End User={one.alias or one.id}", shared, now)
    for tag in tags:
        found += _of(tag, f"Tag={tag.id}", shared, now)
    return found


def _of(one: Limited, label: str, shared: dict[str, SharedBudget], now: float) -> Iterable[Watched]:
    scope, moment = f"{one.kind}:{one.id}", datetime.fromtimestamp(now, UTC)
    found = allowance(scope, label, one, shared.get(one.budget_id or ""), moment)
    return watched([found], now, {"customer_id" if one.kind == EndUser.kind else "tag": one.id})


def _ids(parties: Iterable[Party], kind: str) -> list[str]:
    return sorted(id for found, id in parties if found == kind)
