"""What is written for Gemini's clients."""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.deltas import (
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    LogprobsDelta,
    OpaqueDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.gemini.writer import GeminiWriter
from pipelines.usage import Usage


def document(*deltas: Delta) -> dict[str, Any]:
    writer = GeminiWriter("gemini", "made", False)
    assert writer.write(deltas) == b""
    value: dict[str, Any] = orjson.loads(writer.close())
    return value


def parts(value: dict[str, Any]) -> Any:
    return value["candidates"][0]["content"]["parts"]


def test_interleaved_arguments_become_whole_calls_in_order() -> None:
    said = document(
        ToolBegin(0, "a", "one", signature="S"),
        ToolBegin(1, "b", "two"),
        ToolArguments(0, '{"x":'),
        ToolArguments(1, "{}"),
        ToolArguments(0, "1}"),
        Finish("tool_calls"),
    )
    assert parts(said) == [
        {"functionCall": {"id": "a", "name": "one", "args": {"x": 1}}, "thoughtSignature": "S"},
        {"functionCall": {"id": "b", "name": "two", "args": {}}},
    ]
    assert said["candidates"][0]["finishReason"] == "STOP"


def test_a_stream_ends_with_reason_and_usage() -> None:
    writer = GeminiWriter("gemini", "made", True)
    first = writer.write([Begin("r"), TextDelta("h"), TextDelta("i")])
    assert orjson.loads(first.removeprefix(b"data: "))["responseId"] == "r"
    assert first.endswith(b"\r\n\r\n")
    assert writer.write([Finish("length"), Consumed(Usage(2, 3))]) == b""
    last = orjson.loads(writer.close().removeprefix(b"data: "))
    assert last["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert last["usageMetadata"]["totalTokenCount"] == 5


def test_thoughts_are_marked_and_foreign_signatures_left_out() -> None:
    said = document(
        ThoughtDelta("hm"),
        ThoughtDelta(signature="X", family="anthropic"),
        TextDelta("yes"),
        ThoughtDelta(signature="S", family="gemini"),
    )
    assert parts(said) == [
        {"text": "hm", "thought": True},
        {"text": "yes", "thoughtSignature": "S"},
    ]


def test_sources_and_scores_stand_on_the_candidate() -> None:
    score = {"token": "a", "logprob": -1.0, "top_logprobs": []}
    said = document(TextDelta("a"), CitationDelta("u", "t"), LogprobsDelta({"content": [score]}))
    candidate = said["candidates"][0]
    assert candidate["groundingMetadata"]["groundingChunks"] == [
        {"web": {"uri": "u", "title": "t"}}
    ]
    assert candidate["logprobsResult"]["chosenCandidates"] == [
        {"token": "a", "logProbability": -1.0}
    ]


def test_arguments_that_are_no_object_are_kept_as_words() -> None:
    said = document(ToolBegin(0, "", "one"), ToolArguments(0, '{"x":'))
    assert parts(said) == [{"functionCall": {"name": "one", "args": {"arguments": '{"x":'}}}]


def test_code_that_was_run_keeps_its_place_and_another_familys_part_is_left_out() -> None:
    code = {"executableCode": {"code": "1"}, "thoughtSignature": "S"}
    said = document(
        TextDelta("a"),
        OpaqueDelta("executableCode", "gemini", code),
        OpaqueDelta("server_tool_use", "anthropic", {"x": 1}),
        TextDelta("b"),
    )
    assert parts(said) == [{"text": "a"}, code, {"text": "b"}]
