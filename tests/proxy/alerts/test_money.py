"""A budget is told of by the highest mark that it has passed."""

from __future__ import annotations

import pytest

from pipelines.allowance import Allowance, Budget
from pipelines.exchange import Principal
from pipelines.ledger import Balance
from proxy.alerts.money import NANO, about, crossed, watched

NOW = 1_793_000_000.0
DAY = 86_400.0


def a_budget(limit: int | None = 100, soft: int | None = None) -> Allowance:
    nano = None if limit is None else limit * NANO
    budget = Budget(nano, "30d", None if soft is None else soft * NANO)
    return Allowance("team:red", "Team=red", (budget,))


@pytest.mark.parametrize(
    ("limit", "soft", "spent", "event", "level"),
    [
        (100, None, 79, None, None),
        (100, None, 80, "threshold_crossed", "Medium"),
        (100, None, 100, "budget_crossed", "High"),
        (100, 50, 49, None, None),
        (100, 50, 50, "soft_budget_crossed", "Low"),
        (100, 50, 120, "budget_crossed", "High"),
        (None, 50, 60, "soft_budget_crossed", "Low"),
    ],
)
def test_marks(
    limit: int | None, soft: int | None, spent: int, event: str | None, level: str | None
) -> None:
    [one] = watched([a_budget(limit, soft)], NOW)
    alert = crossed(one, Balance(spent * NANO), DAY)
    assert (alert and alert.event, alert and alert.level) == (event, level)


def test_what_is_told_is_whose_it_is_and_how_much() -> None:
    caller = Principal("ci", digest="d1", team_id="red", user_id="u")
    [one] = watched([a_budget(100, 50)], NOW, about(caller))
    alert = crossed(one, Balance(100 * NANO), DAY)
    assert alert is not None
    assert alert.group == "team"
    assert (alert.about["spend"], alert.about["max_budget"]) == (100.0, 100.0)
    assert (alert.about["token"], alert.about["key_alias"]) == ("d1", "ci")
    assert "Team=red: Budget Crossed" in alert.message
    assert "per 30d" in alert.message


def test_the_next_period_is_another_cause() -> None:
    [one], [later] = watched([a_budget()], NOW), watched([a_budget()], NOW + 30 * DAY)
    first, second = (crossed(each, Balance(NANO * 100), DAY) for each in (one, later))
    assert first is not None
    assert second is not None
    assert first.cause != second.cause


def test_budgets_of_single_models_are_watched_and_those_without_a_mark_are_not() -> None:
    own = Allowance("key:1/gpt", "Key=1 Model=gpt", (Budget(NANO),))
    key = Allowance("key:1", "Key=1", (Budget(None, "1d"), Budget(0)), models={"gpt": own})
    assert [one.account for one in watched([key], NOW)] == ["key:1/gpt"]


@pytest.mark.parametrize(
    ("scope", "group"), [("user:u", "internal_user"), ("global", "proxy"), ("key:1/gpt", "key")]
)
def test_whom_it_is_about_is_said_in_litellms_words(scope: str, group: str) -> None:
    [one] = watched([Allowance(scope, "x", (Budget(NANO),))], NOW)
    alert = crossed(one, Balance(NANO), DAY)
    assert alert is not None
    assert alert.group == group
