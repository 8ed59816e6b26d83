"""Claims are worked out once, and anew when something about them changes."""

from __future__ import annotations

from datetime import UTC, datetime

from pipelines.allowance import Allowance, Budget
from pipelines.budgets import BudgetPolicy
from pipelines.claims import KEPT, Claims
from pipelines.exchange import Principal
from tests.builders import a_deployment

NOW = datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC).timestamp()
DAILY = Principal("t", allowances=(Allowance("key:1", "", (Budget(5, "1d"),)),))
ONE = a_deployment()


def test_the_same_claim_is_given_until_a_budget_begins_anew() -> None:
    claims = Claims(BudgetPolicy())
    first = claims.of(DAILY, ONE, "gpt", NOW)
    assert claims.of(DAILY, ONE, "gpt", NOW + 0.5) is first
    tomorrow = claims.of(DAILY, ONE, "gpt", NOW + 2)
    assert tomorrow is not first
    assert {one.name for one in tomorrow.accounts} != {one.name for one in first.accounts}


def test_another_caller_model_or_limit_has_another_claim() -> None:
    claims = Claims(BudgetPolicy())
    first = claims.of(DAILY, ONE, "gpt", NOW)
    changed = Principal("t", allowances=(Allowance("key:1", "", (Budget(9, "1d"),)),))
    assert claims.of(changed, ONE, "gpt", NOW) is not first
    assert claims.of(DAILY, ONE, "other", NOW) is not first
    limited = a_deployment(allowance=Allowance("deployment:d1", "", parallel=1))
    assert claims.of(DAILY, limited, "gpt", NOW).slots


def test_what_everybody_and_a_provider_may_spend_is_part_of_it() -> None:
    policy = BudgetPolicy(
        everyone=(Allowance("global", ""),), providers={"acme": Allowance("provider:acme", "")}
    )
    names = [one.name for one in Claims(policy).of(DAILY, ONE, "gpt", NOW).accounts]
    assert names[0] == "key:1"
    assert names[-2:] == ["global", "provider:acme"]


def test_what_is_kept_is_bounded() -> None:
    claims = Claims(BudgetPolicy())
    for number in range(KEPT + 10):
        claims.of(DAILY, ONE, f"m{number}", NOW)
    assert len(claims._kept) <= KEPT
