"""Money and rates, held before they are spent.

The rule: this stage prepares the reservation and settles it; route takes it before each attempt, so
that an answer from the cache takes none.
"""

from __future__ import annotations

from pipelines.budgets import BudgetPolicy
from pipelines.claims import Claims
from pipelines.clock import Clock
from pipelines.events import Data, Flow, Proceed
from pipelines.exchange import Exchange
from pipelines.ledger import Ledger
from pipelines.prompt_bound import PromptBound
from pipelines.queueing import Queue
from pipelines.reservation import Reservation


class Budget:
    """Lets a call pass as far as its accounts, rates and slots reach."""

    name = "budget"
    needs = frozenset({"principal"})
    gives: frozenset[str] = frozenset()

    def __init__(
        self,
        ledger: Ledger,
        policy: BudgetPolicy,
        clock: Clock,
        prompt_bound: PromptBound,
    ) -> None:
        self._ledger = ledger
        self._claims = Claims(policy, Queue(clock))
        self._clock = clock
        self._prompt_bound = prompt_bound

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """A reply that outgrows what is left is cut short. Raises OverBudget where it cannot be."""
        reservation = Reservation(
            exchange, self._ledger, self._claims, self._clock, self._prompt_bound
        )
        exchange.reservation = reservation
        seen = 0
        try:
            async for event in proceed():
                # A pump meters for itself: it may go on when its client has left.
                if (
                    reservation.check_at is not None
                    and exchange.outlives is None
                    and type(event) is Data
                ):
                    seen += len(event.raw)
                    if seen > reservation.check_at:
                        await exchange.meter()
                yield event
        finally:
            exchange.when_over(lambda: self._close(exchange, reservation))

    def _close(self, exchange: Exchange, reservation: Reservation) -> None:
        reservation.settle()
        if exchange.attempts:
            self._prompt_bound.learn(exchange)
        # They know each other: apart, they are gone at once and need no collector.
        exchange.reservation = None
