"""What callers of late have left of their budgets and rates.

The rule: the ledger is asked once a scrape for all of them, and for no more than a bounded number;
who calls has been known before anybody asks, so that no entity is read for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from pipelines.allowance import Allowance, Budget, account_name
from pipelines.clock import Clock
from pipelines.errors import LedgerUnavailable
from pipelines.ledger import Ledger, Rate
from pipelines.periods import stretch
from proxy.metering.meter import Level
from proxy.stores.keys.directory import Found

MOST = 1000
NANO = 1e-9
HOUR = 3600.0
KINDS = (("rpm", "requests"), ("tpm", "tokens"))


class Callers(Protocol):
    """Who remembers callers."""

    def callers(self) -> Iterable[Found]:
        """Those that called of late, the latest last."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose allowance it is: what LiteLLM's metrics call its kind, and its labels."""

    kind: str
    labels: Mapping[str, str]
    allowance: Allowance


class Budgets:
    """Asks the ledger for what those have left who called of late."""

    def __init__(
        self, callers: Callers, ledger: Ledger, clock: Clock, end_users: bool = False
    ) -> None:
        self._end_users = end_users
        self._callers = callers
        self._ledger = ledger
        self._clock = clock

    async def levels(self) -> list[Level]:
        """Budgets in US dollars, rates as LiteLLM has them; nothing while the ledger is away."""
        bearers = bearers_of(self._callers.callers(), self._end_users)
        try:
            return [*await self._money(bearers), *await self._rates(bearers)]
        except LedgerUnavailable:
            return []

    async def _money(self, bearers: list[Bearer]) -> list[Level]:
        now = self._clock.time()
        limited = [
            (one, budget, account_name(one.allowance.scope, budget.duration, now))
            for one in bearers
            if (budget := _tightest(one.allowance)) is not None
        ]
        names = sorted({name for _, _, name in limited})
        found = await self._ledger.balances(names) if names else {}
        levels: list[Level] = []
        for one, budget, name in limited:
            limit, spent = budget.limit or 0, found[name].spent
            left = f"litellm_remaining_{one.kind}_budget_metric"
            levels.append(Level(left, (limit - spent) * NANO, one.labels))
            levels.append(Level(f"litellm_{one.kind}_max_budget_metric", limit * NANO, one.labels))
            if budget.duration:
                hours = (stretch(budget.duration, now)[1] - now) / HOUR
                name = f"litellm_{one.kind}_budget_remaining_hours_metric"
                levels.append(Level(name, hours, one.labels))
        return levels

    async def _rates(self, bearers: list[Bearer]) -> list[Level]:
        rates: list[Rate] = []
        shown: list[tuple[str, Mapping[str, str]]] = []
        for one in bearers:
            if one.kind not in ("api_key", "team"):
                continue
            for rate, words in _rates_of(one.allowance):
                rates.append(rate)
                shown.append((one.kind, {**one.labels, "rate_limit_type": words}))
            for model, own in one.allowance.models.items() if one.kind == "api_key" else ():
                for rate, words in _rates_of(own):
                    rates.append(rate)
                    shown.append((words, {**one.labels, "model": model}))
        used = await self._ledger.used(rates) if rates else ()
        levels: list[Level] = []
        for rate, (kind, labels), count in zip(rates, shown, used, strict=True):
            if "model" in labels:
                name = f"litellm_remaining_api_key_{kind}_for_model"
                levels.append(Level(name, float(max(0, rate.limit - count)), labels))
                continue
            start = f"litellm_{kind}_rate_limit"
            levels.append(Level(f"{start}_allowed_metric", float(rate.limit), labels))
            levels.append(Level(f"{start}_used_metric", float(count), labels))
        return levels


def bearers_of(callers: Iterable[Found], end_users: bool = False) -> list[Bearer]:
    """Everybody with an allowance behind these callers, each once, and at most so many."""
    found: dict[str, Bearer] = {}
    for caller in reversed(list(callers)):
        for one in _bearers(caller, end_users):
            found.setdefault(one.allowance.scope, one)
        if len(found) >= MOST:
            break
    return list(found.values())


def _bearers(caller: Found, end_users: bool) -> Iterator[Bearer]:
    known = caller.bearers
    labels: dict[str, tuple[str, Mapping[str, str]]] = {}
    if known.key is not None:
        key = {"hashed_api_key": known.key.digest, "api_key_alias": known.key.alias or ""}
        labels[f"key:{known.key.id}"] = ("api_key", key)
    if known.team is not None:
        team = {"team": known.team.id, "team_alias": known.team.alias or ""}
        labels[f"team:{known.team.id}"] = ("team", team)
    if known.organization is not None:
        above = known.organization
        org = {"org_id": above.id, "org_alias": above.alias or ""}
        labels[f"organization:{above.id}"] = ("org", org)
    if known.user is not None:
        labels[f"user:{known.user.id}"] = ("user", {"user": known.user.id})
    if known.end_user is not None and end_users:
        id = known.end_user.id
        labels[f"end_user:{id}"] = ("customer", {"end_user": id})
    for allowance in caller.principal.allowances:
        scope = allowance.scope
        if scope in labels:
            yield Bearer(*labels[scope], allowance)


def _tightest(allowance: Allowance) -> Budget | None:
    """The budget that LiteLLM's metrics are about: the first that has a limit."""
    return next((one for one in allowance.budgets if one.limit is not None), None)


def _rates_of(allowance: Allowance) -> Iterator[tuple[Rate, str]]:
    for kind, words in KINDS:
        limit = allowance.rpm if kind == "rpm" else allowance.tpm
        if limit is not None:
            yield Rate(f"{kind}:{allowance.scope}", limit), words
