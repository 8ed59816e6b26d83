"""What was spent, as admin answers show it.

The rule: the ledger alone knows it; it is asked once for everything that an answer shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.allowance import account_name
from pipelines.ledger import Ledger
from pipelines.periods import stretch
from proxy.admin.money import usd
from proxy.stores.entities.kinds import Limited, SharedBudget
from proxy.stores.entities.store import EntityStore


@dataclass(frozen=True, slots=True)
class Spending:
    """In nano-dollars: what was spent in the running budget period, at all, and by model; and when
    the period ends."""

    spent: int = 0
    total: int = 0
    models: Mapping[str, int] | None = None
    reset_at: datetime | None = None

    @property
    def model_usd(self) -> dict[str, float]:
        """What was spent by model, in US dollars."""
        return {name: usd(spent) for name, spent in (self.models or {}).items()}


def duration_of(entity: Limited, shared: SharedBudget | None) -> str:
    """How long the entity's budget lasts: its own, else its shared budget's; empty: for ever."""
    return entity.budget_duration or (shared.budget_duration if shared else None) or ""


def reset_at(duration: str, now: datetime) -> datetime | None:
    """When a budget of this duration begins anew."""
    if not duration:
        return None
    return datetime.fromtimestamp(stretch(duration, now.timestamp())[1], UTC)


async def shared_budgets(
    entities: EntityStore, rows: Iterable[Limited]
) -> Mapping[str, SharedBudget]:
    """The shared budgets that these entities name, by their ids."""
    ids = sorted({one.budget_id for one in rows if one.budget_id})
    if not ids:
        return {}
    return {one.id: one for one in await entities.many(SharedBudget, ids)}


async def spending_of(
    ledger: Ledger,
    rows: Sequence[tuple[str, Limited]],
    shared: Mapping[str, SharedBudget],
    now: datetime,
) -> list[Spending]:
    """What each of these (scope, entity) has spent. Raises LedgerUnavailable."""
    moment = now.timestamp()
    durations = [duration_of(one, shared.get(one.budget_id or "")) for _, one in rows]
    names = {
        name
        for (scope, one), duration in zip(rows, durations, strict=True)
        for name in (
            scope,
            account_name(scope, duration, moment),
            *_model_accounts(scope, one, moment).values(),
        )
    }
    found = await ledger.balances(sorted(names)) if names else {}
    return [
        Spending(
            spent=found[account_name(scope, duration, moment)].spent,
            total=found[scope].spent,
            models={
                model: found[name].spent
                for model, name in _model_accounts(scope, one, moment).items()
            },
            reset_at=reset_at(duration, now),
        )
        for (scope, one), duration in zip(rows, durations, strict=True)
    ]


async def reset(
    ledger: Ledger, scope: str, periods: tuple[str, Sequence[str]], spent: int, now: datetime
) -> None:
    """Write anew what a scope has spent in its budget's period, the first of `periods`; the further
    ones only ever fall. Raises LedgerUnavailable."""
    moment = now.timestamp()
    own, others = account_name(scope, periods[0], moment), set[str]()
    others |= {account_name(scope, one, moment) for one in periods[1]} - {own}
    found = await ledger.balances(sorted(others)) if others else {}
    await ledger.set_spent(own, spent)
    for name, balance in found.items():
        if balance.spent > spent:
            await ledger.set_spent(name, spent)


def _model_accounts(scope: str, entity: Limited, moment: float) -> dict[str, str]:
    return {
        model: account_name(f"{scope}/{model}", one.budget_duration or "", moment)
        for model, one in entity.model_max_budget.items()
    }
