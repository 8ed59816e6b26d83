"""Finds out whose budget is nearly spent.

The rule: sums are the ledger's, asked for all budgets at once; a budget is told of by the highest
mark that it has passed, once in its period.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pipelines.allowance import Allowance, Budget, account_name
from pipelines.exchange import Principal
from pipelines.ledger import Balance
from proxy.alerts.alert import NOTHING, Alert, Level, word

NANO = 1_000_000_000
NEARLY = 80

# Of what an allowance's name begins with: LiteLLM's word for whom an alert is about.
_GROUPS: Mapping[str, str] = MappingProxyType(
    {"user": "internal_user", "member": "team_member", "end_user": "customer", "global": "proxy"}
)


@dataclass(frozen=True, slots=True)
class _Mark:
    event: str
    words: str
    level: Level


_CROSSED = _Mark("budget_crossed", "Budget Crossed", "High")
_NEARLY = _Mark("threshold_crossed", f"{NEARLY}% of the Budget Spent", "Medium")
_SOFT = _Mark("soft_budget_crossed", "Soft Budget Crossed", "Low")


@dataclass(frozen=True, slots=True)
class Watched:
    """A budget and its account, whose it is, and what else is told about him."""

    account: str
    budget: Budget
    allowance: Allowance
    about: Mapping[str, object] = field(default_factory=lambda: NOTHING)


def watched(
    allowances: Iterable[Allowance], now: float, about: Mapping[str, object] = NOTHING
) -> Iterator[Watched]:
    """The budgets among these that have a mark to pass at `now`, in seconds since 1970."""
    for one in allowances:
        for part in (one, *one.models.values()):
            for budget in part.budgets:
                if budget.limit or budget.soft is not None:
                    name = account_name(part.scope, budget.duration, now)
                    yield Watched(name, budget, part, about)


def about(principal: Principal) -> Mapping[str, object]:
    """What is told about a caller."""
    return {
        "key_alias": principal.alias,
        "user_id": principal.user_id,
        "user_email": principal.user_email,
        "team_id": principal.team_id,
        "team_alias": principal.team_alias,
        "organization_id": principal.organization_id,
        "token": principal.digest or None,
    }


def crossed(one: Watched, balance: Balance, quiet: float) -> Alert | None:
    """The alert that a budget gives rise to, with what stands in its account."""
    spent, limit = balance.spent, one.budget.limit
    mark = _mark(one.budget, spent)
    if mark is None:
        return None
    soft = one.budget.soft
    most = limit or soft
    scope = one.allowance.scope.partition(":")[0].partition("/")[0]
    return Alert(
        kind="budget_alerts",
        cause=f"budget:{one.account}:{mark.event}",
        message=f"{word(one.allowance.label)}: {mark.words}\n"
        f"Spend: `${_usd(spent):.4f}`\nBudget: `${_usd(most or 0):.4f}`"
        + (f" per {one.budget.duration}" if one.budget.duration else ""),
        level=mark.level,
        quiet=quiet,
        event=mark.event,
        group=_GROUPS.get(scope, scope),
        about={
            **one.about,
            "spend": _usd(spent),
            "max_budget": None if limit is None else _usd(limit),
            "soft_budget": None if soft is None else _usd(soft),
        },
    )


def _mark(budget: Budget, spent: int) -> _Mark | None:
    if budget.limit and spent >= budget.limit:
        return _CROSSED
    if budget.limit and spent * 100 >= budget.limit * NEARLY:
        return _NEARLY
    if budget.soft is not None and spent >= budget.soft:
        return _SOFT
    return None


def _usd(nano: int) -> float:
    return nano / NANO
