"""The disk has everything a moment later, and nobody waited for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.stores.journal.syncing import Syncer

Opened = Callable[[str], int]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """Opens files by their names."""
    return lambda name: os.open(tmp_path / name, os.O_WRONLY | os.O_CREAT)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The files that the disk was asked to take."""
    files: list[int] = []
    monkeypatch.setattr(os, "fdatasync", files.append)
    return files


def test_many_writes_are_one_turn(opened: Opened, synced: list[int]) -> None:
    file = opened("a")
    syncer = Syncer(file, every=0.05)
    for _ in range(100):
        syncer.written()
    until(lambda: syncer.turns == 1)
    syncer.written()
    until(lambda: syncer.turns == 2)
    assert synced == [file, file]
    syncer.close()


def test_nothing_is_done_where_nothing_was_written(opened: Opened, synced: list[int]) -> None:
    syncer = Syncer(opened("a"), every=0.0)
    syncer.close()
    assert synced == []


def test_closing_lets_the_disk_have_all(opened: Opened, synced: list[int]) -> None:
    file = opened("a")
    syncer = Syncer(file, every=60.0)
    syncer.written()
    syncer.close()
    assert synced == [file]
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(file)


def test_the_file_before_is_synced_and_closed(opened: Opened, synced: list[int]) -> None:
    before, after = opened("a"), opened("b")
    syncer = Syncer(before, every=0.01)
    syncer.turn_to(after)
    until(lambda: after in synced)
    assert synced[0] == before
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(before)
    syncer.close()


def test_a_new_file_is_made_known_once(
    opened: Opened, synced: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[int] = []
    monkeypatch.setattr(os, "fsync", folders.append)
    syncer = Syncer(opened("a"), 0.0, (tmp_path, tmp_path / "not there"))
    for turns in (1, 2):
        syncer.written()
        until(lambda turns=turns: syncer.turns == turns)  # type: ignore[misc]
    assert len(folders) == 1
    syncer.turn_to(opened("b"))
    until(lambda: len(folders) == 2)
    syncer.close()


def test_a_disk_that_refuses_is_not_asked_as_if_nothing_had_happened(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: int) -> None:
        raise OSError(5, "Input/output error")

    syncer = Syncer(opened("a"), every=0.0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        syncer.written()
        until(lambda: syncer.failed)
        assert (syncer.failures, syncer.turns) == (1, 0)
        syncer.close()
    fresh = Syncer(opened("b"), every=0.0)
    fresh.failed = True
    fresh.turn_to(opened("c"))
    assert not fresh.failed
    fresh.close()
