"""From the limits of a body to those of an entity, and back.

The rule: only fields that were sent are given, and a null takes a limit away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.admin.fields import ModelBudgetBody
from proxy.admin.keys_bodies import LimitsBody
from proxy.admin.money import maybe_nano, maybe_usd, nano, usd
from proxy.stores.entities.kinds import BudgetLimit, Limited, ModelBudget

SUMS = frozenset({"max_budget", "soft_budget", "temp_budget_increase"})
_PLAIN = frozenset(
    {
        "budget_duration",
        "rpm_limit",
        "tpm_limit",
        "max_parallel_requests",
        "budget_id",
        "temp_budget_expiry",
    }
)
LIMITS = (
    SUMS
    | _PLAIN
    | {"budget_limits", "model_max_budget", "model_rpm_limit", "model_tpm_limit", "spend"}
)


def limits_of(body: LimitsBody) -> dict[str, Any]:
    """The entity's limits that this body sets, in nano-dollars."""
    sent = body.model_fields_set
    found: dict[str, Any] = {name: maybe_nano(getattr(body, name)) for name in sent & SUMS}
    found |= {name: getattr(body, name) for name in sent & _PLAIN}
    found |= {
        name: dict(getattr(body, name) or {})
        for name in sent & {"model_rpm_limit", "model_tpm_limit"}
    }
    if "budget_limits" in sent:
        found["budget_limits"] = tuple(
            BudgetLimit(max_budget=nano(one.max_budget), budget_duration=one.budget_duration)
            for one in body.budget_limits or ()
        )
    if "model_max_budget" in sent:
        found["model_max_budget"] = {
            model: _model_budget(one) for model, one in (body.model_max_budget or {}).items()
        }
    return found


def shown_limits(entity: Limited) -> list[dict[str, Any]] | None:
    """The windows of a budget as a client sees them."""
    if not entity.budget_limits:
        return None
    return [
        {"max_budget": usd(one.max_budget), "budget_duration": one.budget_duration}
        for one in entity.budget_limits
    ]


def shown_model_budgets(budgets: Mapping[str, ModelBudget]) -> dict[str, dict[str, Any]]:
    """The budgets of single models as a client sees them."""
    return {
        model: {
            name: value
            for name, value in {
                **one.model_dump(),
                "max_budget": maybe_usd(one.max_budget),
            }.items()
            if value is not None
        }
        for model, one in budgets.items()
    }


def _model_budget(one: ModelBudgetBody | float) -> ModelBudget:
    if not isinstance(one, ModelBudgetBody):
        return ModelBudget(max_budget=nano(one))
    limit = one.max_budget if one.max_budget is not None else one.budget_limit
    return ModelBudget(
        max_budget=maybe_nano(limit),
        budget_duration=one.budget_duration or one.time_period,
        rpm_limit=one.rpm_limit,
        tpm_limit=one.tpm_limit,
    )
