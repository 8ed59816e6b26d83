"""Keys share one hash tag; a record for the books holds sums as they are."""

from __future__ import annotations

import orjson

from pipelines.ledger import Account, Hold, Rate, Settlement, Slot
from proxy.stores.ledger.owed import GIVEN_BACK, SETTLED
from proxy.stores.ledger.redis_names import Names, record

HOLD = Hold("h", 9, (Account("key:ä", 10),), (Rate("tpm:1", 5, 3),), (Slot("parallel:1", 2),))


def test_every_key_of_a_command_has_the_prefix() -> None:
    names = Names("{own}", 30)
    words = names.reserve(b"1:x", HOLD).split(b"\r\n")
    keys = [one for one in words if one.startswith(b"{own}:")]
    assert len(keys) == 6
    assert "{own}:a:key:ä".encode() in keys
    assert b"{own}:r:60:tpm:1" in keys


def test_a_record_is_read_as_it_was_written() -> None:
    cost = 8_999_999_999_999_999_999
    assert orjson.loads(record(Settlement(HOLD, cost), SETTLED)) == {
        "id": "h",
        "cost": cost,
        "state": 0,
        "accounts": ["key:ä"],
    }


def test_the_difference_of_a_rate_is_what_was_used_less_what_was_held() -> None:
    names = Names("{own}", 30)
    assert b"\r\n-1\r\n" in names.settle(b"1:x", Settlement(HOLD, 4, (2,)), SETTLED, b"")
    assert b"\r\n0\r\n" in names.settle(b"1:x", Settlement(HOLD, 4), SETTLED, b"")
    assert b"\r\n-3\r\n" in names.settle(b"1:x", Settlement(HOLD, 0, (0,)), GIVEN_BACK, b"")
