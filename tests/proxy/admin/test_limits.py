"""Limits from a body to an entity and back."""

from __future__ import annotations

from proxy.admin.keys_bodies import LimitsBody
from proxy.admin.limits import limits_of, shown_limits, shown_model_budgets
from proxy.stores.entities.kinds import BudgetLimit, ModelBudget, User


def test_sums_become_nano_dollars_and_only_what_was_sent_is_set() -> None:
    body = LimitsBody.model_validate({"max_budget": 0.1, "rpm_limit": None})
    assert limits_of(body) == {"max_budget": 100_000_000, "rpm_limit": None}


def test_budgets_of_models_have_the_names_of_every_release() -> None:
    sent = {
        "a": {"budget_limit": 1, "time_period": "daily"},
        "b": {"max_budget": 0, "budget_duration": "1h", "rpm_limit": 2},
        "c": 0.5,
    }
    found = limits_of(LimitsBody.model_validate({"model_max_budget": sent}))["model_max_budget"]
    assert found == {
        "a": ModelBudget(max_budget=10**9, budget_duration="1d"),
        "b": ModelBudget(max_budget=0, budget_duration="1h", rpm_limit=2),
        "c": ModelBudget(max_budget=5 * 10**8),
    }
    assert shown_model_budgets(found) == {
        "a": {"max_budget": 1.0, "budget_duration": "1d"},
        "b": {"max_budget": 0.0, "budget_duration": "1h", "rpm_limit": 2},
        "c": {"max_budget": 0.5},
    }


def test_windows_are_shown_in_dollars() -> None:
    limits = (BudgetLimit(max_budget=10**9, budget_duration="1d"),)
    assert shown_limits(User(id="a", budget_limits=limits)) == [
        {"max_budget": 1.0, "budget_duration": "1d"}
    ]
    assert shown_limits(User(id="a")) is None
