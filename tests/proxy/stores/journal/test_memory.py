"""Records wait in memory up to a number, in their order."""

from __future__ import annotations

from proxy.stores.journal.frames import unpacked
from proxy.stores.journal.memory import MemorySpool
from tests.fakes.ports import FakeClock
from tests.proxy.stores.journal.test_rows import a_record


def test_records_wait_until_they_are_done() -> None:
    clock = FakeClock()
    spool = MemorySpool(clock)
    for id in "abc":
        spool.begin(a_record(id))
        spool.put(a_record(id))
        clock.now += 1
    batch = spool.batch(2)
    assert [unpacked(one).id for one in batch.payloads] == ["a", "b"]
    assert (spool.waiting, spool.age) == (3, 3.0)
    spool.done(batch)
    assert (spool.waiting, spool.age) == (1, 1.0)
    spool.done(spool.batch(9))
    spool.tidy()
    assert (spool.waiting, spool.age, spool.size) == (0, 0.0, 0)
    spool.close()


def test_what_finds_no_room_is_counted_and_every_call_is_made() -> None:
    spool = MemorySpool(FakeClock(), most_waiting=2)
    for id in "abc":
        spool.put(a_record(id))
    spool.admit()
    assert (spool.waiting, spool.dropped, spool.full) == (2, 1, True)
