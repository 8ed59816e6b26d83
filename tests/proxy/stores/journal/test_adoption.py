"""What a process has left is taken over whole, and each call of it has one end."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.record import Record
from pipelines.usage import Usage
from proxy.stores.journal.adoption import Left, orphaned
from proxy.stores.journal.folders import claim_left
from proxy.stores.journal.frames import END, frame, packed, unpacked
from proxy.stores.journal.segments import numbers, segment
from tests.proxy.stores.journal.spools import a_spool, folder_of
from tests.proxy.stores.journal.test_rows import a_record


def taken_over(root: Path) -> Left:
    (folder,) = claim_left(root)
    left = Left(folder)
    left.recover()
    return left


def all_of(left: Left) -> list[Record]:
    found = []
    while (batch := left.batch(2)).payloads:
        found += [unpacked(one, batch.names) for one in batch.payloads]
        left.done(batch)
    return found


def test_a_call_that_never_ended_gets_an_end(tmp_path: Path) -> None:
    with a_spool(tmp_path) as spool:
        spool.begin(a_record("a", outcome="orphaned"))
        spool.begin(a_record("b", outcome="orphaned"))
        spool.put(a_record("b"))
        spool.begin(a_record("a", outcome="orphaned", usage=Usage(7, 9), cost=5))
    left = taken_over(tmp_path)
    found = {one.id: one for one in all_of(left)}
    assert left.orphans == 1
    assert found["b"].outcome == "ok"
    assert (found["a"].outcome, found["a"].cost) == ("orphaned", 5)
    assert found["a"].usage == Usage(7, 9, estimated=True)
    assert found["a"].error == "the gateway ended before the call did"
    left.close(shipped=True)
    assert list(tmp_path.iterdir()) == []


def test_what_was_shipped_already_is_not_read_again(tmp_path: Path) -> None:
    with a_spool(tmp_path) as spool:
        for id in "abc":
            spool.put(a_record(id))
        spool.done(spool.batch(2))
    left = taken_over(tmp_path)
    assert [one.id for one in all_of(left)] == ["c"]
    assert left.size == 0
    left.close(shipped=True)


def test_to_end_in_the_middle_of_it_changes_nothing(tmp_path: Path) -> None:
    with a_spool(tmp_path) as spool:
        spool.begin(a_record("a", outcome="orphaned"))
        spool.put(a_record("b"))
    for _ in range(3):
        taken_over(tmp_path).close(shipped=False)
    left = taken_over(tmp_path)
    assert (left.orphans, [one.id for one in all_of(left)]) == (0, ["b", "a"])
    assert len(numbers(folder_of(tmp_path))) == 1
    left.close(shipped=True)


@pytest.mark.parametrize("cut", [1, 5, 12, 40])
def test_an_end_that_was_cut_off_is_no_end(tmp_path: Path, cut: int) -> None:
    with a_spool(tmp_path) as spool:
        spool.begin(a_record("a", outcome="orphaned"))
        spool.put(a_record("b"))
        spool.put(a_record("a"))
        path = segment(folder_of(tmp_path), 1)
        raw = path.read_bytes()
        path.write_bytes(raw[: len(raw) - len(frame(END, packed(a_record("a")))) + cut])
    left = taken_over(tmp_path)
    assert [(one.id, one.outcome) for one in all_of(left)] == [("b", "ok"), ("a", "orphaned")]
    left.close(shipped=True)


def test_an_end_that_is_damaged_in_the_middle_is_told_by_the_beginning(tmp_path: Path) -> None:
    with a_spool(tmp_path) as spool:
        spool.begin(a_record("a", outcome="orphaned"))
        spool.put(a_record("a"))
        spool.put(a_record("b"))
        path = segment(folder_of(tmp_path), 1)
        raw = bytearray(path.read_bytes())
        raw[-len(frame(END, packed(a_record("b")))) - 3] ^= 4
        path.write_bytes(raw)
    left = taken_over(tmp_path)
    assert {(one.id, one.outcome) for one in all_of(left)} == {("b", "ok"), ("a", "orphaned")}
    left.close(shipped=True)


def test_a_beginning_that_nobody_can_read_is_left_out(tmp_path: Path) -> None:
    with a_spool(tmp_path) as spool:
        spool.put(a_record("a"))
        spool.begin(a_record("b", usage=3))
    left = taken_over(tmp_path)
    assert (left.orphans, [one.id for one in all_of(left)]) == (0, ["a"])
    left.close(shipped=True)


def test_a_call_that_only_waited_for_its_texts_is_what_it_was() -> None:
    record = a_record("a", usage=Usage(1, 2))
    assert orphaned(record) == record


def test_an_orphan_keeps_what_it_had_consumed() -> None:
    begun = a_record("a", outcome="orphaned", cost=7, cost_source="table", usage=Usage(1, 2))
    found = orphaned(begun)
    assert (found.cost, found.cost_source, found.usage.completion_tokens) == (7, "table", 2)
