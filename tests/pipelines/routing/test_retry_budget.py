"""Retries are a share of the calls, and a few more."""

from __future__ import annotations

from pipelines.routing.retry_budget import FLOOR, SPAN, RetryBudget


def spent(budget: RetryBudget, now: float, tries: int = 1000) -> int:
    return sum(budget.spend("gpt", now) for _ in range(tries))


def test_a_quiet_gateway_may_try_again() -> None:
    assert spent(RetryBudget(), 0.0) == FLOOR


def test_one_in_five_calls_may_be_tried_again() -> None:
    budget = RetryBudget()
    for _ in range(1000):
        budget.began("gpt", 0.0)
    assert spent(budget, 1.0) == 200 + FLOOR


def test_what_was_long_ago_counts_for_nothing() -> None:
    budget = RetryBudget()
    for _ in range(1000):
        budget.began("gpt", 0.0)
    assert spent(budget, SPAN) == 200 + FLOOR
    assert spent(budget, 3 * SPAN) == FLOOR


def test_a_free_one_is_counted_but_never_refused() -> None:
    budget = RetryBudget()
    assert all(budget.spend("gpt", 0.0, free=True) for _ in range(50))
    assert not budget.spend("gpt", 0.0)


def test_groups_have_their_own() -> None:
    budget = RetryBudget()
    spent(budget, 0.0)
    assert budget.spend("other", 0.0)


def test_it_says_how_many_retries_each_group_of_late_could_pay_for() -> None:
    budget = RetryBudget()
    for _ in range(100):
        budget.began("gpt", 0.0)
    spent(budget, 0.0, tries=4)
    assert budget.left(1.0) == {"gpt": 20 + FLOOR - 4}
    assert budget.left(SPAN) == {}
