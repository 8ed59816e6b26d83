"""What an Ollama server says is understood, whole and line by line."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.deltas import (
    Begin,
    Consumed,
    Delta,
    Finish,
    ImageDelta,
    LogprobsDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.ollama.reader import OllamaInterpreter, read_usage
from pipelines.errors import StreamBroken, UpstreamFailed
from pipelines.usage import Usage

STAMP = "2026-08-07T06:08:11.017589123Z"
BEGIN = Begin(model="m", created=1786082891)


def line(text: str = "", done: bool = False, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, **more.pop("message", {})}
    return {"model": "m", "created_at": STAMP, "message": message, "done": done, **more}


def read(*lines: dict[str, Any]) -> list[Delta]:
    reader = OllamaInterpreter("Ollama")
    return [delta for one in lines for delta in reader.event("", one)] + reader.end(False)


def test_a_stream_is_read_line_by_line() -> None:
    last = line(done=True, done_reason="stop", prompt_eval_count=9, eval_count=12)
    assert read(line(message={"thinking": "hm"}), line("hi"), last) == [
        BEGIN,
        ThoughtDelta("hm"),
        TextDelta("hi"),
        Finish("stop"),
        Consumed(Usage(9, 12)),
    ]


def test_a_last_line_may_say_something_too() -> None:
    assert read(line("hi", done=True, done_reason="length")) == [
        BEGIN,
        TextDelta("hi"),
        Finish("length"),
    ]


def test_what_is_generated_is_read_the_same() -> None:
    value = {"model": "m", "created_at": STAMP, "response": "hi", "thinking": "hm", "done": True}
    assert OllamaInterpreter("Ollama").document(value) == [
        BEGIN,
        ThoughtDelta("hm"),
        TextDelta("hi"),
        Finish("stop"),
    ]


def test_calls_come_whole_and_end_the_reply_by_their_own_name() -> None:
    calls = [
        {"id": "a", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}},
        {"function": {"name": "g"}},
        5,
        {},
    ]
    found = read(line(message={"tool_calls": calls}), line(done=True, done_reason="stop"))
    assert found[1:4] == [
        ToolBegin(0, "a", "f"),
        ToolArguments(0, '{"x":1}'),
        ToolBegin(1, getattr(found[3], "id", ""), "g"),
    ]
    assert found[4:] == [ToolArguments(1, "{}"), Finish("tool_calls")]


def test_an_id_that_is_missing_is_made_of_what_is_said() -> None:
    def made(stamp: str) -> list[str]:
        call = {"function": {"name": "f", "arguments": {}}}
        one = {**line(message={"tool_calls": [call, call]}, done=True), "created_at": stamp}
        return [delta.id for delta in read(one) if isinstance(delta, ToolBegin)]

    first = made(STAMP)
    assert len(set(first)) == 2
    assert first == made(STAMP)
    assert set(first).isdisjoint(made("2026-08-07T06:08:12Z"))


def test_pictures_and_probabilities_are_read() -> None:
    token = {"token": "a", "logprob": -0.5}
    found = read(
        line(message={"images": ["R0lGODlh"]}),
        line("a", logprobs=[token, 5]),
        line(done=True),
    )
    assert ImageDelta("R0lGODlh", "image/gif") in found
    assert LogprobsDelta({"content": [{"bytes": None, "top_logprobs": [], **token}, 5]}) in found


def test_a_document_without_its_end_has_one() -> None:
    assert OllamaInterpreter("Ollama").document({"message": {"content": "hi"}}) == [
        Begin(),
        TextDelta("hi"),
        Finish("stop"),
    ]


@pytest.mark.parametrize("value", [{"error": "no such model"}, {}, {"choices": []}])
def test_what_is_no_answer_is_the_providers_failure(value: dict[str, Any]) -> None:
    with pytest.raises(UpstreamFailed, match="Ollama"):
        OllamaInterpreter("Ollama").document(value)


def test_an_error_in_a_stream_is_told() -> None:
    reader = OllamaInterpreter("Ollama")
    reader.event("", line("hi"))
    with pytest.raises(UpstreamFailed):
        reader.event("", {"error": "an error was encountered while running the model"})


def test_a_stream_that_was_cut_is_broken() -> None:
    with pytest.raises(StreamBroken) as found:
        read(line("hi"))
    assert found.value.code == "upstream_truncated"
    with pytest.raises(UpstreamFailed, match="before its first message"):
        read()


def test_a_prompt_that_was_kept_has_no_count() -> None:
    assert read_usage({"eval_count": 5}) == Usage(0, 5)
    assert read_usage({"prompt_eval_count": 5, "eval_count": -1}) == Usage(5, 0)
    assert read_usage({"eval_count": None}) is None
