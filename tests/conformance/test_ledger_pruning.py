"""Every ledger adds up what is old, and no sum changes by it."""

from __future__ import annotations

from pipelines.ledger import Account, Granted, Hold, Ledger, Settlement
from tests.conformance.ledgers import unique

KEY, TEAM = Account("key:1", 10**18), Account("team:1", 10**18)


async def spend(ledger: Ledger, cost: int, *accounts: Account) -> str:
    hold = Hold(unique(), cost, accounts)
    assert await ledger.reserve(hold) == Granted()
    ledger.settle(Settlement(hold, cost))
    return hold.id


async def sums(ledger: Ledger) -> list[int]:
    await ledger.flush()
    names = [KEY.name, TEAM.name]
    balances = await ledger.balances(names)
    totals = [await ledger.total(name) for name in names]
    assert totals == [balances[name].spent for name in names]
    return totals


async def test_what_is_old_is_added_up_and_no_sum_changes(ledger: Ledger) -> None:
    for cost in range(1, 40):
        await spend(ledger, cost, KEY, TEAM)
        await spend(ledger, 10**15 + cost, KEY)
    before = await sums(ledger)
    for _ in range(2):
        await ledger.prune(-60)
        assert await sums(ledger) == before
    await spend(ledger, 5, KEY, TEAM)
    assert await sums(ledger) == [before[0] + 5, before[1] + 5]
    await ledger.prune(-60)
    assert await sums(ledger) == [before[0] + 5, before[1] + 5]


async def test_what_is_young_stays_as_it_is(ledger: Ledger) -> None:
    hold = Hold(unique(), 7, (KEY, TEAM))
    await ledger.reserve(hold)
    ledger.settle(Settlement(hold, 7))
    assert await sums(ledger) == [7, 7]
    await ledger.prune(3600)
    ledger.settle(Settlement(hold, 7))
    assert await sums(ledger) == [7, 7]


async def test_what_is_held_is_left_alone(ledger: Ledger) -> None:
    hold = Hold(unique(), 7, (KEY,))
    await ledger.reserve(hold)
    await ledger.prune(-60)
    await ledger.flush()
    assert (await ledger.balances([KEY.name]))[KEY.name].held == 7
    ledger.settle(Settlement(hold, 3))
    assert (await sums(ledger))[0] == 3
