"""An entry is counted once in Redis of every epoch, and forgotten when the books have it too."""

from __future__ import annotations

from pipelines.ledger import Hold, Settlement
from proxy.stores.ledger.owed import KEPT_WAITING
from proxy.stores.ledger.redis_debts import Debts, Owed


def owing(*ids: str) -> tuple[Debts, list[Owed]]:
    debts = Debts()
    for id in ids:
        debts.add(Settlement(Hold(id, 5), 3))
    return debts, debts.to_write(10)


def test_what_is_counted_and_written_is_owed_no_more() -> None:
    debts, owed = owing("a")
    debts.add(Settlement(Hold("a", 5), 4))
    assert debts.to_count(1, 10) == owed
    debts.counted(owed[0], 1)
    assert (debts.uncounted, debts.unwritten) == (0, 1)
    debts.written(owed, {"a": 1})
    assert (debts.uncounted, debts.unwritten) == (0, 0)
    assert debts.landed == ["a"]


def test_what_redis_lost_before_it_was_written_is_counted_again() -> None:
    debts, owed = owing("a")
    debts.counted(owed[0], 1)
    debts.refilled(2)
    assert debts.to_count(2, 10) == owed


def test_what_was_written_after_a_filling_is_counted_again() -> None:
    debts, owed = owing("a")
    debts.counted(owed[0], 1)
    debts.written(owed, {"a": 2})
    assert debts.to_count(2, 10) == owed


def test_what_was_written_before_a_filling_is_in_it_already() -> None:
    debts, owed = owing("a", "b")
    debts.written(owed[:1], {"a": 1})
    assert debts.to_count(2, 10) == owed[1:]
    assert debts.uncounted == 1


def test_what_is_too_much_to_keep_stays_to_be_counted() -> None:
    debts = Debts()
    limit = KEPT_WAITING
    debts._unwritten.update(dict.fromkeys(map(str, range(limit))))  # type: ignore[arg-type]
    debts.add(Settlement(Hold("a", 5), 3))
    assert (debts.unwritten, debts.uncounted) == (limit, 1)
