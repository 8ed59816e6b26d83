"""A reply is written as the whole life of its items, or as one document that holds the same."""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.conversation import Conversation
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
from pipelines.dialects.frames import SseFrames
from pipelines.dialects.responses.dialect import OPENAI_RESPONSES
from pipelines.dialects.responses.writer import ResponsesWriter
from pipelines.errors import StreamBroken
from pipelines.usage import Usage

BODY = {"model": "m", "input": "hi", "tools": [], "temperature": 0.5}
TURN: list[Delta] = [
    Begin("chatcmpl-1", "real", 9),
    ThoughtDelta("hm"),
    ThoughtDelta(signature="s", family="anthropic"),
    TextDelta(""),
    TextDelta("a"),
    TextDelta("b"),
    ToolBegin(0, "c1", "f"),
    ToolBegin(1, "c2", "g"),
    ToolArguments(0, '{"a":'),
    ToolArguments(1, "{}"),
    ToolArguments(0, "1}"),
    Finish("tool_calls"),
    Consumed(Usage(3, 4, 1)),
]


def events(*deltas: Delta) -> list[dict[str, Any]]:
    """The events for these deltas; each bears its own type as its name."""
    writer, frames = ResponsesWriter(BODY, "m", "1", True), SseFrames()
    read = frames.feed(writer.write(deltas) + writer.close())
    assert all(name == value["type"] for name, value in read)
    assert [value["sequence_number"] for _, value in read] == list(range(len(read)))
    assert not frames.done
    return [value for _, value in read]


def document(*deltas: Delta) -> dict[str, Any]:
    """The document for these deltas."""
    writer = ResponsesWriter(BODY, "m", "1", False)
    assert writer.write(deltas) == b""
    value: dict[str, Any] = orjson.loads(writer.close())
    return value


def test_every_item_lives_its_whole_life() -> None:
    assert [one["type"].removeprefix("response.") for one in events(*TURN)] == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]


def test_the_last_event_holds_the_whole_output_and_so_does_the_document() -> None:
    stream = events(*TURN)
    final = stream[-1]["response"]
    assert final == document(*TURN)
    assert final["output"] == [
        one["item"] for one in stream if one["type"] == "response.output_item.done"
    ]
    thought, words, first, second = final["output"]
    assert thought["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert words["content"][0]["text"] == "ab"
    assert (first["call_id"], first["name"], first["arguments"]) == ("c1", "f", '{"a":1}')
    assert second["arguments"] == "{}"
    assert (final["id"], final["created_at"], final["model"]) == ("resp_1", 9, "m")
    assert (final["status"], final["temperature"], final["tool_choice"]) == (
        "completed",
        0.5,
        "auto",
    )
    assert final["usage"] == {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 7,
    }


def test_the_first_events_hold_an_empty_response() -> None:
    created = events(*TURN)[0]["response"]
    assert (created["status"], created["output"], created["usage"]) == ("in_progress", [], None)


def test_a_reply_that_hit_its_limit_is_incomplete() -> None:
    final = events(TextDelta("a"), Finish("length"))[-1]
    assert final["type"] == "response.incomplete"
    assert final["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert final["response"]["output"][0]["status"] == "incomplete"
    filtered = document(Finish("content_filter"))
    assert filtered["incomplete_details"] == {"reason": "content_filter"}


def test_refusals_citations_logprobs_and_pictures_have_their_places() -> None:
    got = document(
        TextDelta("a"),
        CitationDelta(url="https://x", title="t", start=0, end=1),
        LogprobsDelta({"content": [{"token": "a", "logprob": -1.0}]}),
        RefusalDelta("no"),
        ImageDelta("QQ==", "image/png"),
        ToolBegin(0, "c", "f", custom=True),
        ToolArguments(0, "x"),
    )
    message, picture, custom = got["output"]
    text, refusal = message["content"]
    assert text["annotations"] == [
        {"type": "url_citation", "url": "https://x", "title": "t", "start_index": 0, "end_index": 1}
    ]
    assert text["logprobs"] == [{"token": "a", "logprob": -1.0}]
    assert refusal == {"type": "refusal", "refusal": "no"}
    assert (picture["type"], picture["result"]) == ("image_generation_call", "QQ==")
    assert (custom["type"], custom["input"]) == ("custom_tool_call", "x")


def test_a_call_without_arguments_has_an_empty_object() -> None:
    (call,) = document(ToolBegin(0, "c", "f"))["output"]
    assert call["arguments"] == "{}"


def test_a_failure_after_the_first_byte_is_a_failed_response() -> None:
    ((name, value),) = SseFrames().feed(OPENAI_RESPONSES.error_events(StreamBroken("It broke.")))
    assert name == value["type"] == "response.failed"
    assert value["response"]["status"] == "failed"
    assert value["response"]["error"] == {"code": "upstream_disconnected", "message": "It broke."}


def told_by(tools: list[dict[str, Any]], *deltas: Delta) -> list[dict[str, Any]]:
    """The events for a call that offered these tools."""
    writer, frames = ResponsesWriter({**BODY, "tools": tools}, "m", "1", True), SseFrames()
    return [value for _, value in frames.feed(writer.write(deltas) + writer.close())]


def test_a_call_of_a_custom_tool_comes_back_as_one_once_it_is_whole() -> None:
    got = told_by(
        [{"type": "custom", "name": "patch"}],
        ToolBegin(0, "c", "patch"),
        ToolArguments(0, '{"input":"a\\n'),
        ToolArguments(0, 'b"}'),
        Finish("tool_calls"),
    )
    kinds = [one["type"].removeprefix("response.") for one in got[2:-1]]
    assert kinds == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
    ]
    assert got[3]["delta"] == got[4]["input"] == "a\nb"
    (item,) = got[-1]["response"]["output"]
    assert (item["type"], item["name"], item["input"]) == ("custom_tool_call", "patch", "a\nb")
    assert item["id"].startswith("ctc_")


def test_a_call_of_a_tool_in_a_namespace_comes_back_with_both_names() -> None:
    inner = {"type": "function", "name": "f"}
    got = told_by(
        [{"type": "namespace", "name": "mcp", "tools": [inner]}],
        ToolBegin(0, "c", "mcp__f"),
        ToolArguments(0, "{}"),
        Finish("tool_calls"),
    )
    (item,) = got[-1]["response"]["output"]
    assert (item["type"], item["namespace"], item["name"]) == ("function_call", "mcp", "f")


def test_a_call_of_the_local_shell_comes_back_as_its_action() -> None:
    got = told_by(
        [{"type": "local_shell"}],
        ToolBegin(0, "c", "local_shell"),
        ToolArguments(0, '{"command":["ls"]}'),
        Finish("tool_calls"),
    )
    (item,) = got[-1]["response"]["output"]
    assert (item["type"], item["call_id"], item["status"]) == ("local_shell_call", "c", "completed")
    assert item["action"] == {"type": "exec", "command": ["ls"], "env": {}}


def test_what_the_reply_became_is_told_and_whether_it_is_kept() -> None:
    for keeps in (True, False):
        told = Conversation("9", keeps)
        writer = ResponsesWriter(BODY, "m", "9", False, told)
        writer.write([TextDelta("a"), Finish("stop")])
        assert told.final is None
        document = orjson.loads(writer.close())
        assert told.final == document
        assert (document["store"], document["id"], told.maker) == (keeps, "resp_9", "")


def test_a_reply_that_breaks_ends_under_its_own_id_and_number() -> None:
    told = Conversation("9", True)
    writer = ResponsesWriter(BODY, "m", "9", True, told)
    frames = SseFrames()
    before = frames.feed(writer.write([TextDelta("a")]))
    assert told.fails is not None
    ((name, last),) = frames.feed(told.fails(StreamBroken("It broke.")))
    assert name == "response.failed"
    assert last["sequence_number"] == before[-1][1]["sequence_number"] + 1
    assert (last["response"]["id"], last["response"]["status"]) == ("resp_9", "failed")
    assert last["response"]["error"]["message"] == "It broke."
    assert told.final is None
