"""A chat reply is understood, whatever its host does with indices, reasons and usage."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.deltas import (
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
from pipelines.dialects.openai_chat.reader import ChatInterpreter
from pipelines.errors import Overloaded, Rejected, StreamBroken, UpstreamFailed
from pipelines.usage import Usage

USAGE = {"prompt_tokens": 3, "completion_tokens": 4}


def chunk(finish: str | None = None, index: int = 0, **delta: Any) -> dict[str, Any]:
    """One chunk."""
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {"id": "c", "model": "m", "created": 9, "choices": [choice]}


def said(*chunks: dict[str, Any], done: bool = True) -> list[Delta]:
    """What these chunks mean, without the beginning."""
    reader = ChatInterpreter("Acme")
    deltas = [one for value in chunks for one in reader.event("", value)]
    deltas += reader.end(done)
    assert deltas[0] == Begin("c", "m", 9)
    return deltas[1:]


def call(index: int | None, id: str | None, arguments: str, name: str = "") -> dict[str, Any]:
    """One fragment of a call."""
    fragment: dict[str, Any] = {"function": {"arguments": arguments}}
    if index is not None:
        fragment["index"] = index
    if id is not None:
        fragment |= {"id": id, "type": "function"}
        fragment["function"]["name"] = name
    return fragment


def test_words_reasoning_and_the_end_are_understood() -> None:
    got = said(
        chunk(role="assistant", content=""),
        chunk(reasoning_content="hm"),
        chunk(reasoning="so"),
        chunk(content="hi"),
        chunk("stop"),
        {"choices": [], "usage": USAGE},
    )
    assert got == [
        ThoughtDelta("hm"),
        ThoughtDelta("so"),
        TextDelta("hi"),
        Finish("stop"),
        Consumed(Usage(3, 4)),
    ]


def test_fragments_of_parallel_calls_are_told_apart_by_their_index() -> None:
    got = said(
        chunk(tool_calls=[call(0, "a", "", "f"), call(1, "b", "", "g")]),
        chunk(tool_calls=[call(1, None, '{"y"')]),
        chunk(tool_calls=[call(0, None, '{"x"')]),
        chunk("tool_calls", tool_calls=[call(1, None, ":1}"), call(0, None, ":2}")]),
    )
    assert got == [
        ToolBegin(0, "a", "f"),
        ToolBegin(1, "b", "g"),
        ToolArguments(1, '{"y"'),
        ToolArguments(0, '{"x"'),
        ToolArguments(1, ":1}"),
        ToolArguments(0, ":2}"),
        Finish("tool_calls"),
    ]


def test_calls_without_an_index_are_told_apart_by_their_id() -> None:
    got = said(
        chunk(tool_calls=[call(None, "a", '{"x":1}', "f")]),
        chunk(tool_calls=[call(None, "b", "{", "g")]),
        chunk("tool_calls", tool_calls=[call(None, None, "}")]),
    )
    assert got[:-1] == [
        ToolBegin(0, "a", "f"),
        ToolArguments(0, '{"x":1}'),
        ToolBegin(1, "b", "g"),
        ToolArguments(1, "{"),
        ToolArguments(1, "}"),
    ]


def test_calls_that_all_have_the_index_0_are_told_apart_by_their_id() -> None:
    got = said(
        chunk(tool_calls=[call(0, "a", "{}", "f")]),
        chunk("stop", tool_calls=[call(0, "b", "{}", "g")]),
    )
    assert [one for one in got if isinstance(one, ToolBegin)] == [
        ToolBegin(0, "a", "f"),
        ToolBegin(1, "b", "g"),
    ]
    assert got[-1] == Finish("tool_calls")


def test_an_id_that_is_repeated_on_every_fragment_begins_one_call() -> None:
    got = said(
        chunk(tool_calls=[call(0, "a", "{", "f")]),
        chunk("tool_calls", tool_calls=[call(0, "a", "}")]),
    )
    assert [type(one) for one in got] == [ToolBegin, ToolArguments, ToolArguments, Finish]


def test_the_first_finish_reason_and_the_last_usage_count() -> None:
    got = said(
        {**chunk(content="a"), "usage": {"prompt_tokens": 3, "completion_tokens": 1}},
        {**chunk("length"), "usage": USAGE},
        chunk("stop"),
    )
    assert [one for one in got if isinstance(one, Finish)] == [Finish("length")]
    assert [one for one in got if isinstance(one, Consumed)][-1] == Consumed(Usage(3, 4))


def test_a_reason_that_never_comes_is_made_up_only_where_the_end_was_marked() -> None:
    assert said(chunk(content="a"))[-1] == Finish("stop")
    assert said(chunk(tool_calls=[call(0, "a", "{}", "f")]))[-1] == Finish("tool_calls")
    with pytest.raises(StreamBroken) as raised:
        said(chunk(content="a"), done=False)
    assert raised.value.code == "upstream_truncated"


def test_a_finished_stream_needs_no_end_mark() -> None:
    assert said(chunk(content="a"), chunk("stop"), done=False)[-1] == Finish("stop")


def test_a_stream_that_never_began_may_be_tried_again() -> None:
    with pytest.raises(UpstreamFailed):
        ChatInterpreter("Acme").end(True)


def test_content_in_parts_is_words_and_thoughts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    got = said(chunk("stop", content=[thinking, {"type": "text", "text": "hi"}]))
    assert got == [ThoughtDelta("hm"), TextDelta("hi"), Finish("stop")]


def test_pictures_citations_refusals_logprobs_and_signed_thoughts_are_understood() -> None:
    note = {"type": "url_citation", "url_citation": {"url": "https://x", "title": "t"}}
    value = chunk(
        "stop",
        refusal="no",
        images=[{"image_url": {"url": "data:image/png;base64,QQ=="}}],
        annotations=[note],
        thinking_blocks=[{"type": "thinking", "thinking": "hm", "signature": "s"}],
    )
    value["choices"][0]["logprobs"] = {"content": []}
    assert said(value) == [
        ThoughtDelta(signature="s", family="anthropic"),
        RefusalDelta("no"),
        ImageDelta("QQ==", "image/png"),
        CitationDelta("https://x", "t"),
        LogprobsDelta({"content": []}),
        Finish("stop"),
    ]


def test_several_choices_are_kept_apart() -> None:
    got = said(
        chunk(content="a"), chunk(index=1, content="b"), chunk("stop"), chunk("stop", index=1)
    )
    assert got == [TextDelta("a"), TextDelta("b", 1), Finish("stop"), Finish("stop", choice=1)]


def test_groqs_own_place_of_usage_is_known() -> None:
    assert Consumed(Usage(3, 4)) in said({**chunk("stop"), "x_groq": {"usage": USAGE}})


def test_a_document_means_the_same_as_a_stream() -> None:
    message = {
        "role": "assistant",
        "content": "hi",
        "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": None}}],
    }
    whole = {
        "id": "c",
        "model": "m",
        "created": 9,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": USAGE,
    }
    assert ChatInterpreter("Acme").document(whole) == [
        Begin("c", "m", 9),
        TextDelta("hi"),
        ToolBegin(0, "a", "f"),
        Finish("tool_calls"),
        Consumed(Usage(3, 4)),
    ]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"error": {"message": "full", "code": 429}}, Overloaded),
        ({"error": {"message": "bad", "code": "400"}}, Rejected),
        ({"error": "boom"}, UpstreamFailed),
    ],
)
def test_an_error_in_a_stream_is_raised(value: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        ChatInterpreter("Acme").event("", value)


def test_a_document_that_is_no_answer_is_a_failure() -> None:
    with pytest.raises(UpstreamFailed):
        ChatInterpreter("Acme").document({"hello": 1})


def test_an_empty_delta_beside_a_whole_message_says_nothing() -> None:
    choice = {
        "index": 0,
        "delta": {"role": "assistant", "content": ""},
        "message": {"role": "assistant", "content": "Paris"},
        "finish_reason": "stop",
    }
    got = ChatInterpreter("Acme").document({"id": "c", "choices": [choice]})
    assert got[1:] == [TextDelta("Paris"), Finish("stop")]


def test_empty_fields_beside_the_answer_are_no_call_and_no_sound() -> None:
    empty: dict[str, Any] = {
        "function_call": {"name": "", "arguments": ""},
        "audio": {"data": "", "expires_at": 0, "id": "", "transcript": ""},
    }
    assert said(chunk("stop", content="4", **empty)) == [TextDelta("4"), Finish("stop")]
    fragment = call(None, "a", "{}", "f")
    got = said(chunk("", tool_calls=[fragment], **empty))
    assert got == [ToolBegin(0, "a", "f"), ToolArguments(0, "{}"), Finish("tool_calls")]


def test_an_old_function_call_is_one() -> None:
    got = said(
        chunk(function_call={"name": "f", "arguments": ""}),
        chunk("function_call", function_call={"arguments": "{}"}),
    )
    assert got == [ToolBegin(0, "", "f"), ToolArguments(0, "{}"), Finish("tool_calls")]


def test_a_call_whose_name_comes_later_begins_with_it() -> None:
    first, then = call(0, "a", ""), call(0, None, "")
    then["function"]["name"] = "f"
    got = said(
        chunk(tool_calls=[first]),
        chunk(tool_calls=[then]),
        chunk("tool_calls", tool_calls=[call(0, None, "{}")]),
    )
    assert got == [ToolBegin(0, "a", "f"), ToolArguments(0, "{}"), Finish("tool_calls")]
