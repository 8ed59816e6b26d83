"""A row says all that is needed to write it twice without any effect."""

from __future__ import annotations

from pipelines.ledger import Account, Hold, Rate, Settlement, Slot
from proxy.stores.ledger.owed import ESTIMATED, SETTLED, row, state_of


def test_a_settlement_becomes_a_row() -> None:
    hold = Hold("h", 9, (Account("key:1", 10),), (Rate("rpm:1", 5),), (Slot("parallel:1", 2),))
    assert row(Settlement(hold, 4, (1,)), SETTLED) == {
        "id": "h",
        "cost": 4,
        "state": 0,
        "accounts": ["key:1"],
        "rates": ["rpm:1"],
        "slots": ["parallel:1"],
        "used": (1,),
    }


def test_what_was_estimated_is_told_from_what_was_counted() -> None:
    hold = Hold("h", 9)
    assert state_of(Settlement(hold, 4)) == SETTLED
    assert state_of(Settlement(hold, 4, estimated=True)) == ESTIMATED
