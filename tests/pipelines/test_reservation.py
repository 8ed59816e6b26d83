"""A reservation holds the worst case, clamps what does not fit, and says who is in the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pipelines.allowance import Allowance, Budget
from pipelines.budgets import BudgetPolicy
from pipelines.call import Call
from pipelines.claims import Claims
from pipelines.errors import (
    Busy,
    Forbidden,
    LedgerUnavailable,
    OverBudget,
    RateLimited,
)
from pipelines.exchange import Exchange, Principal, RateState
from pipelines.ledger import Granted, Hold, Ledger, Refused
from pipelines.money import Prices, cost
from pipelines.reservation import MARGIN, MOST_HELD, MOST_TOKENS, USUAL_OUTPUT, Reservation
from pipelines.usage import Usage
from proxy.stores.ledger.memory import MemoryLedger
from tests.builders import a_body, a_call, a_deployment, an_exchange
from tests.fakes.ports import FakeClock

PRICES = Prices(prompt=1_000_000, completion=2_000_000)
PAID = a_deployment(prices=PRICES)
PROMPT = 100


class Gone(MemoryLedger):
    async def reserve(self, hold: Hold) -> Granted | Refused:
        raise LedgerUnavailable("gone")


class World:
    """One call, its reservation, and what stands behind it."""

    def __init__(
        self,
        *allowances: Allowance,
        call: Call | None = None,
        policy: BudgetPolicy | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.ledger = ledger or MemoryLedger(self.clock)
        self.exchange = an_exchange(
            call or a_call(a_body(max_tokens=1000)), Principal("t", allowances=allowances)
        )
        self.reservation = Reservation(
            self.exchange, self.ledger, Claims(policy or BudgetPolicy()), self.clock, self._bound
        )

    def again(self) -> World:
        """Another call in the same world."""
        other = World(*self.exchange.principal.allowances, call=self.exchange.call)
        other.clock, other.ledger = self.clock, self.ledger
        other.exchange.id = f"{self.exchange.id}+"
        other.reservation = Reservation(
            other.exchange, self.ledger, Claims(BudgetPolicy()), self.clock, self._bound
        )
        return other

    def spend(self, usage: Usage) -> None:
        self.exchange.usage, self.exchange.cost = usage, cost(usage, PRICES)
        self.reservation.settle()

    async def stands(self, name: str) -> tuple[int, int]:
        found = (await self.ledger.balances([name]))[name]
        return found.spent, found.held

    def _bound(self, exchange: Exchange) -> int:
        return PROMPT


def a_key(limit: int | None = None, **more: Any) -> Allowance:
    budgets: Sequence[Budget] = () if limit is None else (Budget(limit),)
    return Allowance("key:1", "Key=sk-...abcd", tuple(budgets), **more)


WORST = cost(Usage(PROMPT, 1000), PRICES)


async def test_the_worst_case_is_held_and_the_truth_is_spent() -> None:
    world = World(a_key(10**9))
    await world.reservation.take(PAID)
    assert await world.stands("key:1") == (0, WORST)
    world.spend(Usage(50, 10))
    assert await world.stands("key:1") == (cost(Usage(50, 10), PRICES), 0)
    world.reservation.settle()
    assert await world.stands("key:1") == (cost(Usage(50, 10), PRICES), 0)


async def test_what_does_not_fit_is_made_shorter_and_said() -> None:
    world = World(a_key(cost(Usage(PROMPT, 200), PRICES)))
    await world.reservation.take(PAID)
    assert world.exchange.outgoing is not None
    assert world.exchange.outgoing.json["max_tokens"] == 200
    assert world.exchange.losses == ["clamped:max_tokens=200"]
    assert world.exchange.call.json["max_tokens"] == 1000


async def test_what_would_be_too_short_is_refused_with_a_sentence() -> None:
    world = World(a_key(cost(Usage(PROMPT, 15), PRICES)))
    with pytest.raises(OverBudget, match=r"Budget has been exceeded! Key=sk-\.\.\.abcd") as no:
        await world.reservation.take(PAID)
    assert no.value.status == 400
    assert await world.stands("key:1") == (0, 0)


async def test_the_refusal_says_when_the_budget_is_renewed() -> None:
    key = Allowance("key:1", "Key=k", (Budget(10, "1h"),))
    said = r"Max budget: 1e-08\. It is renewed in \d+ minutes?, at \d{4}-\d\d-\d\d \d\d:00 UTC\."
    with pytest.raises(OverBudget, match=said):
        await World(key).reservation.take(PAID)


async def test_the_operator_may_refuse_or_let_pass_instead_of_clamping() -> None:
    little = a_key(cost(Usage(PROMPT, 200), PRICES))
    refusing = World(little, policy=BudgetPolicy(over="refuse", exceeded_status=429))
    with pytest.raises(OverBudget) as no:
        await refusing.reservation.take(PAID)
    assert no.value.status == 429
    soft = World(little, policy=BudgetPolicy(over="soft"))
    await soft.reservation.take(PAID)
    assert await soft.stands("key:1") == (0, WORST)
    assert soft.exchange.outgoing is None


async def test_a_call_that_nobody_limits_asks_no_ledger_and_is_counted() -> None:
    world = World(a_key(), ledger=Gone(FakeClock()))
    await world.reservation.take(PAID)
    world.spend(Usage(50, 10))
    assert await world.stands("key:1") == (cost(Usage(50, 10), PRICES), 0)


async def test_an_unknown_price_passes_unless_the_operator_forbids_it() -> None:
    unpriced = a_deployment()
    world = World(a_key(10**9))
    await world.reservation.take(unpriced)
    assert await world.stands("key:1") == (0, 0)
    strict = World(a_key(10**9), policy=BudgetPolicy(unknown_price="refuse"))
    with pytest.raises(Forbidden, match="has no price") as no:
        await strict.reservation.take(unpriced)
    assert no.value.type == "model_cost_map_missing"


async def test_a_rate_is_refused_in_litellms_words_and_with_a_time() -> None:
    world = World(a_key(rpm=1))
    await world.reservation.take(PAID)
    assert world.exchange.requests == RateState(1, 0, 60)
    with pytest.raises(RateLimited, match="Rate limit exceeded for Key=") as no:
        await world.again().reservation.take(PAID)
    assert "Limit type: requests. Current limit: 1, Remaining: 0." in no.value.message
    assert no.value.retry_after is not None


async def test_the_refused_is_told_how_much_is_left_and_until_when() -> None:
    world = World(a_key(tpm=1200))
    await world.reservation.take(PAID)
    second = world.again()
    with pytest.raises(RateLimited, match="Limit type: tokens"):
        await second.reservation.take(PAID)
    told = second.exchange.tokens
    assert told is not None
    assert (told.limit, told.remaining) == (1200, 100)
    assert 59 <= told.reset <= 61
    assert second.exchange.requests is None


async def test_a_rate_can_be_waited_for() -> None:
    world = World(a_key(rpm=1))
    await world.reservation.take(PAID)
    waiting = world.again()
    waiting.reservation = Reservation(
        waiting.exchange, world.ledger, Claims(BudgetPolicy(queue=90)), world.clock, world._bound
    )
    await waiting.reservation.take(PAID)
    assert 59 <= sum(world.clock.sleeps) <= 61


async def test_a_slot_is_asked_for_more_often_than_a_rate() -> None:
    world = World(a_key(parallel=1))
    await world.reservation.take(PAID)
    waiting = world.again()
    waiting.reservation = Reservation(
        waiting.exchange, world.ledger, Claims(BudgetPolicy(queue=5)), world.clock, world._bound
    )
    with pytest.raises(RateLimited):
        await waiting.reservation.take(PAID)
    assert world.clock.sleeps[0] == 0.1
    assert 12 <= len(world.clock.sleeps) <= 30
    assert 4 <= sum(world.clock.sleeps) <= 5


async def test_parallel_calls_are_limited_until_one_ends() -> None:
    world = World(a_key(parallel=1))
    await world.reservation.take(PAID)
    second = world.again()
    with pytest.raises(RateLimited, match="Limit type: max_parallel_requests"):
        await second.reservation.take(PAID)
    world.reservation.settle()
    await second.reservation.take(PAID)


async def test_a_second_attempt_lets_go_of_what_the_first_one_held() -> None:
    world = World(a_key(10**9, parallel=1))
    await world.reservation.take(PAID)
    await world.reservation.take(PAID)
    assert await world.stands("key:1") == (0, WORST)


async def test_a_provider_that_is_used_up_is_busy_and_another_may_serve() -> None:
    policy = BudgetPolicy(
        providers={"acme": Allowance("provider:acme", "Provider=acme", (Budget(0),))}
    )
    with pytest.raises(Busy) as no:
        await World(policy=policy).reservation.take(PAID)
    assert no.value.elsewhere


async def test_without_a_ledger_budgets_refuse_and_rates_let_pass() -> None:
    gone = Gone(FakeClock())
    with pytest.raises(LedgerUnavailable, match="Budgets cannot be checked") as no:
        await World(a_key(10**9), ledger=gone).reservation.take(PAID)
    assert (no.value.status, no.value.retry_after) == (503, 1.0)
    await World(a_key(rpm=1), ledger=gone).reservation.take(PAID)
    with pytest.raises(LedgerUnavailable, match="Rate limits cannot be checked"):
        await World(
            a_key(rpm=1), ledger=gone, policy=BudgetPolicy(rates_without_store="refuse")
        ).reservation.take(PAID)
    await World(
        a_key(10**9), ledger=gone, policy=BudgetPolicy(budgets_without_store="allow")
    ).reservation.take(PAID)


class Said:
    """A gauge that has seen so many tokens."""

    def __init__(self, tokens: int) -> None:
        self.usage = Usage(PROMPT, tokens, estimated=True)


def a_tight(tokens: int, **body: Any) -> World:
    """A streamed call whose key has money for so many tokens of its reply."""
    call = a_call(a_body(stream=True, **body))
    policy = BudgetPolicy(over="refuse")
    return World(a_key(cost(Usage(PROMPT, tokens), PRICES)), call=call, policy=policy)


async def metered(world: World, tokens: int) -> None:
    """Let the reply of this call come so far."""
    world.exchange.gauge = Said(tokens)
    await world.reservation.meter()


async def test_a_whole_reply_is_not_metered_and_a_stream_is() -> None:
    whole = World(a_key(10**9))
    await whole.reservation.take(PAID)
    assert not whole.reservation.meters
    stream = a_tight(1000, max_tokens=1000)
    await stream.reservation.take(PAID)
    assert stream.reservation.meters


async def test_a_reply_that_its_provider_ends_is_not_cut_for_an_estimate() -> None:
    world = a_tight(1000, max_tokens=1000)
    await world.reservation.take(PAID)
    await metered(world, 1125)
    with pytest.raises(OverBudget):
        await metered(world, 1126)
    assert not world.reservation.meters


async def test_a_reply_that_nobody_else_ends_is_cut_before_it_costs_too_much() -> None:
    world = a_tight(USUAL_OUTPUT)
    await world.reservation.take(PAID)
    await metered(world, USUAL_OUTPUT - MARGIN)
    with pytest.raises(OverBudget):
        await metered(world, USUAL_OUTPUT - MARGIN + 1)


class Heard(MemoryLedger):
    """Remembers the holds that were asked for."""

    asked: tuple[Hold, ...] = ()

    async def reserve(self, hold: Hold) -> Granted | Refused:
        self.asked = (*self.asked, hold)
        return await super().reserve(hold)


@pytest.mark.parametrize("body", [{"max_tokens": 4 * 10**14}, {"max_tokens": 2**63}, {"n": 2**63}])
async def test_no_wish_of_a_client_is_too_large_for_the_books(body: dict[str, Any]) -> None:
    ledger = Heard(FakeClock())
    world = World(a_key(rpm=9, tpm=2**60), call=a_call(a_body(**body)), ledger=ledger)
    await world.reservation.take(PAID)
    [hold] = ledger.asked
    assert 0 < hold.amount <= MOST_HELD
    assert all(one.cost <= MOST_TOKENS + PROMPT for one in hold.rates)
    world.exchange.usage, world.exchange.cost = Usage(2**70, 1), 2**70
    world.reservation.settle()
