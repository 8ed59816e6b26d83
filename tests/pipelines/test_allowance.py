"""What a call is counted against follows from what its bearers are allowed."""

from __future__ import annotations

from datetime import UTC, datetime

from pipelines.allowance import Allowance, Budget, account_name, accounts_of, claim
from pipelines.ledger import Account, Rate, Slot

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
NOVEMBER = f"@30d/{int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())}"


def test_every_bearer_has_an_account_for_ever_and_one_for_each_duration() -> None:
    key = Allowance("key:1", "Key=1", (Budget(5, "30d"), Budget(2, "1d")))
    names = [account.name for account, _ in accounts_of(key, NOW)]
    assert names[:2] == ["key:1", f"key:1{NOVEMBER}"]
    assert len(names) == 3
    assert accounts_of(key, NOW)[0][0].limit is None


def test_a_budget_without_a_duration_limits_the_account_for_ever() -> None:
    assert accounts_of(Allowance("key:1", "", (Budget(5),)), NOW)[0][0] == Account("key:1", 5)


def test_the_lower_of_two_budgets_of_one_duration_counts() -> None:
    for budgets in ((Budget(5), Budget(3)), (Budget(3), Budget(5)), (Budget(None), Budget(3))):
        assert accounts_of(Allowance("k", "", budgets), NOW)[0][0].limit == 3


def test_a_claim_holds_the_parts_of_all_bearers_and_of_their_limits_for_the_model() -> None:
    own = Allowance("key:1/gpt-5", "Key=1 Model=gpt-5", (Budget(1),), rpm=2)
    key = Allowance("key:1", "Key=1", rpm=10, tpm=1000, parallel=4, models={"gpt-5": own})
    team = Allowance("team:1", "Team=1", (Budget(9, "30d"),))
    found = claim((key, team), "gpt-5", NOW)
    assert [one.name for one in found.accounts] == [
        "key:1", "key:1/gpt-5", "team:1", f"team:1{NOVEMBER}",
    ]  # fmt: skip
    assert found.rates == (
        Rate("rpm:key:1", 10),
        Rate("tpm:key:1", 1000),
        Rate("rpm:key:1/gpt-5", 2),
    )
    assert found.slots == (Slot("parallel:key:1", 4),)
    assert found.limited
    assert found.spends
    assert found.bearers["key:1/gpt-5"][0] is own
    assert not claim((key,), "other", NOW).spends


def test_a_pattern_limits_all_models_that_it_fits_and_the_longest_wins() -> None:
    wide, narrow = Allowance("wide", ""), Allowance("narrow", "")
    key = Allowance("k", "", models={"gpt-*": wide, "gpt-5-*": narrow})
    assert key.of_model("gpt-4o") is wide
    assert key.of_model("gpt-5-mini") is narrow
    assert key.of_model("claude") is None


def test_tokens_are_held_as_far_as_the_limit_reaches() -> None:
    found = claim((Allowance("k", "", rpm=5, tpm=100),), "m", NOW)
    assert [one.cost for one in found.hold("h", 0, 5000).rates] == [1, 100]
    assert [one.cost for one in found.hold("h", 0, 50).rates] == [1, 50]


def test_who_has_no_limits_is_only_counted() -> None:
    found = claim((Allowance("key:1", ""),), "m", NOW)
    assert not found.limited
    assert found.hold("h", 3, 0).accounts == (Account("key:1"),)


def test_an_account_of_a_duration_is_another_when_the_next_one_begins() -> None:
    assert account_name("k", "1d", NOW) != account_name("k", "1d", NOW + 86_400)
