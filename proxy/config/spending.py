"""Decides how budgets and rates are kept.

The rule: money is read in dollars and kept in nano-dollars; what is not said is LiteLLM's default,
where that loses no money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pipelines.allowance import Allowance, Budget
from pipelines.budgets import BudgetPolicy
from pipelines.periods import check_duration
from proxy.config.masking import show
from proxy.config.parts import Parts
from proxy.config.problems import Problems, Trail
from proxy.config.references import Reading

NANO = 10**9
EVERYONE = "global"
STATUSES = (400, 402, 422, 429)
ENFORCES = "enforce_model_rate_limits"


def nano(usd: Decimal) -> int:
    """Dollars as nano-dollars, rounded down: a budget is never more than was said."""
    return int(usd * NANO)


def spending(parts: Parts, reading: Reading) -> BudgetPolicy:
    """What becomes of calls that budgets or rates are in the way of."""
    own, default = parts.own, BudgetPolicy()
    failure = own.on_store_failure or {}
    return replace(
        default,
        over=own.over_budget or default.over,
        exceeded_status=_status(parts, reading.problems),
        unknown_price=_unknown_price(parts),
        budgets_without_store=_either(failure, "budgets", "refuse", reading.problems),
        rates_without_store=_either(failure, "rates", "allow", reading.problems),
        queue=own.queue_on_limit or 0.0,
        patience=default.patience if own.queue_on_limit is None else own.queue_on_limit,
        everyone=_everyone(parts, reading.problems),
        providers=_providers(parts, reading.problems),
    )


def enforces_rates(parts: Parts) -> bool:
    """Whether a deployment's rpm and tpm are limits, and not only weights."""
    checks = parts.router.optional_pre_call_checks
    listed = isinstance(checks, list) and ENFORCES in checks
    strategy = parts.router.routing_strategy or ""
    return bool(parts.own.enforce_deployment_limits) or listed or strategy.startswith("usage-based")


def allowance_of(
    scope: str, label: str, budget: Decimal | None, duration: str | None, **limits: int | None
) -> Allowance | None:
    """The limits of something that the configuration names, or None where it has none. Raises
    ValueError where the duration is none."""
    length = check_duration(duration) if duration else ""
    budgets = () if budget is None else (Budget(nano(budget), length),)
    found = Allowance(scope, label, budgets, **limits)  # type: ignore[arg-type]
    return found if found.limited else None


def _status(parts: Parts, problems: Problems) -> int:
    wanted = parts.litellm.budget_exceeded_status_code
    if wanted is None or wanted in STATUSES:
        return wanted or BudgetPolicy().exceeded_status
    trail: Trail = ("litellm_settings", "budget_exceeded_status_code")
    problems.error(trail, f"expected {', '.join(map(str, STATUSES))}, got {wanted}")
    return BudgetPolicy().exceeded_status


def _unknown_price(parts: Parts) -> Any:
    if parts.own.on_unknown_price is not None:
        return parts.own.on_unknown_price
    return "refuse" if parts.litellm.block_requests_for_models_without_pricing else "allow"


def _either(failure: Mapping[str, Any], name: str, default: str, problems: Problems) -> Any:
    value = failure.get(name, default)
    if value in ("allow", "refuse"):
        return value
    trail: Trail = ("headgate_settings", "on_store_failure", name)
    problems.error(trail, f'expected "allow" or "refuse", got {show(value)}')
    return default


def _everyone(parts: Parts, problems: Problems) -> tuple[Allowance, ...]:
    general, litellm = parts.general, parts.litellm
    budget = litellm.max_budget if general.max_budget is None else general.max_budget
    duration = general.budget_duration or litellm.budget_duration
    try:
        found = allowance_of(
            EVERYONE,
            "Proxy",
            budget or None,
            duration,
            parallel=general.global_max_parallel_requests,
        )
    except ValueError as error:
        problems.error(("general_settings", "budget_duration"), str(error))
        return ()
    return () if found is None else (found,)


def _providers(parts: Parts, problems: Problems) -> Mapping[str, Allowance]:
    wanted = parts.router.provider_budget_config or {}
    found: dict[str, Allowance] = {}
    for name, said in wanted.items():
        trail: Trail = ("router_settings", "provider_budget_config", name)
        if not isinstance(said, Mapping):
            problems.error(trail, f"expected a map, got {show(said)}")
            continue
        limit = said.get("max_budget", said.get("budget_limit"))
        duration = said.get("budget_duration", said.get("time_period"))
        try:
            budget = Decimal(str(limit))
            one = allowance_of(f"provider:{name}", f"Provider={name}", budget, duration)
        except (ValueError, ArithmeticError, TypeError):
            problems.error(trail, "expected budget_limit in dollars, and time_period such as 1d")
            continue
        if one is not None:
            found[name] = one
    return found
