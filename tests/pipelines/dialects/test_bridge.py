"""A bridge reads through an interpreter and writes anew; what is good goes before what is bad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from pipelines.deltas import Begin, Consumed, Delta, Finish, RefusalDelta, TextDelta
from pipelines.dialects.bridge import Bridge
from pipelines.dialects.frames import SseFrames
from pipelines.errors import Overloaded, StreamBroken, UpstreamError, UpstreamFailed
from pipelines.usage import Usage
from tests.builders import sse


class Script:
    """An interpreter that understands {"say"}, {"usage"} and {"error"}."""

    def event(self, name: str, value: dict[str, Any]) -> list[Delta]:
        if "error" in value:
            raise Overloaded(value["error"])
        if "usage" in value:
            return [Consumed(Usage(prompt_tokens=value["usage"], completion_tokens=1))]
        if "refuse" in value:
            return [RefusalDelta(value["refuse"])]
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
