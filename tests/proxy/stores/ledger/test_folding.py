"""A segment counts once, however often its folding is begun."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from proxy.stores.ledger import folding
from proxy.stores.ledger.books import Books
from proxy.stores.ledger.folding import (
    LedgerInUse,
    Lock,
    fold,
    line,
    number_of,
    open_books,
    segment,
    segments,
    settle_left,
)


@contextmanager
def books(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_books(folder / "l.db", 1.0)) as connection:
        yield connection


def an_end(id: str, cost: int) -> bytes:
    return line("end", id, cost, 0, 1.0, ["key:1"])


def write(folder: Path, number: int, *lines: bytes) -> Path:
    file = segment(folder / "l.db", number)
    file.write_bytes(b"".join(lines))
    return file


def test_segments_are_found_in_their_order(tmp_path: Path) -> None:
    files = [write(tmp_path, number) for number in (12, 3, 100)]
    (tmp_path / "l.db.other.log").touch()
    assert segments(tmp_path / "l.db") == [files[1], files[0], files[2]]
    assert [number_of(one) for one in segments(tmp_path / "l.db")] == [3, 12, 100]


def test_a_segment_that_comes_back_counts_once(tmp_path: Path) -> None:
    with books(tmp_path) as connection:
        for _ in range(2):
            fold(connection, [write(tmp_path, 1, an_end("a", 5))])
        assert Books(connection).balances(["key:1"])["key:1"].spent == 5
        assert Books(connection).total("key:1") == 5
        assert segments(tmp_path / "l.db") == []


def test_an_entry_that_is_written_twice_counts_once(tmp_path: Path) -> None:
    with books(tmp_path) as connection:
        fold(connection, [write(tmp_path, 1, an_end("a", 5), an_end("b", 1))])
        fold(connection, [write(tmp_path, 2, an_end("c", 2), an_end("a", 9), an_end("c", 7))])
        assert Books(connection).balances(["key:1"])["key:1"].spent == 8
        assert Books(connection).total("key:1") == 8


def test_a_folding_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with books(tmp_path) as connection:
        file = write(tmp_path, 1, line("take", "h", 5, ["key:1"]), an_end("a", 5))

        def broken(*anything: object) -> None:
            raise sqlite3.OperationalError

        with monkeypatch.context() as patch:
            patch.setattr(Books, "reserve", broken)
            with pytest.raises(sqlite3.OperationalError):
                fold(connection, [file])
        assert Books(connection).total("key:1") == 0
        fold(connection, [file])
        assert Books(connection).total("key:1") == 5
        assert settle_left(connection, 2.0) == 1
        assert Books(connection).total("key:1") == 10


def test_one_may_have_the_file_for_itself_or_several_share_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "PATIENCE", 0.05)
    first, second, third = (Lock(tmp_path / "l.db") for _ in range(3))
    assert first.share()
    with pytest.raises(LedgerInUse):
        second.share()
    first.share_with_others()
    second = Lock(tmp_path / "l.db")
    assert not second.share()
    with pytest.raises(LedgerInUse):
        third.take()
    first.release()
    second.release()
    fourth = Lock(tmp_path / "l.db")
    fourth.take()
    fourth.release()
