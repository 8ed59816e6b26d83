"""What a key, a user, a team or anybody else may spend and how often they may call.

The rule: an allowance only says what is allowed; what was used is the ledger's to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf

from pipelines.ledger import Account, Hold, Rate, Slot
from pipelines.periods import stretch


@dataclass(frozen=True, slots=True)
class Budget:
    """A sum in nano-dollars for a duration such as "30d"; empty: for ever. `soft` is where a
    warning is due."""

    limit: int | None
    duration: str = ""
    soft: int | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """The limits of one bearer; `scope` names it in the ledger (`key:4f…`), `label` to people.

    `models` holds further limits for single models, each with a scope of its own.
    """

    scope: str
    label: str
    budgets: tuple[Budget, ...] = ()
    rpm: int | None = None
    tpm: int | None = None
    parallel: int | None = None
    models: Mapping[str, Allowance] = field(default_factory=dict)

    @property
    def limited(self) -> bool:
        """Whether anything of it can refuse a call."""
        return (
            self.rpm is not None
            or self.tpm is not None
            or self.parallel is not None
            or any(one.limit is not None for one in self.budgets)
        )

    def of_model(self, model: str) -> Allowance | None:
        """The limits for this model alone; an exact name wins over the longest pattern."""
        if not self.models:
            return None
        found = self.models.get(model)
        if found is not None:
            return found
        fitting = [name for name in self.models if _fits(name, model)]
        return self.models[max(fitting, key=len)] if fitting else None


@dataclass(slots=True)
class Claim:
    """All that one attempt is counted against: the parts of a hold, and who stands behind each.

    It is the same until `until` (seconds since 1970), when one of its budgets begins anew.
    `limited` says whether anything of it can refuse, `spends` whether money is limited.
    """

    accounts: tuple[Account, ...]
    rates: tuple[Rate, ...]
    slots: tuple[Slot, ...]
    bearers: Mapping[str, tuple[Allowance, Budget | None]]
    until: float = inf
    limited: bool = field(init=False)
    spends: bool = field(init=False)

    def __post_init__(self) -> None:
        # Asked at every call, and worked out once.
        self.spends = any(one.limit is not None for one in self.accounts)
        self.limited = self.spends or bool(self.rates or self.slots)

    def hold(self, id: str, amount: int, tokens: int) -> Hold:
        """The hold of these parts, with `tokens` for the rates that count them."""
        rates = [
            Rate(one.name, one.limit, min(tokens, one.limit), one.width)
            if one.name.startswith("tpm:")
            else one
            for one in self.rates
        ]
        return Hold(id, amount, self.accounts, tuple(rates), self.slots)


def claim(allowances: Iterable[Allowance], model: str, now: float) -> Claim:
    """What a call of this model at `now` (seconds since 1970) is counted against."""
    accounts: list[Account] = []
    rates: list[Rate] = []
    slots: list[Slot] = []
    bearers: dict[str, tuple[Allowance, Budget | None]] = {}
    for one in _with_models(allowances, model):
        for account, budget in accounts_of(one, now):
            accounts.append(account)
            bearers[account.name] = (one, budget)
        for kind, limit in (("rpm", one.rpm), ("tpm", one.tpm)):
            if limit is not None:
                rates.append(Rate(f"{kind}:{one.scope}", limit))
                bearers[rates[-1].name] = (one, None)
        if one.parallel is not None:
            slots.append(Slot(f"parallel:{one.scope}", one.parallel))
            bearers[slots[-1].name] = (one, None)
    ends = [
        stretch(budget.duration, now)[1]
        for _, budget in bearers.values()
        if budget is not None and budget.duration
    ]
    return Claim(tuple(accounts), tuple(rates), tuple(slots), bearers, min(ends, default=inf))


def accounts_of(allowance: Allowance, now: float) -> list[tuple[Account, Budget | None]]:
    """The accounts of one bearer at `now`: the one for ever, and one for each duration.

    Two budgets of one duration are one account with the lower limit.
    """
    found: dict[str, tuple[Account, Budget | None]] = {
        allowance.scope: (Account(allowance.scope), None)
    }
    for budget in allowance.budgets:
        name = account_name(allowance.scope, budget.duration, now)
        known = found.get(name)
        lower = known is None or known[0].limit is None
        if not lower and known is not None and known[0].limit is not None:
            lower = budget.limit is not None and budget.limit < known[0].limit
        if lower:
            found[name] = (Account(name, budget.limit), budget)
    return list(found.values())


def account_name(scope: str, duration: str, now: float) -> str:
    """The account of a scope for the stretch of this duration that `now` is in."""
    return f"{scope}@{duration}/{stretch(duration, now)[0]}" if duration else scope


def _with_models(allowances: Iterable[Allowance], model: str) -> Iterator[Allowance]:
    for one in allowances:
        yield one
        own = one.of_model(model)
        if own is not None:
            yield own


def _fits(pattern: str, name: str) -> bool:
    head, star, tail = pattern.partition("*")
    return (
        bool(star)
        and len(name) >= len(head) + len(tail)
        and name.startswith(head)
        and name.endswith(tail)
    )
