"""Amazon's event streams are cut where botocore cuts them, and damage is noticed."""

from __future__ import annotations

from struct import pack
from zlib import crc32

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dialects.eventstream import EventStreamFrames
from pipelines.dialects.frames import Frame
from pipelines.errors import StreamBroken
from tests.fakes.recordings import Recording, needs_fixtures, recordings
from tests.pipelines.dialects.cuts import Pieces, cut_anywhere

STREAMS = [
    one
    for one in recordings()
    if one.provider == "bedrock" and one.content_type == "application/vnd.amazon.eventstream"
]


def message(value: object, **headers: str) -> bytes:
    """One message whose headers are named without their colon, `_` for `-`."""
    named = b""
    for name, text in headers.items():
        key = b":" + name.replace("_", "-").encode()
        named += bytes([len(key)]) + key + b"\7" + pack("!H", len(text)) + text.encode()
    payload = orjson.dumps(value)
    prelude = pack("!II", len(named) + len(payload) + 16, len(named))
    body = prelude + pack("!I", crc32(prelude)) + named + payload
    return body + pack("!I", crc32(body))


def event(kind: str, value: object) -> bytes:
    """One ordinary message."""
    return message(value, event_type=kind, message_type="event")


def frames_of(pieces: Pieces) -> list[Frame]:
    """The messages that come in these pieces."""
    frames = EventStreamFrames()
    return [one for raw in pieces for one in frames.feed(raw)] + frames.close()


GOOD = event("messageStart", {"role": "assistant"})


@needs_fixtures()
@pytest.mark.parametrize("recording", STREAMS, ids=lambda one: one.name)
def test_recordings_are_cut_as_botocore_cuts_them(recording: Recording) -> None:
    botocore = pytest.importorskip("botocore.eventstream")
    buffer = botocore.EventStreamBuffer()
    buffer.add_data(recording.whole)
    wanted = [
        (one.headers[":event-type"], orjson.loads(one.payload))
        for one in buffer
        if one.headers[":message-type"] == "event"
    ]
    assert [one for one in frames_of(recording.chunks) if "error" not in one[1]] == wanted


@given(cut_anywhere(st.lists(st.text(), max_size=5).map(lambda x: b"".join(
    event("e", {"t": text}) for text in x
))))  # fmt: skip
def test_a_stream_cut_anywhere_gives_the_same(cut: tuple[bytes, Pieces]) -> None:
    raw, pieces = cut
    assert frames_of(pieces) == frames_of([raw])


def test_exceptions_and_errors_are_messages_too() -> None:
    thrown = message({"message": "no"}, exception_type="a", message_type="exception")
    failed = message({}, error_code="b", error_message="oh", message_type="error")
    assert frames_of([thrown + failed]) == [
        ("a", {"error": {"type": "a", "message": "no"}}),
        ("b", {"error": {"type": "b", "message": "oh"}}),
    ]


def test_what_was_good_is_given_before_the_damage_is_told() -> None:
    frames = EventStreamFrames()
    assert frames.feed(GOOD + b"\0" * 12) == [("messageStart", {"role": "assistant"})]
    with pytest.raises(StreamBroken, match="prelude"):
        frames.feed(b"")
    with pytest.raises(StreamBroken):
        frames.close()


def test_a_flipped_byte_is_noticed() -> None:
    with pytest.raises(StreamBroken, match="message checksum"):
        EventStreamFrames().feed(GOOD[:-6] + b"?" + GOOD[-5:])


def test_a_forbidden_size_is_refused_before_it_is_waited_for() -> None:
    prelude = pack("!II", 25 * 1024 * 1024, 0)
    with pytest.raises(StreamBroken, match="size"):
        EventStreamFrames().feed(prelude + pack("!I", crc32(prelude)))


def test_half_a_message_and_one_that_is_no_json_are_counted() -> None:
    frames = EventStreamFrames()
    assert frames.feed(event("e", [1]) + GOOD[:20]) == []
    assert frames.close() == []
    assert frames.bad == 2
