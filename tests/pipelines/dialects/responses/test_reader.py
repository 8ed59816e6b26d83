"""A Responses reply is understood, whatever its host leaves out."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.deltas import Begin, Delta, TextDelta, ThoughtDelta, ToolArguments, ToolBegin
from pipelines.dialects.responses.reader import ResponsesInterpreter
from pipelines.errors import Overloaded, Rejected, StreamBroken, UpstreamError, UpstreamFailed
from tests.pipelines.dialects.cuts import Pieces, cut_anywhere
from tests.pipelines.dialects.responses.saying import read_stream

CREATED = {"type": "response.created", "response": {"id": "resp_1", "model": "m", "created_at": 9}}
COMPLETED = {"type": "response.completed", "response": {"status": "completed", "output": []}}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": ""}


def said(*values: dict[str, Any]) -> list[Delta]:
    """What these events mean, between the beginning and the end."""
    reader = ResponsesInterpreter("Acme")
    deltas = [one for value in (CREATED, *values, COMPLETED) for one in reader.event("", value)]
    assert reader.end(False) == []
    assert deltas[0] == Begin("resp_1", "m", 9)
    return deltas[1:-1]


def added(item: dict[str, Any], index: int = 0) -> dict[str, Any]:
    """An item begins."""
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def test_arguments_that_only_the_done_event_holds_are_said_once() -> None:
    done = {
        "type": "response.function_call_arguments.done",
        "output_index": 0,
        "arguments": '{"a":1}',
    }
    item = {**CALL, "arguments": '{"a":1}'}
    ended = {"type": "response.output_item.done", "output_index": 0, "item": item}
    expected = [ToolBegin(0, "c1", "f"), ToolArguments(0, '{"a":1}')]
    assert said(added(CALL), done, ended) == expected
    assert said(added(CALL), ended) == expected
    assert said(ended) == expected


def test_an_item_is_known_by_its_index_though_its_id_changes() -> None:
    deltas = [
        {
            "type": "response.function_call_arguments.delta",
            "output_index": index,
            "item_id": f"other{number}",
            "delta": words,
        }
        for number, (index, words) in enumerate([(0, "{"), (1, "{}"), (0, "}")])
    ]
    assert said(added(CALL), added({**CALL, "call_id": "c2"}, 1), *deltas)[2:] == [
        ToolArguments(0, "{"),
        ToolArguments(1, "{}"),
        ToolArguments(0, "}"),
    ]


def test_raw_reasoning_and_encrypted_reasoning_are_thoughts() -> None:
    raw = {"type": "response.reasoning_text.delta", "output_index": 0, "item_id": "r", "delta": "a"}
    item = {
        "type": "reasoning",
        "id": "r",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "ab"}],
        "encrypted_content": "E",
    }
    ended = {"type": "response.output_item.done", "output_index": 0, "item": item}
    assert said(raw, ended) == [
        ThoughtDelta("a", id="r"),
        ThoughtDelta("b", id="r"),
        ThoughtDelta(data="E", id="r", family="openai"),
    ]


def test_a_stream_that_said_nothing_but_its_last_event_is_understood() -> None:
    part = {"type": "output_text", "text": "hi", "annotations": []}
    output = [{"type": "message", "id": "m", "content": [part]}]
    reader = ResponsesInterpreter("Acme")
    last = {"type": "response.completed", "response": {"id": "resp_1", "output": output}}
    assert TextDelta("hi") in reader.event("", last)


def test_errors_are_told_by_their_code() -> None:
    def failed(code: str) -> dict[str, Any]:
        error = {"code": code, "message": "no"}
        return {"type": "response.failed", "response": {"error": error}}

    for code, kind in (
        ("rate_limit_exceeded", Overloaded),
        ("server_error", UpstreamFailed),
        ("invalid_prompt", Rejected),
    ):
        reader = ResponsesInterpreter("Acme")
        assert reader.event("", CREATED) == []
        with pytest.raises(kind):
            reader.event("", failed(code))
    with pytest.raises(UpstreamFailed):
        ResponsesInterpreter("Acme").event("", {"type": "error", "code": "x", "message": "no"})


def test_an_end_mark_alone_is_no_end() -> None:
    reader = ResponsesInterpreter("Acme")
    with pytest.raises(UpstreamFailed):
        reader.end(True)
    reader.event("", {"type": "response.output_text.delta", "delta": "a"})
    with pytest.raises(StreamBroken):
        reader.end(True)


WORDS = st.lists(st.text(min_size=1), min_size=1, max_size=4)


def _stream(words: list[str], line_end: bytes) -> bytes:
    deltas = [{"type": "response.output_text.delta", "delta": one} for one in words]
    return b"".join(
        b"data: " + orjson.dumps(one) + line_end * 2 for one in (CREATED, *deltas, COMPLETED)
    )


STREAMS = st.builds(_stream, WORDS, st.sampled_from([b"\n", b"\r\n"]))


@given(cut_anywhere(STREAMS))
def test_a_stream_that_is_cut_anywhere_says_the_same(given_: tuple[bytes, Pieces]) -> None:
    raw, pieces = given_
    assert read_stream(pieces) == read_stream([raw])


FIELDS = st.sampled_from(
    ["output_index", "item", "type", "delta", "text", "response", "output", "content", "usage"]
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(FIELDS, inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from(
    ["output_item.added", "output_item.done", "output_text.delta", "output_text.done", "completed"]
)


@given(st.lists(st.tuples(KINDS, st.dictionaries(FIELDS, JUNK, max_size=4)), max_size=4))
def test_events_of_any_shape_never_crash(values: list[tuple[str, dict[str, Any]]]) -> None:
    reader = ResponsesInterpreter("Acme")
    with suppress(UpstreamError):
        for kind, value in values:
            reader.event("", {**value, "type": f"response.{kind}"})
        reader.end(False)
    with suppress(UpstreamError):
        for _, value in values:
            ResponsesInterpreter("Acme").document(value)
