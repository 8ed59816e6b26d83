"""What is put into the spool is in its files, and stays there until it is done."""

from __future__ import annotations

import time
from pathlib import Path

from proxy.stores.journal.frames import unpacked
from proxy.stores.journal.segments import left_open, numbers
from tests.fakes.ports import FakeClock
from tests.proxy.stores.journal.spools import a_spool, folder_of, ids
from tests.proxy.stores.journal.test_rows import a_record


def test_what_was_put_is_there_at_once(tmp_path: Path) -> None:
    with a_spool(tmp_path) as spool:
        spool.put(a_record("a"))
        spool.put(a_record("b"))
        assert ids(spool) == ["a", "b"]
        assert spool.waiting == 2


def test_what_is_done_is_not_given_again(tmp_path: Path) -> None:
    with a_spool(tmp_path) as spool:
        spool.put(a_record("a"))
        spool.done(spool.batch(9))
        spool.put(a_record("b"))
        assert (ids(spool), spool.waiting) == (["b"], 1)


def test_a_call_is_open_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    with a_spool(tmp_path) as spool:
        spool.begin(a_record("mine", serial="s1", status=1))
        spool.begin(a_record("mine", serial="s1", status=2))
        spool.begin(a_record("mine", serial="s2"))
        spool.put(a_record("mine", serial="s2"))
        found = [unpacked(*one) for one in left_open(folder_of(tmp_path))]
        assert [(one.serial, one.status) for one in found] == [("s1", 2)]
        assert (spool.running, spool.waiting) == (1, 1)


def test_segments_end_and_running_calls_go_on_in_the_next(tmp_path: Path) -> None:
    with a_spool(tmp_path, segment_bytes=4_000) as spool:
        folder = folder_of(tmp_path)
        spool.begin(a_record("long"))
        for number in range(200):
            spool.put(a_record(f"{number:03}"))
        assert len(numbers(folder)) > 3
        seen = []
        while found := ids(spool):
            seen += found
            spool.done(spool.batch(1_000))
        assert seen == [f"{number:03}" for number in range(200)]
        assert len(numbers(folder)) == 1
        assert [unpacked(*one).id for one in left_open(folder)] == ["long"]
        assert spool.size == sum(one.stat().st_size for one in folder.glob("*.log"))


def test_a_file_is_not_kept_long_after_all_of_it_is_done(tmp_path: Path) -> None:
    clock = FakeClock()
    with a_spool(tmp_path, clock) as spool:
        folder = folder_of(tmp_path)
        spool.put(a_record("secret"))
        spool.tidy()
        spool.done(spool.batch(9))
        spool.tidy()
        assert numbers(folder) == [1]
        clock.now += 61
        spool.tidy()
        assert numbers(folder) == [2]
        clock.now += 61
        spool.tidy()
        assert numbers(folder) == [2]
        spool.put(a_record("b"))
        assert ids(spool) == ["b"]


def test_the_age_is_that_of_the_oldest_record(tmp_path: Path) -> None:
    clock = FakeClock()
    with a_spool(tmp_path, clock) as spool:
        assert spool.age == 0
        for id in "abc":
            spool.put(a_record(id))
            clock.now += 10
        assert spool.age == 30
        spool.done(spool.batch(2))
        assert spool.age == 10
        spool.done(spool.batch(9))
        assert spool.age == 0


def test_a_record_that_came_soon_after_another_has_an_age_too(tmp_path: Path) -> None:
    clock = FakeClock()
    with a_spool(tmp_path, clock) as spool:
        spool.put(a_record("a"))
        clock.now += 0.5
        spool.put(a_record("b"))
        spool.done(spool.batch(1))
        clock.now += 60
        assert spool.age == 60


def test_the_disk_is_asked_to_take_it(tmp_path: Path) -> None:
    with a_spool(tmp_path) as spool:
        spool.put(a_record("a"))
        end = time.monotonic() + 5
        while not spool.sync.turns:
            assert time.monotonic() < end
            time.sleep(0.005)
        assert spool.sync.worst >= spool.sync.seconds > 0


def test_a_file_that_the_disk_refused_is_left(tmp_path: Path) -> None:
    with a_spool(tmp_path) as spool:
        spool.put(a_record("a"))
        spool.sync.failed = True
        spool.put(a_record("b"))
        assert len(numbers(folder_of(tmp_path))) == 2
        assert not spool.sync.failed
        assert ids(spool) == ["a"]


def test_what_comes_too_late_is_counted_and_goes_nowhere(tmp_path: Path) -> None:
    with a_spool(tmp_path) as spool:
        pass
    spool.begin(a_record("a"))
    spool.put(a_record("a"))
    assert (spool.waiting, spool.dropped) == (0, 1)


def test_a_folder_with_nothing_left_is_taken_away(tmp_path: Path) -> None:
    with a_spool(tmp_path) as spool:
        spool.put(a_record("a"))
        spool.done(spool.batch(9))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_left_stays(tmp_path: Path) -> None:
    with a_spool(tmp_path) as spool:
        spool.begin(a_record("a"))
    assert folder_of(tmp_path)
