"""Wherever a stream is cut, the same bytes and the same events come out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dialects.sse import (
    MAX_EVENT,
    EventTooLong,
    Framer,
    data_of,
    event_around,
    events,
    line_starts_with,
)
from tests.pipelines.dialects.cuts import Pieces, cut_anywhere, every_way

LINES = (
    b"data: {}",
    b"data:[DONE]",
    b"data: a b",
    b"data:  two blanks",
    b"data",
    b"data:",
    b"event: error",
    b": a comment",
    b":",
    b"id: 7",
    b"retry: 1000",
    b"error: {}",
    b"datax: no",
    "data: ünï\u2028code 🙂".encode(),
    b"",
)
ENDS = (b"\n", b"\r\n", b"\r")
BOM = b"\xef\xbb\xbf"


@st.composite
def streams(draw: st.DrawFn, ends: tuple[bytes, ...] = ENDS, mixed: bool = True) -> bytes:
    """Anything that may come as a stream, good or bad, with its last blank line or without."""
    lines = draw(st.lists(st.sampled_from(LINES), max_size=12))
    one = draw(st.sampled_from(ends))
    raw = b"".join(line + (draw(st.sampled_from(ends)) if mixed else one) for line in lines)
    return draw(st.sampled_from((b"", BOM))) + raw


def reference(raw: bytes) -> list[bytes]:
    """The data of each event by the letter of the standard, an unfinished last one included."""
    found: list[bytes] = []
    parts: list[bytes] = []
    for line in (*re.split(rb"\r\n|\n|\r", raw.removeprefix(BOM)), b""):
        if not line:
            if parts:
                found.append(b"\n".join(parts))
            parts = []
        elif line.startswith(b"data:"):
            parts.append(line[6:] if line.startswith(b"data: ") else line[5:])
    return found


def framed(pieces: Pieces) -> list[bytes]:
    """What the framer hands on, piece by piece, its rest at the end included."""
    framer = Framer()
    return [*map(framer.feed, pieces), framer.close()]


def datas(pieces: list[bytes]) -> list[bytes]:
    """The data of all events of the pieces."""
    found = (data_of(piece[begin:end]) for piece in pieces for begin, end in events(piece))
    return [data for data in found if data is not None]


@given(cut_anywhere(streams()))
def test_a_cut_anywhere_changes_no_byte(cut: tuple[bytes, Pieces]) -> None:
    raw, pieces = cut
    assert b"".join(framed(pieces)) == raw


@given(cut_anywhere(streams()))
def test_a_cut_anywhere_changes_no_event(cut: tuple[bytes, Pieces]) -> None:
    raw, pieces = cut
    assert datas(framed(pieces)) == reference(raw)


@given(cut_anywhere(streams(mixed=False)))
def test_all_but_the_last_event_is_handed_on_as_soon_as_it_is_whole(
    cut: tuple[bytes, Pieces],
) -> None:
    _, pieces = cut
    *_, rest = framed(pieces)
    assert len(reference(rest)) <= 1


@pytest.mark.parametrize("end", ENDS)
def test_every_cut_of_a_stream_gives_its_events(end: bytes) -> None:
    raw = (BOM + b": hi\n\ndata: a\n\nevent: x\ndata: b\ndata: c\n\n\ndata: d\n\n").replace(
        b"\n", end
    )
    for pieces in every_way(raw):
        whole = framed(pieces)
        assert b"".join(whole) == raw
        assert datas(whole) == [b"a", b"b\nc", b"d"]


@pytest.mark.parametrize("raw", [b"data: a\n\n", b"data: a\r\n\r\n", b"data: a\n\ndata: b\n\n"])
def test_a_piece_that_ends_with_its_event_is_the_very_same_object(raw: bytes) -> None:
    framer = Framer()
    assert framer.feed(raw) is raw
    assert framer.feed(raw) is raw
    assert framer.close() == b""


@pytest.mark.parametrize("end", ENDS)
def test_an_event_is_kept_until_it_is_whole(end: bytes) -> None:
    framer = Framer()
    assert framer.feed(b"data: a" + end) == b""
    assert framer.feed(b"data: b") == b""
    whole = framer.feed(end + end + b"data: c")
    assert whole == b"data: a" + end + b"data: b" + end + end
    assert framer.close() == b"data: c"
    assert framer.close() == b""


def test_an_event_of_eight_mebibytes_is_kept_and_one_byte_more_is_too_long() -> None:
    framer = Framer()
    assert framer.feed(b"x" * MAX_EVENT) == b""
    with pytest.raises(EventTooLong):
        framer.feed(b"x")


def test_the_limit_is_the_one_that_is_promised() -> None:
    assert MAX_EVENT == 8_388_608


def test_many_events_in_one_piece_may_be_longer() -> None:
    event = b"data: " + b"x" * 1_000_000 + b"\n\n"
    assert len(Framer().feed(event * 10 + b"data: y")) == len(event) * 10


def test_events_are_told_where_they_begin_and_end() -> None:
    raw = b"data: a\n\n: b\r\n\r\n\r\ndata: c\r\rdata: d"
    assert [raw[begin:end] for begin, end in events(raw)] == [
        b"data: a\n\n",
        b": b\r\n\r\n\r\n",
        b"data: c\r\r",
        b"data: d",
    ]
    assert list(events(b"")) == []


@given(streams())
def test_events_cover_every_byte_once(raw: bytes) -> None:
    assert b"".join(raw[begin:end] for begin, end in events(raw)) == raw


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: a\n\n", b"a"),
        (b"data:a\n\n", b"a"),
        (b"data:  a\n\n", b" a"),
        (b"data:\n\n", b""),
        (b"data: a\ndata: b\n\n", b"a\nb"),
        (b"data: a\r\ndata: b\r\n\r\n", b"a\nb"),
        (b"event: x\nid: 1\ndata: a\nretry: 3\n\n", b"a"),
        (BOM + b"data: a\n\n", b"a"),
        (b": data: a\n\n", None),
        (b"event: ping\n\n", None),
        (b"error: {}\n\n", None),
        (b" data: a\n\n", None),
        (b"\n", None),
        (b"", None),
    ],
)
def test_data_is_what_follows_the_word(event: bytes, data: bytes | None) -> None:
    assert data_of(event) == data


@pytest.mark.parametrize("end", ENDS)
def test_the_event_around_every_place_is_found(end: bytes) -> None:
    raw = b"data: a\n\n: b\n\n\ndata: c\n\ndata: d".replace(b"\n", end)
    for begin, stop in events(raw):
        for at in range(begin, stop):
            if raw[at] not in b"\r\n":
                assert event_around(raw, at) == (begin, stop)


@given(streams(), st.integers(0, 200))
def test_the_event_around_a_place_is_the_one_that_holds_it(raw: bytes, at: int) -> None:
    for begin, end in events(raw):
        if begin <= at < end and raw[at] not in b"\r\n":
            assert event_around(raw, at) == (begin, end)


@pytest.mark.parametrize(
    ("raw", "yes"),
    [
        (b"data: a", True),
        (b": x\ndata: a", True),
        (b": x\rdata: a", True),
        (b": data: x\r\ndata: a", True),
        (BOM + b"data: a", True),
        (b": data: a", False),
        (b'event: "data: a"', False),
        (b"", False),
    ],
)
def test_a_line_begins_with_a_word_only_at_its_begin(raw: bytes, yes: bool) -> None:
    assert line_starts_with(raw, b"data:") is yes
