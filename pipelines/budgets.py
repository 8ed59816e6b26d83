"""What the operator decided about budgets and rates.

The rule: it is decided once, when the configuration is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipelines.allowance import Allowance


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """What the operator decided about budgets.

    `over` says what becomes of a call that the rest cannot pay: it is made shorter (clamp),
    refused, or let through (soft). `queue` is how long a call waits for a rate, and `patience` how
    long for money that others hold, in seconds.
    `everyone` is counted for every call, `providers` by name.
    """

    over: Literal["clamp", "refuse", "soft"] = "clamp"
    exceeded_status: int = 400
    unknown_price: Literal["allow", "refuse"] = "allow"
    budgets_without_store: Literal["allow", "refuse"] = "refuse"
    rates_without_store: Literal["allow", "refuse"] = "allow"
    queue: float = 0.0
    patience: float = 5.0
    everyone: tuple[Allowance, ...] = ()
    providers: Mapping[str, Allowance] = field(default_factory=dict)

    @property
    def spends(self) -> bool:
        """Whether the operator limits money by the configuration."""
        return any(one.budgets for one in (*self.everyone, *self.providers.values()))
