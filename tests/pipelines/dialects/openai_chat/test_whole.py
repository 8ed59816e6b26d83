"""A reply is written as one document that says what its stream would have said."""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.deltas import (
    AudioDelta,
    Begin,
    CitationDelta,
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
from pipelines.dialects.openai_chat.whole import ChatWholeWriter
from pipelines.usage import Usage


def document(*deltas: Delta) -> dict[str, Any]:
    """The document for these deltas."""
    writer = ChatWholeWriter("m", "id")
    assert writer.write(deltas) == b""
    value: dict[str, Any] = orjson.loads(writer.close())
    return value


def message(*deltas: Delta) -> dict[str, Any]:
    """The message of the one choice."""
    said: dict[str, Any] = document(*deltas)["choices"][0]["message"]
    return said


def test_words_are_joined_and_usage_is_told() -> None:
    got = document(
        Begin("c", "real", 9),
        TextDelta("a"),
        TextDelta("b"),
        Finish("length"),
        Consumed(Usage(3, 4)),
    )
    assert (got["id"], got["object"], got["created"], got["model"]) == (
        "c",
        "chat.completion",
        9,
        "m",
    )
    assert got["choices"][0]["message"] == {"role": "assistant", "content": "ab", "refusal": None}
    assert got["choices"][0]["finish_reason"] == "length"
    assert got["usage"]["total_tokens"] == 7


def test_calls_have_their_complete_arguments_and_no_empty_words() -> None:
    got = message(
        ToolBegin(0, "a", "f"),
        ToolArguments(0, '{"x"'),
        ToolBegin(1, "b", "g", "sig"),
        ToolArguments(0, ":1}"),
        ToolBegin(2, "c", "sh", custom=True),
        ToolArguments(2, "ls"),
        Finish("tool_calls"),
    )
    assert got["content"] is None
    assert [one.get("function") for one in got["tool_calls"]] == [
        {"name": "f", "arguments": '{"x":1}'},
        {"name": "g", "arguments": "{}"},
        None,
    ]
    assert got["tool_calls"][1]["extra_content"]["google"]["thought_signature"] == "sig"
    assert got["tool_calls"][2]["custom"] == {"name": "sh", "input": "ls"}


def test_a_signature_signs_the_words_before_it() -> None:
    got = message(
        ThoughtDelta("h"),
        ThoughtDelta("m"),
        ThoughtDelta(signature="s", family="anthropic"),
        ThoughtDelta(data="d", family="anthropic"),
        TextDelta("x"),
        Finish("stop"),
    )
    assert got["reasoning_content"] == "hm"
    assert got["thinking_blocks"] == [
        {"type": "thinking", "thinking": "hm", "signature": "s", "family": "anthropic"},
        {"type": "redacted_thinking", "data": "d", "family": "anthropic"},
    ]


def test_everything_else_has_its_place() -> None:
    got = document(
        RefusalDelta("no"),
        ImageDelta("QQ==", "image/png"),
        CitationDelta("https://x", "t", start=1, end=2),
        AudioDelta({"id": "a"}),
        AudioDelta({"data": "QQ=="}),
        LogprobsDelta({"content": [1]}),
        LogprobsDelta({"content": [2]}),
        Finish("stop"),
    )["choices"][0]
    said = got["message"]
    assert said["refusal"] == "no"
    assert said["images"][0]["image_url"]["url"] == "data:image/png;base64,QQ=="
    assert said["annotations"][0]["url_citation"]["url"] == "https://x"
    assert said["audio"] == {"id": "a", "data": "QQ=="}
    assert got["logprobs"] == {"content": [1, 2]}


def test_choices_are_kept_apart_and_an_empty_reply_is_one_empty_choice() -> None:
    got = document(TextDelta("b", 1), TextDelta("a"), Finish("stop"), Finish("stop", choice=1))
    assert [one["message"]["content"] for one in got["choices"]] == ["a", "b"]
    assert document()["choices"][0]["message"]["content"] == ""
