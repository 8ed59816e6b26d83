"""Answers of the mock provider are written in OpenAI's objects."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from proxy.transport.mock_forms import (
    DONE,
    ChatForm,
    Form,
    Part,
    Read,
    Said,
    TextForm,
    document,
    events,
)
from proxy.transport.mock_words import Answer, Kind, Piece, ToolCall

WORDS = Answer((Piece(Kind.TEXT, "Hello"), Piece(Kind.TEXT, " you")))
CALL = Answer(
    (
        Piece(Kind.THOUGHT, "hm"),
        Piece(Kind.ARGUMENTS, '{"a"', 0, True),
        Piece(Kind.ARGUMENTS, ":1}"),
        Piece(Kind.ARGUMENTS, "{}", 1, True),
    ),
    (ToolCall("call_1", "f"), ToolCall("call_2", "g")),
    "tool_calls",
)


def _said(*answers: Answer, wants_usage: bool = False) -> Said:
    return Said("1", "demo", answers, 7, wants_usage)


def _objects(form: Form, said: Said) -> list[dict[str, Any]]:
    reads = list(events(form, said))
    assert reads[-1] == Read(DONE, Part.ENDING)
    for read in reads:
        assert read.raw.startswith(b"data: ")
        assert read.raw.endswith(b"\n\n")
    return [orjson.loads(read.raw[6:]) for read in reads[:-1]]


def _deltas(said: Said) -> list[dict[str, Any]]:
    return [event["choices"][0]["delta"] for event in _objects(ChatForm(), said)]


def test_a_stream_is_a_role_the_words_an_end_and_done() -> None:
    assert _deltas(_said(WORDS)) == [
        {"role": "assistant", "content": ""},
        {"content": "Hello"},
        {"content": " you"},
        {},
    ]
    finishes = [e["choices"][0]["finish_reason"] for e in _objects(ChatForm(), _said(WORDS))]
    assert finishes == [None, None, None, "stop"]


def test_tool_calls_come_in_fragments_each_call_named_once() -> None:
    def fragment(index: int, arguments: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}

    def begun(index: int, ident: str, name: str) -> dict[str, Any]:
        function = {"name": name, "arguments": ""}
        call = {"index": index, "id": ident, "type": "function", "function": function}
        return {"tool_calls": [call]}

    assert _deltas(_said(CALL)) == [
        {"role": "assistant", "content": None},
        {"reasoning_content": "hm"},
        begun(0, "call_1", "f"),
        fragment(0, '{"a"'),
        fragment(0, ":1}"),
        begun(1, "call_2", "g"),
        fragment(1, "{}"),
        {},
    ]


def test_usage_is_absent_unless_asked_for_and_then_null_but_on_the_last_event() -> None:
    assert all("usage" not in event for event in _objects(ChatForm(), _said(WORDS)))
    *before, last = _objects(ChatForm(), _said(WORDS, wants_usage=True))
    assert all(event["usage"] is None for event in before)
    assert last["choices"] == []
    assert last["usage"]["prompt_tokens"] == 7
    assert last["usage"]["completion_tokens"] == 2
    assert last["usage"]["total_tokens"] == 9


def test_reasoning_is_part_of_the_completion() -> None:
    usage = _said(CALL).usage()
    assert usage["completion_tokens"] == 4
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 1


@pytest.mark.parametrize("form", [ChatForm(), TextForm()])
def test_all_choices_speak_in_turn_and_only_the_first_of_a_round_is_a_word(form: Form) -> None:
    short = Answer((Piece(Kind.TEXT, "x"),))
    reads = list(events(form, _said(WORDS, short, WORDS)))
    spoken = [
        (orjson.loads(read.raw[6:])["choices"][0]["index"], read.part)
        for read in reads
        if b"Hello" in read.raw or b" you" in read.raw or b'"x"' in read.raw
    ]
    assert spoken == [
        (0, Part.WORD),
        (1, Part.BESIDE),
        (2, Part.BESIDE),
        (0, Part.WORD),
        (2, Part.BESIDE),
    ]


def test_every_object_is_one_that_the_openai_sdk_knows() -> None:
    for said in (_said(WORDS, WORDS, wants_usage=True), _said(CALL)):
        for event in _objects(ChatForm(), said):
            ChatCompletionChunk.model_validate(event, strict=True)
        ChatCompletion.model_validate(document(ChatForm(), said), strict=True)
    for event in _objects(TextForm(), _said(WORDS)):
        assert event["object"] == "text_completion"
    Completion.model_validate(document(TextForm(), _said(WORDS)), strict=True)


def test_a_document_holds_everything_at_once() -> None:
    message = document(ChatForm(), _said(CALL))["choices"][0]["message"]
    assert message["content"] is None
    assert message["reasoning_content"] == "hm"
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == ['{"a":1}', "{}"]
    plain = document(ChatForm(), _said(WORDS))
    assert plain["choices"][0]["message"]["content"] == "Hello you"
    assert "tool_calls" not in plain["choices"][0]["message"]
    assert plain["usage"]["total_tokens"] == 9
    assert document(TextForm(), _said(WORDS))["choices"][0]["text"] == "Hello you"


def test_an_answer_of_no_words_still_ends() -> None:
    assert _deltas(_said(Answer(()))) == [{"role": "assistant", "content": ""}, {}]
