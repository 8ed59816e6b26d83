"""What answers share."""

from __future__ import annotations

from proxy.admin.columns import kept, limit_columns, pages, renamed
from proxy.admin.teams_bodies import UpdateTeam
from proxy.stores.entities.kinds import BudgetLimit, Team


def test_sums_are_shown_in_dollars() -> None:
    window = BudgetLimit(max_budget=100_000_000, budget_duration="1d")
    shown = limit_columns(Team(id="t", max_budget=300_000_000, budget_limits=(window,)))
    assert shown["max_budget"] == 0.3
    assert shown["budget_limits"] == [{"max_budget": 0.1, "budget_duration": "1d"}]
    assert shown["rpm_limit"] is None


def test_only_what_was_sent_is_taken() -> None:
    body = UpdateTeam(team_id="t", models=["a"], tags=None, guardrails=["g"])
    assert renamed(body, {"models": "models", "tags": "tags"}) == {"models": ("a",)}
    assert kept(body, ("guardrails", "prompts")) == {"guardrails": ["g"]}


def test_the_last_page_may_be_short() -> None:
    assert [pages(total, 10) for total in (0, 1, 10, 11)] == [0, 1, 1, 2]
