"""What replies of Gemini mean beyond what was recorded."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.deltas import Finish, ImageDelta, LogprobsDelta, OpaqueDelta, TextDelta, ToolBegin
from pipelines.dialects.gemini.reader import GeminiInterpreter
from pipelines.errors import Overloaded, StreamBroken, UpstreamFailed


def chunk(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"responseId": "r", "candidates": [{"content": {"parts": list(parts)}, **more}]}


CALL = {"functionCall": {"name": "look", "args": {"at": 1}}}


def test_calls_are_counted_over_the_whole_stream() -> None:
    reader = GeminiInterpreter("Google")
    said = [*reader.event("", chunk(CALL)), *reader.event("", chunk(CALL, finishReason="STOP"))]
    calls = [one for one in said if isinstance(one, ToolBegin)]
    assert [one.index for one in calls] == [0, 1]
    assert calls[0].id != calls[1].id
    assert reader.end(False) == [Finish("tool_calls")]
    again = GeminiInterpreter("Google").document(chunk(CALL, CALL, finishReason="STOP"))
    assert [one for one in again if isinstance(one, ToolBegin)] == calls


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("OTHER", "stop"),
        (3, "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
    ],
)
def test_finish_reasons(reason: Any, meaning: Any) -> None:
    said = GeminiInterpreter("G").document(chunk({"text": "hi"}, finishReason=reason))
    assert said[-1] == Finish(meaning)


def test_a_blocked_prompt_is_a_filtered_answer() -> None:
    said = GeminiInterpreter("G").document({"promptFeedback": {"blockReason": "SAFETY"}})
    assert said[-1] == Finish("content_filter")


def test_no_answer_is_an_error() -> None:
    with pytest.raises(UpstreamFailed):
        GeminiInterpreter("G").document(chunk(finishReason="MALFORMED_FUNCTION_CALL"))
    with pytest.raises(UpstreamFailed):
        GeminiInterpreter("G").document({})
    with pytest.raises(UpstreamFailed):
        GeminiInterpreter("G").end(False)
    with pytest.raises(Overloaded):
        GeminiInterpreter("G").event("", {"error": {"code": 429, "message": "Slow down"}})


def test_a_stream_without_a_reason_is_broken() -> None:
    reader = GeminiInterpreter("G")
    reader.event("", chunk({"text": "hi"}))
    with pytest.raises(StreamBroken):
        reader.end(False)


def test_pictures_and_scores_are_kept() -> None:
    blob = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    scores = {"chosenCandidates": [{"token": "a", "logProbability": -1.0}]}
    said = GeminiInterpreter("G").document(chunk(blob, logprobsResult=scores, finishReason="STOP"))
    assert ImageDelta("AA==", "image/png") in said
    token = {"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}
    assert LogprobsDelta({"content": [token]}) in said


def test_a_tool_is_called_by_its_own_name() -> None:
    call = {"functionCall": {"name": "hg__3d", "args": {}}}
    said = GeminiInterpreter("G").document(chunk(call, finishReason="STOP"))
    assert [one.name for one in said if isinstance(one, ToolBegin)] == ["3d"]


def test_code_that_was_run_keeps_its_place_and_its_signature() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "s"}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}
    said = GeminiInterpreter("G").document(
        chunk(code, result, {"text": "one"}, finishReason="STOP")
    )
    assert said[1:4] == [
        OpaqueDelta("executableCode", "gemini", code),
        OpaqueDelta("codeExecutionResult", "gemini", result),
        TextDelta("one"),
    ]
