"""What is still to be written of a settlement, in the form that every store of ours reads.

The rule: a row says all that is needed to write it a second time without any effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pipelines.ledger import Settlement

State = Literal[0, 1, 2, 3]

SETTLED: State = 0
ESTIMATED: State = 1
ORPHANED: State = 2
GIVEN_BACK: State = 3
KINDS: Mapping[int, Literal["account", "rate", "slot"]] = MappingProxyType(
    {0: "account", 1: "rate", 2: "slot"}
)
KEPT_WAITING = 200_000


def state_of(settlement: Settlement) -> State:
    """Settled, or estimated."""
    return ESTIMATED if settlement.estimated else SETTLED


def row(settlement: Settlement, state: State) -> dict[str, object]:
    """One row for `headgate_ledger_settle`."""
    hold = settlement.hold
    return {
        "id": hold.id,
        "cost": settlement.cost,
        "state": state,
        "accounts": [one.name for one in hold.accounts],
        "rates": [one.name for one in hold.rates],
        "slots": [one.name for one in hold.slots],
        "used": settlement.used,
    }
