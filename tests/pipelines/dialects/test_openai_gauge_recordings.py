"""What real providers sent comes out byte for byte as it went in, wherever it is cut."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import orjson
import pytest

from pipelines.errors import StreamBroken
from tests.builders import DONE
from tests.fakes.recordings import Recording, needs_fixtures, recordings
from tests.pipelines.dialects.cuts import Pieces, one_by_one, spread
from tests.pipelines.dialects.watching import Seen, watched

CUTS = 300
BYTE_BY_BYTE = 10_000
ENDPOINTS = frozenset({"chat", "completions"})
# Without [DONE], which is added (wire formats, 0.4): at Cerebras always, at Writer always.
UNMARKED = frozenset({"cerebras", "writer"})
# Their streams hold an error, in forms 2 and 3 (wire formats, 17.3).
BROKEN = frozenset({"test_tool_use_failed_error_streaming_with_text.vcr.json#1", "stream_error"})

STREAMS = [
    recording
    for recording in recordings()
    if recording.endpoint in ENDPOINTS and recording.streamed and recording.status == 200
]

pytestmark = needs_fixtures()
every_stream = pytest.mark.parametrize("stream", STREAMS, ids=[one.name for one in STREAMS])


def ways(stream: Recording) -> Iterator[Pieces]:
    """The pieces in which the stream really came, and the stream cut elsewhere."""
    yield stream.chunks
    yield from spread(stream.whole, CUTS, accumulate(map(len, stream.chunks)))
    if len(stream.whole) <= BYTE_BY_BYTE:
        yield one_by_one(stream.whole)


def value_of(event: bytes) -> dict[str, Any]:
    """The JSON of an event with one data line; empty where there is none."""
    _, found, data = event.partition(b"data: ")
    return orjson.loads(data) if found and data.strip() != b"[DONE]" else {}


def events_of(whole: bytes) -> list[bytes]:
    """The events of a recording, each with its blank line, by another road than the gauge's."""
    blank = b"\r\n\r\n" if b"\r\n\r\n" in whole else b"\n\n"
    return [event + blank for event in whole.split(blank) if event]


def breaks(stream: Recording) -> bool:
    return any(name in stream.name for name in BROKEN)


def expected(stream: Recording, cut_usage: bool) -> bytes:
    """What a client is to get of a recording."""
    kept: list[bytes] = []
    for event in events_of(stream.whole):
        value = value_of(event)
        if value.get("error"):
            return b"".join(kept)
        if not (cut_usage and value.get("usage") and not value.get("choices")):
            kept.append(event)
    return b"".join(kept) + (DONE if stream.provider in UNMARKED else b"")


def check(stream: Recording, cut_usage: bool) -> Seen:
    """Cuts the stream in all ways, and gives what came of the last one."""
    wanted = expected(stream, cut_usage)
    got = Seen(b"")
    for pieces in ways(stream):
        got = watched(pieces, cut_usage)
        assert got.given == wanted, [len(piece) for piece in pieces]
        assert isinstance(got.error, StreamBroken) is breaks(stream)
    return got


@every_stream
def test_a_recording_comes_out_as_it_went_in(stream: Recording) -> None:
    check(stream, cut_usage=False)
    if not breaks(stream) and stream.provider not in UNMARKED:
        assert watched([stream.whole], cut_usage=False).given == stream.whole


@every_stream
def test_a_recording_loses_only_the_usage_that_the_gateway_asked_for(stream: Recording) -> None:
    check(stream, cut_usage=True)


def told_usage(stream: Recording) -> dict[str, Any] | None:
    """The last usage that a recording tells; old Groq tells it in a field of its own alone."""
    values = [value_of(event) for event in events_of(stream.whole)]
    own = [value["x_groq"].get("usage") for value in values if value.get("x_groq")]
    told = [value["usage"] for value in values if value.get("usage")]
    return next((usage for usage in reversed(told or own) if usage), None)


@every_stream
def test_the_usage_of_a_recording_is_found(stream: Recording) -> None:
    last = told_usage(stream)
    for cut_usage in (False, True):
        usage = watched(stream.chunks, cut_usage).usage
        if breaks(stream):
            # It may stand behind the error, in the same read or in one that is never made.
            continue
        assert usage.estimated is (last is None)
        if last is not None:
            assert usage.prompt_tokens == last["prompt_tokens"]
            # xAI and Gemini's OpenAI face count reasoning beside the completion.
            spoken = last.get("total_tokens", 0) - last["prompt_tokens"]
            assert usage.completion_tokens == max(last["completion_tokens"], spoken)


def test_the_recordings_are_those_that_are_known() -> None:
    # A change of the reader that loses streams must not pass unseen.
    assert len(STREAMS) >= 91
    assert len({stream.provider for stream in STREAMS}) >= 17
    assert sum(map(breaks, STREAMS)) == 2
