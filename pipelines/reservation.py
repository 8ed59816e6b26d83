"""What one call takes before each of its attempts, and gives back at its end.

The rule: an attempt is sent only while what it can cost is held; a hold is settled once, at what
the attempt really cost.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil

from pipelines.allowance import Allowance, Budget, Claim
from pipelines.claims import Claims
from pipelines.clock import Clock
from pipelines.costs import prices_for
from pipelines.deployment import Deployment
from pipelines.errors import (
    Busy,
    Forbidden,
    LedgerUnavailable,
    OverBudget,
    RateLimited,
)
from pipelines.exchange import Exchange, RateState
from pipelines.ledger import Account, Granted, Hold, Ledger, Refused, Settlement
from pipelines.money import PICO_PER_NANO, Prices
from pipelines.output import asked_output, choices, generates, shortened
from pipelines.periods import stretch
from pipelines.queueing import Ticket

SMALLEST_OUTPUT = 16
USUAL_OUTPUT = 16_384
EXTENSION = 512
MARGIN = 64
SLOT_WAIT = 0.1
NANO = 10**9
# Ledgers count in 64 bits: a client that asks for more tokens than there are must break no books.
MOST_TOKENS = 2**40
MOST_HELD = 2**52
SHARED = ("provider:", "deployment:")


class Reservation:
    """The holds of one call, one an attempt; `prompt_bound` gives the most tokens that the call's
    prompt can be."""

    __slots__ = (
        "_claim",
        "_claims",
        "_clock",
        "_exchange",
        "_hold",
        "_ledger",
        "_number",
        "_output",
        "_policy",
        "_prices",
        "_prompt_bound",
        "_reserved",
        "_slack",
        "_ticket",
        "_until",
        "_waited",
        "check_at",
    )

    def __init__(
        self,
        exchange: Exchange,
        ledger: Ledger,
        claims: Claims,
        clock: Clock,
        prompt_bound: Callable[[Exchange], int],
    ) -> None:
        self._exchange = exchange
        self._ledger = ledger
        self._claims = claims
        self._policy = claims.policy
        self._clock = clock
        self._prompt_bound = prompt_bound
        self._claim: Claim | None = None
        self._hold: Hold | None = None
        self._prices: Prices | None = None
        self._reserved = False
        self._output = 0
        self._slack = 0
        self._number = 0
        self._waited = 0.0
        self._ticket: Ticket | None = None
        self._until: float | None = None
        self.check_at: float | None = None

    async def take(self, deployment: Deployment) -> None:
        """Hold what an attempt with this deployment may cost. Raises OverBudget, RateLimited, Busy,
        Forbidden and StoreUnavailable."""
        self.settle()
        self._number += 1
        found = self._claims.of(
            self._exchange.principal, deployment, self._exchange.call.model, self._clock.time()
        )
        self._claim = found
        if not found.limited:
            if found.accounts:
                self._keep(found.hold(self._id(), 0, 0), reserved=False)
            return
        self._prices = prices_for(self._exchange, deployment)
        if self._prices is None and found.spends and self._policy.unknown_price == "refuse":
            error = Forbidden(
                f"The model {deployment.group!r} has no price, and this key has a budget; set"
                " input_cost_per_token and output_cost_per_token for it."
            )
            error.type = "model_cost_map_missing"
            raise error
        try:
            await self._reserve(found, deployment)
        finally:
            if self._ticket is not None:
                self._leave()

    def beside(self, exchange: Exchange) -> Reservation:
        """A reservation for a second attempt of the same call, which runs beside this one's."""
        return Reservation(exchange, self._ledger, self._claims, self._clock, self._prompt_bound)

    @property
    def meters(self) -> bool:
        """Whether the reply may outgrow what is held."""
        return self.check_at is not None

    async def meter(self) -> None:
        """Hold more where the reply grew longer than what is held. Raises OverBudget or Busy where
        nothing is left."""
        gauge, hold, prices = self._exchange.gauge, self._hold, self._prices
        if gauge is None or hold is None or prices is None:
            self.check_at = None
            return
        spoken = gauge.usage.completion_tokens
        if spoken > self._output + min(0, self._slack):
            more = max(0, spoken - self._output) + EXTENSION
            amount = -(-more * prices.completion // PICO_PER_NANO)
            answer = await self._extended(hold, amount)
            if isinstance(answer, Granted):
                self._output += more
            elif spoken > self._output + self._slack:
                self.check_at = None
                raise self._refusal(answer)
        self._watch(spoken)

    def settle(self) -> None:
        """Put what the last attempt cost in its hold's place."""
        hold, self._hold = self._hold, None
        self.check_at = None
        if hold is None:
            return
        usage, cost = self._exchange.usage, self._exchange.cost or 0
        if not self._reserved and not cost:
            return
        used = [
            min(usage.total_tokens, MOST_HELD) if one.name.startswith("tpm:") else one.cost
            for one in hold.rates
        ]
        self._ledger.settle(Settlement(hold, min(cost, MOST_HELD), tuple(used), usage.estimated))

    async def _reserve(self, found: Claim, deployment: Deployment) -> None:
        prompt = self._prompt_bound(self._exchange)
        self._output = self._longest(deployment)
        if self._prices is not None:
            audio = self._prices.audible and b"audio" in self._exchange.call.raw
            self._prices = self._prices.dearest(prompt, audio)
        while True:
            amount = self._worst(prompt, self._output)
            hold = found.hold(self._id(), amount, prompt + self._output)
            try:
                answer = await self._ledger.reserve(hold)
            except CancelledError:
                # It may be granted by now, and nobody else would give it back.
                self._ledger.settle(Settlement(hold, 0, (0,) * len(hold.rates)))
                raise
            except LedgerUnavailable:
                self._without_store(found)
                self._keep(hold, reserved=False)
                return
            if isinstance(answer, Granted):
                self._keep(hold, reserved=True)
                self._tell(hold, answer)
                return
            soft = self._policy.over == "soft" and not self._is_shared(answer)
            if answer.kind == "account" and soft:
                found = _boundless(found)
            elif answer.kind == "account":
                if not await self._freed(found.accounts[answer.index], answer, amount):
                    self._shorten(answer, prompt)
            elif not await self._queued(answer):
                raise self._refusal(answer)

    def _longest(self, deployment: Deployment) -> int:
        call = self._exchange.call
        if not generates(call):
            return 0
        known = asked_output(call) or deployment.max_output
        many = min(choices(call), MOST_TOKENS)
        if known is None:
            # Nobody ends this one in time but the gateway.
            self._slack = -MARGIN * many
            return min(USUAL_OUTPUT * many, MOST_TOKENS)
        # The provider ends it there by itself, and what was said until now is an estimate.
        self._slack = max(SMALLEST_OUTPUT, known // 8) * many
        return min(known * many, MOST_TOKENS)

    def _worst(self, prompt: int, output: int) -> int:
        prices = self._prices
        if prices is None:
            return 0
        total = prompt * prices.prompt + output * prices.completion + prices.request
        return min(-(-total // PICO_PER_NANO), MOST_HELD)

    def _shorten(self, answer: Refused, prompt: int) -> None:
        prices, call = self._prices, self._exchange.call
        if prices is None or self._policy.over != "clamp" or not self._output:
            raise self._refusal(answer)
        left = answer.remaining * PICO_PER_NANO - prompt * prices.prompt - prices.request
        many, spoken = choices(call), prices.completion
        each = left // (spoken * many) if spoken else 0
        if each < SMALLEST_OUTPUT or each * many >= self._output:
            raise self._refusal(answer)
        self._output = each * many
        self._slack = max(SMALLEST_OUTPUT, each // 8) * many
        self._exchange.outgoing = shortened(call, each)
        self._exchange.losses = [*self._exchange.losses, f"clamped:max_tokens={each}"]

    async def _freed(self, account: Account, answer: Refused, amount: int) -> bool:
        """Wait for what others hold, where that alone is in the way."""
        queue, spent = self._claims.queue, answer.spent - answer.held
        if queue is None or account.limit is None or self._is_shared(answer):
            return False
        if not answer.held or spent + amount > account.limit:
            self._leave(hopeless=True)
            return False
        now = self._clock.monotonic()
        if self._until is None:
            self._until = now + self._policy.patience
        if now >= self._until:
            return False
        ticket = self._ticket
        if ticket is None or ticket.account != account.name:
            self._leave()
            ticket = self._ticket = queue.enter(account.name, self._until)
        await queue.turn(ticket, spent, answer.held)
        return True

    def _leave(self, hopeless: bool = False) -> None:
        ticket, self._ticket = self._ticket, None
        if ticket is not None and self._claims.queue is not None:
            self._claims.queue.leave(ticket, hopeless)

    async def _queued(self, answer: Refused) -> bool:
        # A slot is free as soon as any call ends, which nobody knows beforehand.
        soon = min(1.0, SLOT_WAIT + self._waited / 10)
        wait = soon if answer.kind == "slot" else answer.retry_after or 1.0
        if self._is_shared(answer) or self._waited + wait > self._policy.queue:
            return False
        self._waited += wait
        self._leave()
        await self._clock.sleep(wait)
        return True

    async def _extended(self, hold: Hold, amount: int) -> Granted | Refused:
        try:
            return await self._ledger.extend(hold, amount)
        except LedgerUnavailable:
            return Granted()

    def _without_store(self, found: Claim) -> None:
        policy = self._policy
        if found.spends and policy.budgets_without_store == "refuse":
            raise LedgerUnavailable(
                "Budgets cannot be checked just now, so this call is not made; please try again."
            )
        if (found.rates or found.slots) and policy.rates_without_store == "refuse":
            raise LedgerUnavailable(
                "Rate limits cannot be checked just now, so this call is not made; please try"
                " again."
            )

    def _keep(self, hold: Hold, reserved: bool) -> None:
        self._hold, self._reserved = hold, reserved
        if reserved and self._prices is not None and self._claim is not None:
            self.check_at = None
            call = self._exchange.call
            if self._claim.spends and call.streaming and generates(call):
                self._watch(0)

    def _watch(self, spoken: int) -> None:
        # A token is two bytes at the very least, nearly always.
        self.check_at = (self.check_at or 0.0) + 2 * max(64, self._output - spoken)

    def _tell(self, hold: Hold, answer: Granted) -> None:
        exchange = self._exchange
        for rate, remaining in zip(hold.rates, answer.remaining, strict=False):
            tokens = rate.name.startswith("tpm:")
            known = exchange.tokens if tokens else exchange.requests
            if known is not None and remaining >= known.remaining:
                continue
            state = RateState(rate.limit, remaining, rate.width)
            if tokens:
                exchange.tokens = state
            else:
                exchange.requests = state

    def _is_shared(self, answer: Refused) -> bool:
        return self._bearer(answer)[0].scope.startswith(SHARED)

    def _bearer(self, answer: Refused) -> tuple[Allowance, Budget | None]:
        assert self._claim is not None
        found = self._claim
        if answer.kind == "account":
            return found.bearers[found.accounts[answer.index].name]
        if answer.kind == "rate":
            return found.bearers[found.rates[answer.index].name]
        return found.bearers[found.slots[answer.index].name]

    def _refusal(self, answer: Refused) -> OverBudget | RateLimited | Busy:
        bearer, budget = self._bearer(answer)
        if answer.kind == "account":
            words = _over_budget(bearer, budget, answer, self._clock.time())
            if self._is_shared(answer):
                return Busy(words)
            return OverBudget(words, self._policy.exceeded_status)
        assert self._claim is not None
        if answer.kind == "rate":
            rate = self._claim.rates[answer.index]
            kind = "tokens" if rate.name.startswith("tpm:") else "requests"
            limit = rate.limit
            state = RateState(limit, answer.remaining, ceil(answer.retry_after or rate.width))
            if kind == "tokens":
                self._exchange.tokens = state
            else:
                self._exchange.requests = state
        else:
            kind, limit = "max_parallel_requests", self._claim.slots[answer.index].limit
        wait = ceil(answer.retry_after or 1)
        words = (
            f"Rate limit exceeded for {bearer.label}. Limit type: {kind}. Current limit: {limit}, "
            f"Remaining: {answer.remaining}. Limit resets in {wait} seconds."
        )
        if self._is_shared(answer):
            return Busy(words, 429, answer.retry_after)
        return RateLimited(words, answer.retry_after)

    def _id(self) -> str:
        # A client may send one id twice, and every attempt needs a hold of its own.
        return f"{self._exchange.serial or self._exchange.id}.{self._number}"


def _boundless(found: Claim) -> Claim:
    # What a provider or a deployment may cost is no matter of the caller's.
    accounts = tuple(
        one if one.name.startswith(SHARED) else replace(one, limit=None) for one in found.accounts
    )
    return replace(found, accounts=accounts)


def _over_budget(bearer: Allowance, budget: Budget | None, answer: Refused, now: float) -> str:
    limit = budget.limit if budget is not None and budget.limit is not None else 0
    words = (
        f"Budget has been exceeded! {bearer.label} Current cost: {answer.spent / NANO:.9g}, "
        f"Max budget: {limit / NANO:.9g}."
    )
    if budget is not None and budget.duration:
        end = stretch(budget.duration, now)[1]
        words += f" It is renewed in {_span(end - now)}, at {_time(end)}."
    return words


def _time(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"


def _span(seconds: float) -> str:
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = ceil(seconds / size)
            return f"{count} {name}{'s' if count > 1 else ''}"
    return f"{max(1, ceil(seconds))} seconds"
