"""Records leave where they wait when they are written, or can never be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from pipelines.errors import StoreUnavailable
from pipelines.record import Record
from proxy.stores.journal.adoption import Left
from proxy.stores.journal.folders import claim_left
from proxy.stores.journal.frames import END, frame, packed
from proxy.stores.journal.memory import MemorySpool
from proxy.stores.journal.segments import opening, segment
from proxy.stores.journal.shipper import LONGEST_DAMAGE, RecordRefused, Rejected, Shipper
from tests.fakes.ports import FakeClock
from tests.proxy.stores.journal.test_rows import a_record


class Books:
    """A database that may be away, and will not have some records."""

    def __init__(self, *never: str) -> None:
        self.never = never
        self.away = False
        self.ids: list[str] = []
        self.batches = 0

    async def __call__(self, records: Sequence[Record]) -> None:
        if self.away:
            raise StoreUnavailable("away")
        if any(one.id in self.never for one in records):
            raise RecordRefused("IntegrityError")
        self.ids += [one.id for one in records]
        self.batches += 1


def a_source(*ids: str) -> MemorySpool:
    source = MemorySpool(FakeClock())
    for id in ids:
        source.put(a_record(id, prompt="marked", error="marked"))
    return source


async def test_records_are_shipped_in_batches_and_in_order() -> None:
    books = Books()
    names = [f"{number:04}" for number in range(230)]
    source = a_source(*names)
    assert await Shipper(books, Rejected(None), batch=100).ship(source) == 230
    assert (books.ids, books.batches, source.waiting) == (names, 3, 0)


async def test_no_more_is_shipped_than_was_asked_for() -> None:
    books, source = Books(), a_source(*"abcde")
    assert await Shipper(books, Rejected(None), batch=2).ship(source, 3) == 3
    assert source.waiting == 2


async def test_what_cannot_be_written_now_waits() -> None:
    books, source = Books(), a_source(*"abc")
    shipper = Shipper(books, Rejected(None))
    books.away = True
    with pytest.raises(StoreUnavailable):
        await shipper.ship(source)
    assert source.waiting == 3
    books.away = False
    await shipper.ship(source)
    assert books.ids == ["a", "b", "c"]


async def test_a_poisonous_record_is_put_aside_and_the_others_are_written(tmp_path: Path) -> None:
    names = [f"{number:03}" for number in range(64)]
    books, rejected = Books("017", "040"), Rejected(tmp_path / "rejected.log")
    shipper = Shipper(books, rejected)
    await shipper.ship(a_source(*names))
    assert books.ids == [one for one in names if one not in books.never]
    assert rejected.count == 2
    text = (tmp_path / "rejected.log").read_bytes()
    lines = [orjson.loads(line) for line in text.splitlines()]
    assert [(one["id"], one["reason"]) for one in lines] == [
        ("017", "IntegrityError"),
        ("040", "IntegrityError"),
    ]
    assert b"marked" not in text
    assert (tmp_path / "rejected.log").stat().st_mode & 0o777 == 0o600


async def test_what_is_no_record_is_put_aside_with_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "left").mkdir()
    raw = opening() + frame(END, b"[]") + b"HgE1" * LONGEST_DAMAGE
    segment(tmp_path / "left", 1).write_bytes(raw + frame(END, packed(a_record("a"))))
    (folder,) = claim_left(tmp_path)
    left, books = Left(folder), Books()
    assert await Shipper(books, Rejected(tmp_path / "rejected.log")).ship(left) == 2
    assert (books.ids, left.size) == (["a"], 0)
    left.close(shipped=True)
    lines = [orjson.loads(one) for one in (tmp_path / "rejected.log").read_bytes().splitlines()]
    assert [(one["reason"], one["size"]) for one in lines] == [
        ("no record: ValueError", 2),
        ("damaged", 4 * LONGEST_DAMAGE),
    ]
    assert len(lines[1]["base64"]) < 2 * LONGEST_DAMAGE


async def test_the_file_for_what_was_put_aside_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "rejected.log"
    with path.open("wb") as file:
        file.truncate(16 * 1024 * 1024)
    rejected = Rejected(path)
    await Shipper(Books("a"), rejected).ship(a_source("a"))
    assert (rejected.count, path.stat().st_size) == (1, 16 * 1024 * 1024)


async def test_a_folder_that_is_gone_loses_the_count_of_nothing(tmp_path: Path) -> None:
    rejected = Rejected(tmp_path / "gone" / "rejected.log")
    await Shipper(Books("a"), rejected).ship(a_source("a"))
    assert rejected.count == 1
