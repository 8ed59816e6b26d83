"""Converse replies are understood: every recording, cut anywhere, whole or streamed."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.deltas import (
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.bedrock.reader import ConverseReader
from pipelines.dialects.eventstream import EventStreamFrames
from pipelines.dialects.frames import Frame, LineFrames
from pipelines.errors import Overloaded, Rejected, StreamBroken, UpstreamFailed
from pipelines.usage import Usage
from tests.fakes.recordings import Recording, needs_fixtures, recordings
from tests.pipelines.dialects.cuts import Pieces, cut_anywhere

ALL = [
    one
    for one in recordings()
    if one.provider == "bedrock" and one.endpoint == "converse" and one.status == 200
]
FAILED = [one for one in ALL if "validation_exception" in one.name]
GOOD = [one for one in ALL if one not in FAILED]
WHOLE = [one for one in GOOD if one.whole.startswith(b"{") and b'"output"' in one.whole]
LINES = [one for one in GOOD if one.content_type == "application/x-ndjson"]
STREAMS = [one for one in GOOD if one not in WHOLE and one not in LINES]
REASONS = {
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "guardrail_intervened": "content_filter",
}


def frames_of(pieces: Pieces) -> list[Frame]:
    """The messages of a stream that comes in these pieces."""
    frames = EventStreamFrames()
    return [one for raw in pieces for one in frames.feed(raw)] + frames.close()


def read(frames: list[Frame]) -> list[Delta]:
    """What these messages mean."""
    reader = ConverseReader("Bedrock")
    deltas = [one for name, value in frames for one in reader.event(name, value)]
    return deltas + reader.end(False)


def lines_of(recording: Recording) -> list[Frame]:
    """The messages of a recording whose framing was taken off."""
    values = [value for _, value in LineFrames().feed(recording.whole)]
    return [next(iter(value.items())) for value in values]


def collected(frames: list[Frame]) -> dict[str, Any]:
    """A stream as the document that it would have been, built from its messages alone."""
    blocks: dict[int, dict[str, Any]] = {}
    document: dict[str, Any] = {}
    for name, value in frames:
        if name == "contentBlockStart" and "toolUse" in value["start"]:
            use = {**value["start"]["toolUse"], "input": ""}
            blocks[value["contentBlockIndex"]] = {"toolUse": use}
        elif name == "contentBlockDelta":
            block = blocks.setdefault(value["contentBlockIndex"], {})
            delta = value["delta"]
            if "text" in delta:
                block["text"] = block.get("text", "") + delta["text"]
            elif "toolUse" in delta:
                block["toolUse"]["input"] += delta["toolUse"]["input"]
            elif "reasoningContent" in delta:
                held = block.setdefault("reasoningText", {})
                for key, words in delta["reasoningContent"].items():
                    held[key] = held.get(key, "") + words
        elif name in ("messageStop", "metadata"):
            document |= value
    content = [block for _, block in sorted(blocks.items())]
    return {**document, "output": {"message": {"content": content}}}


def _thoughts(content: list[dict[str, Any]]) -> tuple[str, list[str]]:
    said: list[dict[str, Any]] = []
    for one in content:
        held = one.get("reasoningText") or one.get("reasoningContent") or {}
        said.append(held.get("reasoningText", held))
    text = "".join(one.get("text", "") for one in said)
    return text, [one["signature"] for one in said if "signature" in one]


def check(deltas: list[Delta], held: dict[str, Any]) -> None:
    """The deltas say what the document holds."""
    content = held["output"]["message"]["content"]
    texts = "".join(one.get("text", "") for one in content)
    assert "".join(one.text for one in deltas if isinstance(one, TextDelta)) == texts
    thoughts = [one for one in deltas if isinstance(one, ThoughtDelta)]
    text, signatures = _thoughts(content)
    assert "".join(one.text for one in thoughts) == text
    assert [one.signature for one in thoughts if one.signature] == signatures
    uses = [one["toolUse"] for one in content if "toolUse" in one]
    uses = [one for one in uses if one.get("type") != "server_tool_use"]
    begun = [one for one in deltas if isinstance(one, ToolBegin)]
    assert [(one.index, one.id, one.name) for one in begun] == [
        (index, use["toolUseId"], use["name"]) for index, use in enumerate(uses)
    ]
    for index, use in enumerate(uses):
        words = [o.text for o in deltas if isinstance(o, ToolArguments) and o.index == index]
        wanted = use["input"]
        joined = "".join(words)
        assert joined == wanted if isinstance(wanted, str) else orjson.loads(joined) == wanted
    if "stopReason" in held:
        wanted = REASONS.get(held["stopReason"], "tool_calls" if uses else "stop")
        assert [one.reason for one in deltas if isinstance(one, Finish)] == [wanted]
    usage = held.get("usage")
    if usage:
        (told,) = (one.usage for one in deltas if isinstance(one, Consumed))
        assert told.total_tokens == usage["totalTokens"]
        assert told.completion_tokens == usage["outputTokens"]
        assert told.cached_tokens == usage.get("cacheReadInputTokens", 0)


@needs_fixtures()
@pytest.mark.parametrize("recording", WHOLE, ids=lambda one: one.name)
def test_every_whole_recording_is_read_as_it_is(recording: Recording) -> None:
    document = orjson.loads(recording.whole)
    check(ConverseReader("Bedrock").document(document), document)


@needs_fixtures()
@pytest.mark.parametrize("recording", STREAMS, ids=lambda one: one.name)
def test_every_recorded_stream_is_read_as_it_is(recording: Recording) -> None:
    frames = frames_of(recording.chunks)
    check(read(frames), collected(frames))


@needs_fixtures()
@pytest.mark.parametrize("recording", LINES, ids=lambda one: one.name)
def test_every_stream_without_its_framing_is_read_as_it_is(recording: Recording) -> None:
    frames = lines_of(recording)
    check(read(frames), collected(frames))


@needs_fixtures()
@given(st.data())
def test_a_stream_cut_anywhere_means_the_same(data: st.DataObject) -> None:
    raw, pieces = data.draw(cut_anywhere(st.sampled_from([one.whole for one in STREAMS])))
    assert read(frames_of(pieces)) == read(frames_of([raw]))


@needs_fixtures()
def test_an_exception_may_be_the_first_message() -> None:
    (recording,) = FAILED
    with pytest.raises(Rejected, match="MIME type"):
        read(frames_of(recording.chunks))


def test_exceptions_are_told_by_their_kind() -> None:
    reader = ConverseReader("Bedrock")
    with pytest.raises(Overloaded):
        reader.event("x", {"error": {"type": "throttlingException", "message": "slow"}})
    with pytest.raises(UpstreamFailed):
        reader.event("x", {"error": {"type": "modelStreamErrorException", "message": "oh"}})


def test_a_stream_without_its_stop_is_broken() -> None:
    with pytest.raises(StreamBroken):
        read([("messageStart", {"role": "assistant"})])
    with pytest.raises(UpstreamFailed):
        read([])


def test_cached_tokens_are_part_of_the_prompt() -> None:
    usage = {
        "inputTokens": 3, "outputTokens": 121, "cacheReadInputTokens": 1712,
        "cacheWriteInputTokens": 236, "totalTokens": 2072,
    }  # fmt: skip
    deltas = read([("messageStop", {"stopReason": "end_turn"}), ("metadata", {"usage": usage})])
    assert deltas == [
        Begin(),
        Finish("stop"),
        Consumed(Usage(1951, 121, cached_tokens=1712, cache_write_tokens=236)),
    ]


def test_a_web_citation_keeps_its_address() -> None:
    cited = {"location": {"web": {"url": "https://a.example", "domain": "a.example"}}}
    deltas = read(
        [
            ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"citation": cited}}),
            ("messageStop", {"stopReason": "end_turn"}),
        ]
    )
    assert deltas[1] == CitationDelta(url="https://a.example", title="a.example", rest=cited)
