"""A spool without room says so once, counts what it loses, and lets running calls end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from pipelines.errors import JournalFull
from proxy.stores.journal.frames import unpacked
from proxy.stores.journal.room import KEPT_BACK
from proxy.stores.journal.spool import Spool
from tests.fakes.ports import FakeClock
from tests.proxy.stores.journal.spools import a_spool, ids
from tests.proxy.stores.journal.test_rows import a_record

SMALL = KEPT_BACK + 20_000
TEXT = "x" * 1_000


def filled(spool: Spool) -> int:
    """How many records go in until the first is lost."""
    count = 0
    while not spool.dropped:
        spool.put(a_record(f"{count}", error=TEXT))
        count += 1
    return count - 1


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch, left: int = 0) -> Iterator[None]:
    """A disk that takes only so many bytes more."""
    write, room = os.write, [left]

    def writes(file: int, data: bytes) -> int:
        count = min(len(data), room[0])
        room[0] -= count
        if not count:
            raise OSError(28, "No space left on device")
        return write(file, data[:count])

    def allocates(*args: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", writes)
        patch.setattr(os, "posix_fallocate", allocates)
        yield


@pytest.mark.parametrize("on_full", ["refuse", "drop_bodies", "drop"])
def test_beyond_its_limit_records_are_lost_and_counted(tmp_path: Path, on_full: str) -> None:
    with a_spool(tmp_path, most_bytes=SMALL, on_full=on_full) as spool:
        spool.begin(a_record("running"))
        with structlog.testing.capture_logs() as lines:
            count = filled(spool)
            spool.put(a_record("lost"))
            spool.put(a_record("running"))
        assert spool.full
        assert (spool.waiting, spool.dropped) == (count + 1, 2)
        assert ids(spool)[-1] == "running"
        assert [line["event"] for line in lines] == ["the spool of calls' records is full"]
        assert lines[0]["on_journal_full"] == on_full


@pytest.mark.parametrize("on_full", ["refuse", "drop_bodies", "drop"])
def test_what_is_kept_back_is_for_calls_that_had_to_be_made(tmp_path: Path, on_full: str) -> None:
    with a_spool(tmp_path, most_bytes=SMALL, on_full=on_full) as spool:
        spool.begin(a_record("running"))
        filled(spool)
        size = spool.size
        spool.begin(a_record("late"))
        spool.put(a_record("late"))
        assert (spool.size > size) == (on_full == "refuse")
        assert spool.dropped == (1 if on_full == "refuse" else 2)
        spool.begin(a_record("running", status=2))
        spool.put(a_record("running"))
        assert ids(spool)[-1] == "running"


@pytest.mark.parametrize("on_full", ["refuse", "drop_bodies", "drop"])
def test_new_calls_are_refused_only_where_the_operator_wants_it(
    tmp_path: Path, on_full: str
) -> None:
    with a_spool(tmp_path, most_bytes=SMALL, on_full=on_full) as spool:
        spool.admit()
        filled(spool)
        if on_full == "refuse":
            with pytest.raises(JournalFull, match="no room left to record calls") as error:
                spool.admit()
            assert error.value.status == 503
        else:
            spool.admit()


def test_what_is_shipped_makes_room_again(tmp_path: Path) -> None:
    with a_spool(tmp_path, most_bytes=SMALL, on_full="refuse") as spool:
        filled(spool)
        with structlog.testing.capture_logs() as lines:
            spool.done(spool.batch(9_999))
            spool.tidy()
            spool.admit()
            spool.put(a_record("next"))
            spool.done(spool.batch(9))
        assert (ids(spool), spool.dropped) == ([], 1)
        assert [(line["event"], line["lost"]) for line in lines] == [
            ("the spool of calls' records has room again", 1)
        ]


def test_prompts_and_answers_go_first(tmp_path: Path) -> None:
    with a_spool(tmp_path, most_bytes=SMALL) as spool:
        spool.put(a_record("a", prompt=TEXT, answer=TEXT))
        while not spool.bodies_dropped:
            spool.put(a_record("b", prompt=TEXT, answer=TEXT))
        spool.put(a_record("c"))
        batch = spool.batch(9_999)
        found = [unpacked(one) for one in batch.payloads]
        assert (found[0].prompt, found[-2].prompt, found[-2].answer) == (TEXT, None, None)
        assert (spool.dropped, spool.bodies_dropped) == (0, 1)


def test_prompts_stay_where_only_whole_records_are_dropped(tmp_path: Path) -> None:
    with a_spool(tmp_path, most_bytes=SMALL, on_full="drop") as spool:
        while not spool.dropped:
            spool.put(a_record("a", prompt=TEXT))
        assert spool.bodies_dropped == 0


def test_a_full_disk_loses_new_records_and_nothing_of_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    with a_spool(tmp_path, clock, on_full="refuse") as spool:
        spool.put(a_record("a"))
        with full_disk(monkeypatch, left=100):
            spool.put(a_record("lost"))
            spool.put(a_record("lost"))
            with pytest.raises(JournalFull):
                spool.admit()
            clock.now += 2
            assert spool.full
        clock.now += 2
        spool.admit()
        spool.put(a_record("b"))
        assert (ids(spool), spool.dropped) == (["a", "b"], 2)
        assert spool.batch(9).damaged == []


def test_on_a_full_disk_running_calls_end_in_what_was_kept_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_spool(tmp_path) as spool:
        spool.begin(a_record("running"))
        write, unlink = os.write, Path.unlink
        freed: list[Path] = []

        def unlinks(path: Path, missing_ok: bool = False) -> None:
            unlink(path, missing_ok)
            freed.append(path)

        def writes(file: int, data: bytes) -> int:
            if not freed:
                raise OSError(28, "No space left on device")
            return write(file, data)

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", writes)
            patch.setattr(Path, "unlink", unlinks)
            spool.put(a_record("running"))
        assert (ids(spool), spool.dropped) == (["running"], 0)
        spool.put(a_record("new"))
        assert spool.dropped == 1


def test_a_new_file_that_cannot_be_made_leaves_the_old_one_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_spool(tmp_path, segment_bytes=1) as spool:
        opens = os.open

        def no_new(path: str, flags: int, mode: int = 0o777) -> int:
            if flags & os.O_EXCL:
                raise OSError(28, "No space left on device")
            return opens(path, flags, mode)

        with monkeypatch.context() as patch:
            patch.setattr(os, "open", no_new)
            spool.put(a_record("a"))
            spool.put(a_record("b"))
        assert ids(spool) == ["a", "b"]
