"""Cohere's replies are understood: every recording, cut anywhere, whole or streamed."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.deltas import (
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.cohere.reader import CohereReader
from pipelines.dialects.frames import SseFrames
from pipelines.errors import Rejected, StreamBroken, UpstreamFailed
from pipelines.usage import Usage
from tests.fakes.recordings import Recording, needs_fixtures, recordings
from tests.pipelines.dialects.cuts import Pieces, cut_anywhere

ALL = [
    one
    for one in recordings()
    if one.provider == "cohere" and one.endpoint == "cohere-v2" and one.status == 200
]
REASONS = {"COMPLETE": "stop", "TOOL_CALL": "tool_calls", "MAX_TOKENS": "length"}


def start() -> dict[str, Any]:
    """The first event of a stream."""
    return {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant"}}}


def end(reason: str = "COMPLETE", **more: Any) -> dict[str, Any]:
    """The last event of a stream."""
    return {"type": "message-end", "delta": {"finish_reason": reason, **more}}


def event(kind: str, index: int = 0, **message: Any) -> dict[str, Any]:
    """An event in between."""
    return {"type": kind, "index": index, "delta": {"message": message}}


def said(*events: dict[str, Any]) -> list[Delta]:
    """What these events mean, without the beginning."""
    reader = CohereReader("Cohere")
    deltas = [one for value in events for one in reader.event(value["type"], value)]
    return (deltas + reader.end(True))[1:]


def streamed(pieces: Pieces) -> list[Delta]:
    """What a stream means that comes in these pieces."""
    frames, reader = SseFrames(), CohereReader("Cohere")
    cut = [frame for raw in pieces for frame in frames.feed(raw)] + frames.close()
    deltas = [one for name, value in cut for one in reader.event(name, value)]
    return deltas + reader.end(frames.done)


def whole(recording: Recording) -> dict[str, Any]:
    """What a recording holds, collected by hand: as a document of Cohere's."""
    if not recording.streamed:
        document: dict[str, Any] = orjson.loads(recording.whole)
        return document
    message: dict[str, Any] = {"tool_plan": "", "text": "", "thinking": "", "tool_calls": []}
    last: dict[str, Any] = {}
    for line in recording.whole.splitlines():
        if not line.startswith(b"data: {"):
            continue
        value = orjson.loads(line[6:])
        delta = value.get("delta") or {}
        inner = delta.get("message") or {}
        if value["type"] == "message-end":
            last = delta
        elif value["type"] == "tool-call-start":
            message["tool_calls"].append(inner["tool_calls"])
        elif value["type"] == "tool-call-delta":
            function = message["tool_calls"][value["index"]]["function"]
            function["arguments"] += inner["tool_calls"]["function"]["arguments"]
        elif value["type"] == "tool-plan-delta":
            message["tool_plan"] += inner["tool_plan"]
        elif value["type"] == "content-delta":
            for key, words in inner["content"].items():
                message[key] += words
    kinds = ("thinking", "text")
    message["content"] = [{"type": kind, kind: message[kind]} for kind in kinds if message[kind]]
    return {"message": message, **last}


@needs_fixtures()
@pytest.mark.parametrize("recording", ALL, ids=lambda one: one.name)
def test_every_recording_is_read_as_it_is(recording: Recording) -> None:
    if recording.streamed:
        deltas = streamed(recording.chunks)
    else:
        deltas = CohereReader("Cohere").document(orjson.loads(recording.whole))
    held = whole(recording)
    message = held["message"]
    content = message.get("content") or []
    assert "".join(one.text for one in deltas if isinstance(one, TextDelta)) == "".join(
        part.get("text", "") for part in content
    )
    thought = (message.get("tool_plan") or "") + "".join(p.get("thinking", "") for p in content)
    assert "".join(one.text for one in deltas if isinstance(one, ThoughtDelta)) == thought
    calls = message.get("tool_calls") or []
    assert [(one.id, one.name) for one in deltas if isinstance(one, ToolBegin)] == [
        (one["id"], one["function"]["name"]) for one in calls
    ]
    for index, call in enumerate(calls):
        words = [o.text for o in deltas if isinstance(o, ToolArguments) and o.index == index]
        assert "".join(words) == call["function"]["arguments"]
    assert [one.reason for one in deltas if isinstance(one, Finish)] == [
        REASONS[held["finish_reason"]]
    ]
    used = held["usage"]
    assert [one.usage for one in deltas if isinstance(one, Consumed)] == [
        Usage(
            used["tokens"]["input_tokens"],
            used["tokens"]["output_tokens"],
            used.get("cached_tokens", 0),
            reasoning_tokens=used["tokens"].get("reasoning_tokens", 0),
        )
    ]


@needs_fixtures()
@given(st.data())
def test_a_stream_cut_anywhere_means_the_same(data: st.DataObject) -> None:
    streams = [one.whole for one in ALL if one.streamed]
    raw, pieces = data.draw(cut_anywhere(st.sampled_from(streams)))
    assert streamed(pieces) == streamed([raw])


def test_arguments_that_are_null_or_never_come_stay_empty() -> None:
    call = {"id": "a", "function": {"name": "f", "arguments": None}}
    deltas = said(start(), event("tool-call-start", tool_calls=call), end("TOOL_CALL"))
    assert deltas == [ToolBegin(0, "a", "f"), Finish("tool_calls")]


def test_a_tool_call_that_ended_with_complete_is_still_one() -> None:
    call = {"id": "a", "function": {"name": "f", "arguments": "{}"}}
    assert said(start(), event("tool-call-start", tool_calls=call), end())[-1] == Finish(
        "tool_calls"
    )


def test_billed_units_count_where_the_tokens_are_missing() -> None:
    usage = {"billed_units": {"input_tokens": 3, "output_tokens": 4}}
    assert said(start(), end(usage=usage))[-1] == Consumed(Usage(3, 4))


def test_a_citation_keeps_its_sources() -> None:
    source = {"type": "document", "id": "doc:0", "document": {"title": "t"}}
    cited = {"start": 0, "end": 4, "text": "Ruby", "sources": [source]}
    assert said(start(), event("citation-start", citations=cited), end())[0] == CitationDelta(
        url="doc:0", title="t", text="Ruby", start=0, end=4, rest={"sources": [source]}
    )


def test_log_probabilities_come_in_openais_shape() -> None:
    document = {
        "id": "c",
        "message": {"content": [{"type": "text", "text": "Hi"}]},
        "finish_reason": "COMPLETE",
        "logprobs": [{"text": "Hi", "token_ids": [1], "logprobs": [-0.5]}],
    }
    scores = CohereReader("Cohere").document(document)[2]
    token = {"token": "Hi", "logprob": -0.5, "top_logprobs": []}
    assert getattr(scores, "logprobs", None) == {"content": [token]}


def test_a_stream_without_its_end_is_broken() -> None:
    with pytest.raises(StreamBroken):
        said(start(), event("content-delta", content={"text": "Hal"}))
    with pytest.raises(UpstreamFailed):
        CohereReader("Cohere").end(True)


def test_a_reason_that_is_an_error_is_one() -> None:
    with pytest.raises(UpstreamFailed, match="TIMEOUT"):
        said(start(), end("TIMEOUT"))
    with pytest.raises(UpstreamFailed, match="ERROR"):
        said(start(), end("error", error="out of luck"))


def test_an_error_in_the_place_of_an_answer_is_told() -> None:
    reader = CohereReader("Cohere")
    with pytest.raises(UpstreamFailed, match="no answer"):
        reader.document({"id": "x"})
    with pytest.raises(Rejected, match="too many tokens"):
        reader.event("", {"error": {"message": "too many tokens", "code": 400}})


def test_a_stream_without_a_start_or_indices_is_understood() -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": ""}}
    events = [
        event("content-delta", content={"text": "hi"}),
        event("tool-call-start", tool_calls=call),
        event("tool-call-delta", tool_calls={"function": {"arguments": "{}"}}),
        event("tool-call-start", tool_calls={**call, "id": "d"}),
        event("tool-call-delta", tool_calls={"function": {"arguments": "[]"}}),
        end("TOOL_CALL"),
    ]
    reader = CohereReader("Cohere")
    for one in events:
        one.pop("index", None)
    found = [one for value in events for one in reader.event("", value)] + reader.end(False)
    assert found == [
        TextDelta("hi"),
        ToolBegin(0, "c", "f"),
        ToolArguments(0, "{}"),
        ToolBegin(1, "d", "f"),
        ToolArguments(1, "[]"),
        Finish("tool_calls"),
    ]
