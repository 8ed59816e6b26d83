"""A bridge reads through an interpreter and writes anew; what is good goes before what is bad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from pipelines.deltas import (
    Begin,
    Consumed,
    Delta,
    Finish,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
)
from pipelines.dialects.anthropic.reader import MessagesInterpreter
from pipelines.dialects.bridge import Bridge
from pipelines.dialects.frames import SseFrames
from pipelines.errors import Overloaded, StreamBroken, UpstreamError, UpstreamFailed
from pipelines.reasoning import Listener
from pipelines.usage import Usage
from tests.builders import a_stream_call, sse


class Script:
    """An interpreter that understands {"say"}, {"usage"} and {"error"}."""

    def event(self, name: str, value: dict[str, Any]) -> list[Delta]:
        if "error" in value:
            raise Overloaded(value["error"])
        if "usage" in value:
            return [Consumed(Usage(prompt_tokens=value["usage"], completion_tokens=1))]
        if "refuse" in value:
            return [RefusalDelta(value["refuse"])]
        if "think" in value:
            return [ThoughtDelta(value["think"])]
        return [TextDelta(value["say"])]

    def document(self, value: dict[str, Any]) -> list[Delta]:
        return [Begin("id"), *self.event("", value), Finish("stop")]

    def end(self, done: bool) -> list[Delta]:
        if not done:
            raise StreamBroken("cut")
        return [Finish("stop")]


class Plain:
    """A writer of bare words."""

    def write(self, deltas: Sequence[Delta]) -> bytes:
        return b"".join(one.text.encode() for one in deltas if isinstance(one, TextDelta))

    def close(self) -> bytes:
        return b"."


DONE = b"data: [DONE]\n\n"


def a_bridge(streaming: bool = True) -> Bridge:
    """A bridge from the script to bare words."""
    return Bridge("Acme", Script(), SseFrames() if streaming else None, Plain(), 7)


def test_a_stream_is_written_read_by_read() -> None:
    bridge = a_bridge()
    assert bridge.watch(sse({"say": "a"}, {"say": "b"})) == b"ab"
    assert bridge.watch(b"data: {") == b""
    assert bridge.watch(b'"say":"c"}\n\n' + DONE) == b"c"
    assert bridge.close() == b"."


def test_a_document_is_written_at_the_end() -> None:
    bridge = a_bridge(streaming=False)
    assert bridge.watch(orjson.dumps({"say": "whole"})) == b""
    assert bridge.close() == b"whole."


def test_what_stood_before_an_error_is_given_first() -> None:
    bridge = a_bridge()
    assert bridge.watch(sse({"say": "a"}, {"error": "busy"}, {"say": "b"})) == b"a"
    assert isinstance(bridge.fault, StreamBroken)
    assert bridge.fault.message == "busy"
    with pytest.raises(StreamBroken):
        bridge.close()


def test_an_error_before_anything_was_given_keeps_its_kind() -> None:
    with pytest.raises(Overloaded):
        a_bridge().watch(sse({"error": "busy"}))
    with pytest.raises(Overloaded):
        bridge = a_bridge(streaming=False)
        bridge.watch(orjson.dumps({"error": "busy"}))
        bridge.close()


def test_a_cut_stream_is_broken() -> None:
    bridge = a_bridge()
    bridge.watch(sse({"say": "a"}))
    with pytest.raises(StreamBroken, match="cut"):
        bridge.close()


def test_usage_is_what_was_reported_else_an_estimate() -> None:
    bridge = a_bridge()
    assert bridge.usage == Usage(0, 0, estimated=True)
    bridge.watch(sse({"say": "12345678"}, {"refuse": "1"}))
    assert bridge.usage == Usage(7, 3, estimated=True)
    bridge.watch(sse({"usage": 5}))
    assert bridge.usage == Usage(5, 1)


@pytest.mark.parametrize("raw", [b"<html>", b"7", b"[]", b"[1,2]"])
def test_what_is_no_document_is_a_failure_of_the_provider(raw: bytes) -> None:
    bridge = a_bridge(streaming=False)
    bridge.watch(raw)
    with pytest.raises(UpstreamFailed):
        bridge.close()


def test_a_document_in_a_list_of_one_is_taken() -> None:
    bridge = a_bridge(streaming=False)
    bridge.watch(b'[{"say":"x"}]')
    assert bridge.close() == b"x."


def test_no_fault_is_set_by_a_good_reply() -> None:
    bridge = a_bridge()
    bridge.watch(sse({"say": "a"}) + DONE)
    assert bridge.fault is None
    assert not isinstance(bridge.fault, UpstreamError)


class Ear(Listener):
    """Remembers what it was told."""

    def __init__(self, early: bool) -> None:
        super().__init__("origin", "question", early)
        self.heard: list[Delta] = []

    def take(self, deltas: Sequence[Delta]) -> None:
        self.heard += deltas


@pytest.mark.parametrize(("early", "expected"), [(True, "abc"), (False, "bc")])
def test_a_listener_is_told_nothing_before_the_first_thought(early: bool, expected: str) -> None:
    ear = Ear(early)
    bridge = Bridge("Acme", Script(), SseFrames(), Plain(), 7, ear)
    for event in ({"say": "a"}, {"think": "b"}, {"say": "c"}):
        bridge.watch(sse(event))
    heard = [one for one in ear.heard if isinstance(one, TextDelta | ThoughtDelta)]
    assert "".join(one.text for one in heard) == expected


def test_an_event_of_another_shape_is_skipped_and_counted() -> None:
    frames = SseFrames()
    bridge = Bridge("Acme", Script(), frames, Plain(), 7)
    odd = sse({"neither": 1}, {"say": 5}, {"say": None}, {"usage": {}}, {"say": ["list"]})
    assert bridge.watch(sse({"say": "a"}) + odd + sse({"say": "b"})) == b"ab"
    assert frames.bad == 5
    assert bridge.fault is None


def test_a_document_of_another_shape_is_no_answer() -> None:
    bridge = a_bridge(streaming=False)
    bridge.watch(orjson.dumps({"say": 5}))
    with pytest.raises(UpstreamFailed, match="no answer"):
        bridge.close()


class Picky(Plain):
    """A writer that cannot write what it is given."""

    def write(self, deltas: Sequence[Delta]) -> bytes:
        if any(isinstance(one, RefusalDelta) for one in deltas):
            raise TypeError
        return super().write(deltas)


def test_what_cannot_be_written_fails_the_reply_or_breaks_it() -> None:
    with pytest.raises(UpstreamFailed, match="no answer"):
        Bridge("Acme", Script(), SseFrames(), Picky(), 7).watch(sse({"refuse": "x"}))
    bridge = Bridge("Acme", Script(), SseFrames(), Picky(), 7)
    assert bridge.watch(sse({"say": "a"})) == b"a"
    with pytest.raises(StreamBroken, match="no sense"):
        bridge.watch(sse({"refuse": "x"}))


def test_what_a_reply_held_and_the_hub_cannot_is_named() -> None:
    assert list(a_bridge().lost) == []
    raw = b'{"content":[{"type":"server_tool_use"},{"type":"text","text":"so"}]}'
    bridge = Bridge("Acme", MessagesInterpreter("Acme"), None, Plain(), 7)
    bridge.watch(raw)
    bridge.close()
    assert list(bridge.lost) == ["server_tool_use"]


def test_a_reply_that_is_cut_short_is_finished_by_its_writer() -> None:
    writer = Plain()
    finished: list[Delta] = []
    bridge = Bridge("Acme", Script(), SseFrames(), writer, 7)
    bridge.watch(sse({"say": "abcd"}))
    writer.write = lambda deltas: finished.extend(deltas) or b""  # type: ignore[method-assign, func-returns-value]
    assert bridge.cut_short(a_stream_call(n=2)) == b"."
    assert finished == [
        Finish("length", choice=0),
        Finish("length", choice=1),
        Consumed(Usage(7, 1, estimated=True)),
    ]
