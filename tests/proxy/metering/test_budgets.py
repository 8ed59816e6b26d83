"""What callers of late have left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.allowance import Allowance, Budget, account_name
from pipelines.errors import LedgerUnavailable
from pipelines.exchange import Principal
from pipelines.ledger import Account, Balance, Hold, Rate, Settlement
from proxy.metering import budgets as module
from proxy.metering.budgets import Budgets, bearers_of
from proxy.stores.entities.kinds import EndUser, Key, Organization, Team, User
from proxy.stores.keys.bearers import Bearers
from proxy.stores.keys.directory import Found
from proxy.stores.ledger.memory import MemoryLedger
from tests.fakes.ports import FakeClock

USD = 1_000_000_000


def caller(number: int = 1, *allowances: Allowance) -> Found:
    bearers = Bearers(
        key=Key(id=f"k{number}", digest=f"digest{number}", alias="alice"),
        team=Team(id="t1", alias="Reds"),
        organization=Organization(id="o1", alias="Acme"),
        user=User(id="u1"),
        end_user=EndUser(id="e1"),
    )
    return Found(Principal("alice", allowances=allowances), bearers)


@dataclass
class Callers:
    found: list[Found]

    def callers(self) -> list[Found]:
        return self.found


async def shown(
    ledger: MemoryLedger, *found: Found, end_users: bool = False
) -> dict[tuple[str, ...], float]:
    levels = await Budgets(Callers(list(found)), ledger, FakeClock(), end_users).levels()
    return {(one.name, *one.labels.values()): round(one.value, 6) for one in levels}


async def test_what_is_left_of_each_budget_is_shown_in_dollars() -> None:
    clock = FakeClock()
    ledger = MemoryLedger(clock)
    team = Allowance("team:t1", "", (Budget(5 * USD),))
    key = Allowance("key:k1", "", (Budget(None), Budget(2 * USD, "1d")))
    at = next(one for one in (await _names(key, clock)))
    ledger.settle(Settlement(Hold("h", 0, (Account("team:t1"), Account(at))), USD // 2))
    found = await shown(ledger, caller(1, team, key))
    assert found["litellm_remaining_team_budget_metric", "t1", "Reds"] == 4.5
    assert found["litellm_team_max_budget_metric", "t1", "Reds"] == 5.0
    assert found["litellm_remaining_api_key_budget_metric", "digest1", "alice"] == 1.5
    hours = found["litellm_api_key_budget_remaining_hours_metric", "digest1", "alice"]
    assert 0 < hours <= 24
    assert ("litellm_team_budget_remaining_hours_metric", "t1", "Reds") not in found


async def _names(allowance: Allowance, clock: FakeClock) -> list[str]:
    return [
        account_name(allowance.scope, one.duration, clock.time())
        for one in allowance.budgets
        if one.limit is not None
    ]


async def test_rates_are_shown_with_what_was_used_of_them() -> None:
    ledger = MemoryLedger(FakeClock())
    own = Allowance("key:k1/gpt", "", rpm=10, tpm=100)
    key = Allowance("key:k1", "", rpm=60, tpm=1000, models={"gpt": own})
    user = Allowance("user:u1", "", rpm=5)
    hold = Hold("h", 0, (), (Rate("rpm:key:k1", 60, 3), Rate("tpm:key:k1/gpt", 100, 30)))
    await ledger.reserve(hold)
    found = await shown(ledger, caller(1, key, user))
    label = ("digest1", "alice")
    assert found == {
        ("litellm_api_key_rate_limit_allowed_metric", *label, "requests"): 60.0,
        ("litellm_api_key_rate_limit_used_metric", *label, "requests"): 3.0,
        ("litellm_api_key_rate_limit_allowed_metric", *label, "tokens"): 1000.0,
        ("litellm_api_key_rate_limit_used_metric", *label, "tokens"): 0.0,
        ("litellm_remaining_api_key_requests_for_model", *label, "gpt"): 10.0,
        ("litellm_remaining_api_key_tokens_for_model", *label, "gpt"): 70.0,
    }


async def test_end_users_are_shown_on_request_alone() -> None:
    ledger = MemoryLedger(FakeClock())
    given = caller(1, Allowance("end_user:e1", "", (Budget(USD),)))
    assert await shown(ledger, given) == {}
    found = await shown(ledger, given, end_users=True)
    assert found["litellm_remaining_customer_budget_metric", "e1"] == 1.0


async def test_a_ledger_that_is_away_says_nothing() -> None:
    class Away(MemoryLedger):
        async def balances(self, names: Sequence[str]) -> dict[str, Balance]:
            raise LedgerUnavailable("away")

    assert await shown(Away(FakeClock()), caller(1, Allowance("key:k1", "", (Budget(1),)))) == {}


def test_who_called_last_is_asked_for_first_and_not_all_are() -> None:
    many = [
        caller(number, Allowance(f"key:k{number}", ""), Allowance("team:t1", ""))
        for number in range(module.MOST + 100)
    ]
    found = bearers_of(many)
    assert module.MOST <= len(found) <= module.MOST + 1
    assert found[0].labels["hashed_api_key"] == f"digest{module.MOST + 99}"
    assert [one.kind for one in found].count("team") == 1
