"""A spool takes as much of the disk as it may, and keeps the last of it back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proxy.stores.journal.room import KEPT_BACK, Room, SpoolRules
from tests.fakes.ports import FakeClock

MB = 1024 * 1024


def a_room(folder: Path, most: int = 3 * MB, clock: FakeClock | None = None) -> Room:
    return Room(folder, SpoolRules(most), (clock or FakeClock()).monotonic)


def test_the_last_megabyte_is_for_running_calls(tmp_path: Path) -> None:
    room = a_room(tmp_path)
    room.used = 2 * MB - 10
    assert room.has(10, running=False)
    assert not room.has(11, running=False)
    assert not room.has(1, running=False)
    assert room.has(MB + 10, running=True)
    assert not room.has(MB + 11, running=True)


def test_it_is_tight_before_it_is_full_and_after(tmp_path: Path) -> None:
    room = a_room(tmp_path)
    seen = []
    for used in (0, int(1.59 * MB), int(1.61 * MB), 2 * MB, int(1.61 * MB), int(1.59 * MB)):
        room.used = used
        room.has(1, running=False)
        seen.append((room.tight, room.full))
    no, tight, full = (False, False), (True, False), (True, True)
    assert seen == [no, no, tight, full, full, no]


def test_a_megabyte_of_the_disk_is_kept_back_and_given_free_once(tmp_path: Path) -> None:
    room = a_room(tmp_path)
    assert (tmp_path / "reserve").stat().st_size == KEPT_BACK
    assert room.block()
    assert not (tmp_path / "reserve").exists()
    assert not room.block()
    assert room.full
    assert room.tight
    assert not room.has(1, running=False)
    assert room.has(1, running=True)


def test_a_disk_that_is_full_is_looked_at_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    room = a_room(tmp_path, clock=clock)
    tried = []

    def full(*args: int) -> None:
        tried.append(clock.now)
        raise OSError(28, "No space left on device")

    room.block()
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        for _ in range(100):
            assert room.full
            clock.now += 0.05
    assert len(tried) == 4
    assert not (tmp_path / "reserve").exists()
    clock.now += 1
    assert not room.full
    assert (tmp_path / "reserve").exists()
