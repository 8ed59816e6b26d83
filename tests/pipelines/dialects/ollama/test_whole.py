"""A whole reply is one document, which says what a stream would have said."""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.deltas import (
    Begin,
    Consumed,
    Delta,
    Finish,
    ImageDelta,
    LogprobsDelta,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.ollama.whole import OllamaWholeWriter
from pipelines.dialects.ollama.writer import tail
from pipelines.usage import Usage

BEGIN = Begin("id", "theirs", 1_700_000_000)
HEAD = {"model": "m", "created_at": "2023-11-14T22:13:20Z"}


def document(*deltas: Delta, chat: bool = True) -> dict[str, Any]:
    writer = OllamaWholeWriter("m", chat)
    assert writer.write(deltas) == b""
    value: dict[str, Any] = orjson.loads(writer.close())
    return value


def test_everything_is_in_one_document() -> None:
    found = document(
        BEGIN,
        ThoughtDelta("h"),
        ThoughtDelta("m", signature="s"),
        TextDelta("h"),
        TextDelta("i"),
        RefusalDelta("!"),
        ToolBegin(0, "a", "f"),
        ToolArguments(0, "{}"),
        ImageDelta("AAAA", "image/png"),
        LogprobsDelta({"content": [{"token": "h"}]}),
        Finish("tool_calls"),
        Consumed(Usage(9, 12)),
    )
    assert found == {
        **HEAD,
        "message": {
            "role": "assistant",
            "content": "hi!",
            "thinking": "hm",
            "images": ["AAAA"],
            "tool_calls": [{"id": "a", "function": {"index": 0, "name": "f", "arguments": {}}}],
        },
        "logprobs": [{"token": "h"}],
        **tail("stop", Usage(9, 12)),
    }


def test_what_is_generated_stands_at_the_top() -> None:
    found = document(BEGIN, TextDelta("hi"), Finish("length"), chat=False)
    assert found == {**HEAD, "response": "hi", **tail("length", Usage())}


def test_nothing_said_is_an_empty_message() -> None:
    assert document()["message"] == {"role": "assistant", "content": ""}


def test_only_the_first_choice_is_told() -> None:
    found = document(TextDelta("a"), TextDelta("b", 1), Finish("stop"), Finish("length", choice=1))
    assert found["message"]["content"] == "a"
    assert found["done_reason"] == "stop"
