"""Segments are read from where the last reader stood, and go when they are done."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from proxy.stores.journal.frames import BEGIN, END, NAMES, OURS, Names, frame, packed, unpacked
from proxy.stores.journal.segments import (
    READ,
    Place,
    Reader,
    cut_tail,
    left_open,
    names_of,
    numbers,
    opening,
    segment,
)
from tests.proxy.stores.journal.spools import ids
from tests.proxy.stores.journal.test_rows import a_record


def end(id: str) -> bytes:
    return frame(END, packed(a_record(id)))


def begin(id: str, status: int = 200) -> bytes:
    return frame(BEGIN, packed(a_record(id, status=status)))


def write(folder: Path, number: int, *frames: bytes) -> Path:
    path = segment(folder, number)
    path.write_bytes(opening() + b"".join(frames))
    return path


def test_a_batch_is_given_again_until_it_is_done(tmp_path: Path) -> None:
    write(tmp_path, 1, begin("a"), end("a"), end("b"), end("c"))
    reader = Reader(tmp_path)
    assert ids(reader, 2) == ids(reader, 2) == ["a", "b"]
    reader.done(reader.batch(2).place)
    assert ids(reader, 2) == ["c"]


def test_the_next_process_goes_on_where_this_one_stood(tmp_path: Path) -> None:
    write(tmp_path, 1, end("a"), end("b"))
    reader = Reader(tmp_path)
    reader.done(reader.batch(1).place)
    assert ids(Reader(tmp_path)) == ["b"]


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b'["x","y"]', b"\x00" * 8])
def test_a_checkpoint_that_cannot_be_read_means_from_the_beginning(
    tmp_path: Path, text: bytes
) -> None:
    write(tmp_path, 1, end("a"))
    (tmp_path / "checkpoint").write_bytes(text)
    assert ids(Reader(tmp_path)) == ["a"]


def test_segments_are_read_in_order_and_go_when_they_are_done(tmp_path: Path) -> None:
    first = write(tmp_path, 1, end("a"))
    size = first.stat().st_size
    write(tmp_path, 2, begin("x"))
    write(tmp_path, 3, end("b"))
    reader = Reader(tmp_path)
    assert ids(reader) == ["a"]
    assert reader.done(reader.batch(9).place) == 0
    assert ids(reader) == ["b"]
    assert reader.done(reader.batch(9).place) > size
    assert (numbers(tmp_path), ids(reader), reader.left()) == ([3], [], 0)


def test_nothing_is_read_beyond_what_is_written(tmp_path: Path) -> None:
    path = write(tmp_path, 1, end("a"))
    size = path.stat().st_size
    with path.open("ab") as more:
        more.write(end("b"))
    place = Place(1, size)
    assert ids(Reader(tmp_path, lambda: place)) == ["a"]


def test_a_record_may_be_larger_than_what_is_read_at_once(tmp_path: Path) -> None:
    large = frame(END, packed(a_record("large", error="x" * (3 * READ))))
    write(tmp_path, 1, end("a"), large, end("b"))
    assert ids(Reader(tmp_path)) == ["a", "large", "b"]


def test_damage_is_given_apart_and_the_rest_is_read(tmp_path: Path) -> None:
    write(tmp_path, 1, end("a"), b"HgE1 is noise", end("b"))
    batch = Reader(tmp_path).batch(9)
    assert [unpacked(one).id for one in batch.payloads] == ["a", "b"]
    assert batch.damaged == [b"HgE1 is noise"]


def test_calls_that_began_and_did_not_end_are_found(tmp_path: Path) -> None:
    write(tmp_path, 1, begin("a"), begin("b"), end("a"), begin("c"))
    write(tmp_path, 2, begin("c", 201), end("b"), end("never begun"))
    found = [unpacked(*one) for one in left_open(tmp_path)]
    assert [(one.id, one.status) for one in found] == [("c", 201)]


def test_names_of_another_version_are_those_of_their_segment(tmp_path: Path) -> None:
    names = Names(("status", "id", "serial"), (), ())
    raw = frame(NAMES, orjson.dumps(tuple(names))) + frame(BEGIN, orjson.dumps([9, "z", ""]))
    segment(tmp_path, 1).write_bytes(raw)
    write(tmp_path, 2, begin("a"))
    segment(tmp_path, 3).write_bytes(begin("b"))
    assert [names_of(tmp_path, one) for one in (1, 2, 3)] == [names, OURS, OURS]
    assert [one[1] for one in left_open(tmp_path)] == [names, OURS, OURS]
    assert Reader(tmp_path).batch(1).payloads == []


def test_what_was_being_written_at_the_end_is_cut_off(tmp_path: Path) -> None:
    path = write(tmp_path, 1, end("a"), end("b"))
    whole = path.read_bytes()
    for cut in range(1, len(end("b"))):
        path.write_bytes(whole[:-cut])
        assert cut_tail(tmp_path) == len(end("b")) - cut
        assert path.read_bytes() == whole[: -len(end("b"))]
    assert cut_tail(tmp_path) == 0


def test_a_folder_without_segments_has_nothing(tmp_path: Path) -> None:
    assert cut_tail(tmp_path) == 0
    assert left_open(tmp_path) == []
    assert Reader(tmp_path).batch(9).payloads == []
