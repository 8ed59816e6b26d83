"""What was spent, for answers."""

from __future__ import annotations

from datetime import UTC, datetime

from pipelines.allowance import account_name
from proxy.admin.spending import reset, reset_at, spending_of
from proxy.stores.entities.kinds import Key, SharedBudget
from proxy.stores.ledger.memory import MemoryLedger
from tests.fakes.ports import FakeClock
from tests.proxy.admin.harness import NOW


async def test_without_a_duration_what_counts_is_all_that_was_ever_spent() -> None:
    ledger = MemoryLedger(FakeClock())
    await ledger.set_spent("key:1", 7)
    (found,) = await spending_of(ledger, [("key:1", Key(id="1", digest="d"))], {}, NOW)
    assert (found.spent, found.total, found.reset_at, found.model_usd) == (7, 7, None, {})


async def test_a_period_of_its_own_goes_before_that_of_the_shared_budget() -> None:
    ledger = MemoryLedger(FakeClock())
    moment = NOW.timestamp()
    for duration, spent in (("1d", 1), ("7d", 2)):
        await ledger.set_spent(account_name("key:1", duration, moment), spent)
    shared = {"b": SharedBudget(id="b", budget_duration="7d")}
    own = Key(id="1", digest="d", budget_id="b", budget_duration="1d")
    open_ = own.model_copy(update={"budget_duration": None})
    found = await spending_of(ledger, [("key:1", own), ("key:1", open_)], shared, NOW)
    assert [one.spent for one in found] == [1, 2]
    assert found[1].reset_at == datetime(2026, 5, 18, tzinfo=UTC)


async def test_nothing_is_asked_for_nobody() -> None:
    assert await spending_of(MemoryLedger(FakeClock()), [], {}, NOW) == []
    assert reset_at("", NOW) is None


async def test_a_reset_writes_the_own_period_and_lowers_the_others() -> None:
    ledger = MemoryLedger(FakeClock())
    moment = NOW.timestamp()
    daily, weekly = (account_name("key:1", one, moment) for one in ("1d", "7d"))
    await ledger.set_spent(daily, 9)
    await ledger.set_spent(weekly, 1)
    await reset(ledger, "key:1", ("", ["1d", "7d", "1d"]), 3, NOW)
    found = await ledger.balances(["key:1", daily, weekly])
    assert [found[one].spent for one in ("key:1", daily, weekly)] == [3, 3, 1]
