"""A streamed reply is cut into messages, wherever the reads were cut."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dialects.frames import Frame, Frames, LineFrames, SseFrames
from pipelines.errors import StreamBroken

STREAM = (
    b": ping\n\n"
    b'event: start\ndata: {"a":1}\n\n'
    b'data: {"text":"\xc3\xa9\xf0\x9f\x99\x82"}\r\n\r\n'
    b"data: {broken\n\n"
    b'data: {"b":\ndata: 2}\n\n'
    b"data: [DONE]\n\n"
)
LINES = b'{"a":1}\n\n{"text":"\xc3\xa9"}\r\nnot json\n[1]\n{"b":2}'


def read(frames: Frames, pieces: list[bytes]) -> list[Frame]:
    """All messages of these pieces."""
    got: list[Frame] = []
    for piece in pieces:
        got += frames.feed(piece)
    return got + frames.close()


def cut(whole: bytes, at: list[int]) -> list[bytes]:
    """The bytes cut at these places."""
    edges = [0, *sorted(place % (len(whole) + 1) for place in at), len(whole)]
    return [whole[a:b] for a, b in itertools.pairwise(edges)]


@given(st.lists(st.integers(0, 1000), max_size=6))
def test_events_are_the_same_wherever_they_are_cut(at: list[int]) -> None:
    frames = SseFrames()
    assert read(frames, cut(STREAM, at)) == [
        ("start", {"a": 1}),
        ("", {"text": "é🙂"}),
        ("", {"b": 2}),
    ]
    assert (frames.bad, frames.done) == (1, True)


@given(st.lists(st.integers(0, 1000), max_size=6))
def test_lines_are_the_same_wherever_they_are_cut(at: list[int]) -> None:
    frames = LineFrames()
    assert read(frames, cut(LINES, at)) == [("", {"a": 1}), ("", {"text": "é"}), ("", {"b": 2})]
    assert frames.bad == 2


def test_an_error_that_is_a_field_of_its_own_is_a_message() -> None:
    assert SseFrames().feed(b'error: {"message":"full"}\n\n') == [
        ("", {"error": {"message": "full"}})
    ]


def test_half_an_event_at_the_end_is_counted_as_bad() -> None:
    frames = SseFrames()
    assert read(frames, [b'data: {"half']) == []
    assert (frames.bad, frames.done) == (1, False)


@pytest.mark.parametrize("frames", [SseFrames(), LineFrames()])
def test_a_message_without_end_breaks_the_stream(frames: Frames) -> None:
    with pytest.raises(StreamBroken):
        for _ in range(9):
            frames.feed(b"data: " + b"x" * (1024 * 1024))


@pytest.mark.parametrize("frames", [SseFrames(), LineFrames()])
def test_a_message_in_many_small_reads_is_not_copied_at_each(frames: Frames) -> None:
    # Eight thousand copies of what was kept would be gigabytes.
    begin = time.process_time()
    frames.feed(b'data: {"a":"' if isinstance(frames, SseFrames) else b'{"a":"')
    for _ in range(8_000):
        assert frames.feed(b"x" * 1000) == []
    assert frames.feed(b'"}\n\n') == [("", {"a": "x" * 8_000_000})]
    assert time.process_time() - begin < 2.0


def test_an_event_with_more_than_a_name_and_data_is_read_like_all_others() -> None:
    odd = b"id: 1\nevent: a b\ndata: {}\n\n"
    plain = b'event:x\ndata:{"n":1}\n\n'
    assert SseFrames().feed(plain + odd + plain) == [("x", {"n": 1}), ("a b", {}), ("x", {"n": 1})]
    assert SseFrames().feed(b'data: {"n":1}\rdata: 2\n\ndata: {"n":\rdata: 3}\r\r\n\n') == [
        ("", {"n": 3})
    ]
