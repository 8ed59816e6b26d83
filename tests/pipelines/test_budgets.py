"""What the operator limits is known from the policy alone."""

from __future__ import annotations

from pipelines.allowance import Allowance, Budget
from pipelines.budgets import BudgetPolicy


def test_money_is_limited_where_anybody_has_a_budget() -> None:
    paid = Allowance("global", "Global", (Budget(5),))
    rated = Allowance("global", "Global", rpm=1)
    assert not BudgetPolicy().spends
    assert not BudgetPolicy(everyone=(rated,)).spends
    assert BudgetPolicy(everyone=(paid,)).spends
    assert BudgetPolicy(providers={"acme": paid}).spends
