"""What every ledger promises, whoever keeps it."""

from __future__ import annotations

import asyncio

from pipelines.ledger import (
    Account,
    Balance,
    Granted,
    Hold,
    Ledger,
    Rate,
    Refused,
    Settlement,
    Slot,
)
from tests.conformance.ledgers import unique

KEY = Account("key:1", 100)
TEAM = Account("team:1", 150)


def a_hold(amount: int = 10, *accounts: Account, id: str | None = None) -> Hold:
    return Hold(id or unique(), amount, accounts or (KEY,))


async def balance(ledger: Ledger, name: str = "key:1") -> Balance:
    await ledger.flush()
    return (await ledger.balances([name]))[name]


async def test_a_name_that_nobody_used_has_nothing(ledger: Ledger) -> None:
    assert await balance(ledger, "key:none") == Balance(0, 0)
    assert await ledger.total("key:none") == 0


async def test_a_hold_counts_until_it_is_settled_at_what_it_cost(ledger: Ledger) -> None:
    hold = a_hold(60, KEY, TEAM)
    assert await ledger.reserve(hold) == Granted()
    assert await balance(ledger) == Balance(0, 60)
    ledger.settle(Settlement(hold, 7))
    assert await balance(ledger) == Balance(7, 0)
    assert await balance(ledger, "team:1") == Balance(7, 0)
    assert await ledger.total("key:1") == 7


async def test_a_hold_that_does_not_fit_takes_nothing_anywhere(ledger: Ledger) -> None:
    assert await ledger.reserve(a_hold(90, KEY)) == Granted()
    refused = await ledger.reserve(a_hold(20, TEAM, KEY))
    assert refused == Refused("account", 1, 10, 90, held=90)
    assert await balance(ledger, "team:1") == Balance(0, 0)
    assert await ledger.reserve(a_hold(10, TEAM, KEY)) == Granted()


async def test_the_refused_is_told_what_of_it_is_only_held(ledger: Ledger) -> None:
    spent, held = a_hold(30), a_hold(50)
    await ledger.reserve(spent)
    ledger.settle(Settlement(spent, 25))
    assert await balance(ledger) == Balance(25, 0)
    await ledger.reserve(held)
    assert await ledger.reserve(a_hold(40)) == Refused("account", 0, 25, 75, held=50)


async def test_what_is_used_up_refuses_even_what_costs_nothing(ledger: Ledger) -> None:
    hold = a_hold(100)
    await ledger.reserve(hold)
    ledger.settle(Settlement(hold, 100))
    assert isinstance(await ledger.reserve(a_hold(0)), Refused)
    assert isinstance(await ledger.reserve(a_hold(0, Account("key:zero", 0))), Refused)


async def test_an_account_without_a_limit_never_refuses(ledger: Ledger) -> None:
    free = Account("key:free")
    for _ in range(3):
        hold = a_hold(10**15, free)
        assert await ledger.reserve(hold) == Granted()
        ledger.settle(Settlement(hold, 10**15))
    assert await balance(ledger, "key:free") == Balance(3 * 10**15, 0)


async def test_the_same_hold_twice_is_held_once(ledger: Ledger) -> None:
    hold = a_hold(60)
    assert await ledger.reserve(hold) == await ledger.reserve(hold) == Granted()
    assert await balance(ledger) == Balance(0, 60)


async def test_settled_twice_is_spent_once(ledger: Ledger) -> None:
    hold = a_hold(60)
    await ledger.reserve(hold)
    ledger.settle(Settlement(hold, 7))
    ledger.settle(Settlement(hold, 7))
    assert await balance(ledger) == Balance(7, 0)
    await ledger.flush()
    ledger.settle(Settlement(hold, 9))
    assert await balance(ledger) == Balance(7, 0)
    assert await ledger.total("key:1") == 7


async def test_what_was_never_held_is_spent_all_the_same(ledger: Ledger) -> None:
    hold = a_hold(0, KEY, TEAM)
    ledger.settle(Settlement(hold, 5))
    ledger.settle(Settlement(hold, 5))
    assert await balance(ledger) == Balance(5, 0)


async def test_more_can_be_held_while_there_is_room(ledger: Ledger) -> None:
    hold = a_hold(60, KEY, TEAM)
    await ledger.reserve(hold)
    assert await ledger.extend(hold, 30) == Granted()
    assert await ledger.extend(hold, 20) == Refused("account", 0, 10, 90, held=90)
    assert await balance(ledger) == Balance(0, 90)
    ledger.settle(Settlement(hold, 81))
    assert await balance(ledger) == Balance(81, 0)


async def test_what_is_not_held_cannot_be_extended(ledger: Ledger) -> None:
    assert isinstance(await ledger.extend(a_hold(10), 5), Refused)
    assert await balance(ledger) == Balance(0, 0)


async def test_a_thousand_at_once_are_let_in_as_far_as_the_money_reaches(ledger: Ledger) -> None:
    holds = [a_hold(9, Account("key:many", 340), TEAM_WIDE) for _ in range(1000)]
    answers = await asyncio.gather(*(ledger.reserve(one) for one in holds))
    granted = [one for one, answer in zip(holds, answers, strict=True) if answer == Granted()]
    assert len(granted) == 37
    for one in granted:
        ledger.settle(Settlement(one, 9))
    assert await balance(ledger, "key:many") == Balance(333, 0)
    assert await ledger.total("key:many") == 333


TEAM_WIDE = Account("team:wide", 10**6)


async def test_a_rate_lets_in_its_limit_and_says_when_to_come_back(ledger: Ledger) -> None:
    rate = Rate("rpm:key:1", 3)
    left: list[int] = []
    for _ in range(3):
        answer = await ledger.reserve(Hold(unique(), 0, (), (rate,)))
        assert isinstance(answer, Granted)
        left += answer.remaining
    assert left == [2, 1, 0]
    refused = await ledger.reserve(Hold(unique(), 0, (KEY,), (rate,)))
    assert isinstance(refused, Refused)
    assert (refused.kind, refused.index, refused.remaining) == ("rate", 0, 0)
    assert refused.retry_after is not None
    assert 0 < refused.retry_after <= 61
    assert await balance(ledger) == Balance(0, 0)


async def test_tokens_are_settled_to_what_was_really_used(ledger: Ledger) -> None:
    rate = Rate("tpm:key:1", 1000, cost=800)
    hold = Hold(unique(), 0, (), (rate,))
    await ledger.reserve(hold)
    assert await ledger.used([rate]) == (800,)
    assert isinstance(await ledger.reserve(Hold(unique(), 0, (), (rate,))), Refused)
    ledger.settle(Settlement(hold, 0, (150,)))
    await ledger.flush()
    assert await ledger.used([rate]) == (150,)
    assert isinstance(await ledger.reserve(Hold(unique(), 0, (), (rate,))), Granted)


async def test_a_rate_takes_more_than_was_held_where_more_was_used(ledger: Ledger) -> None:
    rate = Rate("tpm:key:2", 1000, cost=100)
    hold = Hold(unique(), 0, (), (rate,))
    await ledger.reserve(hold)
    ledger.settle(Settlement(hold, 0, (5000,)))
    await ledger.flush()
    assert await ledger.used([rate]) == (5000,)
    assert isinstance(await ledger.reserve(Hold(unique(), 0, (), (rate,))), Refused)


async def test_slots_are_free_again_when_a_call_ends(ledger: Ledger) -> None:
    slot = Slot("parallel:key:1", 2)
    first, second = (Hold(unique(), 0, (), (), (slot,)) for _ in range(2))
    assert await ledger.reserve(first) == await ledger.reserve(second) == Granted()
    refused = await ledger.reserve(Hold(unique(), 0, (), (), (slot,)))
    assert isinstance(refused, Refused)
    assert (refused.kind, refused.index) == ("slot", 0)
    ledger.settle(Settlement(first, 0))
    await ledger.flush()
    assert await ledger.reserve(Hold(unique(), 0, (), (), (slot,))) == Granted()


async def test_an_operator_can_write_a_sum_anew(ledger: Ledger) -> None:
    hold = a_hold(10)
    ledger.settle(Settlement(hold, 40))
    await ledger.flush()
    await ledger.set_spent("key:1", 3)
    assert await balance(ledger) == Balance(3, 0)
    assert await ledger.total("key:1") == 3


async def test_sums_are_exact_far_beyond_what_a_float_can_hold(ledger: Ledger) -> None:
    big = Account("key:big", 9_000_000_000_000_000)
    hold = a_hold(8_999_999_999_999_998, big)
    assert await ledger.reserve(hold) == Granted()
    assert isinstance(await ledger.reserve(a_hold(2, big)), Granted)
    assert isinstance(await ledger.reserve(a_hold(1, big)), Refused)
    ledger.settle(Settlement(hold, 8_999_999_999_999_997))
    assert (await balance(ledger, "key:big")).spent == 8_999_999_999_999_997
