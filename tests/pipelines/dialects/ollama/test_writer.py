"""A reply is written in the lines that Ollama's clients expect."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.deltas import (
    AudioDelta,
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
from pipelines.dialects.ollama.writer import OllamaStreamWriter, idle, stamp, tail
from pipelines.usage import Usage

TIME = "2023-11-14T22:13:20Z"


def lines(*deltas: Delta, chat: bool = True) -> list[dict[str, Any]]:
    writer = OllamaStreamWriter("m", chat)
    raw = b"".join(writer.write([one]) for one in deltas) + writer.close()
    assert raw.endswith(b"\n")
    return [orjson.loads(one) for one in raw.splitlines()]


def line(text: str, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, **more}
    return {"model": "m", "created_at": TIME, "message": message, "done": False}


BEGIN = Begin("id", "theirs", 1_700_000_000)


def test_a_reply_is_written_line_by_line() -> None:
    found = lines(
        BEGIN,
        ThoughtDelta("hm"),
        ThoughtDelta(signature="s"),
        TextDelta("hi"),
        Finish("length"),
        Consumed(Usage(9, 12)),
    )
    assert found == [
        line("", thinking="hm"),
        line("hi"),
        {
            **line(""),
            "done": True,
            "done_reason": "length",
            "total_duration": 0,
            "load_duration": 0,
            "prompt_eval_count": 9,
            "prompt_eval_duration": 0,
            "eval_count": 12,
            "eval_duration": 0,
        },
    ]


def test_what_is_generated_stands_at_the_top() -> None:
    found = lines(BEGIN, ThoughtDelta("hm"), TextDelta("hi"), chat=False)
    head = {"model": "m", "created_at": TIME, "done": False}
    assert found[:2] == [
        {**head, "response": "", "thinking": "hm"},
        {**head, "response": "hi"},
    ]
    assert (found[2]["response"], found[2]["done"]) == ("", True)


@pytest.mark.parametrize("end", [(Finish("tool_calls"),), ()])
def test_calls_go_out_whole_and_once(end: tuple[Delta, ...]) -> None:
    found = lines(
        BEGIN,
        ToolBegin(0, "a", "f"),
        ToolArguments(0, '{"x":'),
        ToolBegin(1, "b", "g", custom=True),
        ToolArguments(0, "1}"),
        ToolArguments(1, "words"),
        *end,
    )
    assert found[0] == line(
        "",
        tool_calls=[
            {"id": "a", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}},
            {"id": "b", "function": {"index": 1, "name": "g", "arguments": {"input": "words"}}},
        ],
    )
    assert [one["done"] for one in found] == [False, True]
    assert found[1]["done_reason"] == "stop"


def test_refusals_pictures_and_probabilities_are_said() -> None:
    found = lines(
        BEGIN,
        RefusalDelta("no"),
        ImageDelta("AAAA", "image/png"),
        LogprobsDelta({"content": [{"token": "a"}]}),
        LogprobsDelta({"refusal": []}),
        AudioDelta({}),
    )
    assert found[:3] == [
        line("no"),
        line("", images=["AAAA"]),
        {**line(""), "logprobs": [{"token": "a"}]},
    ]
    assert len(found) == 4


def test_another_end_is_told_by_its_name() -> None:
    assert tail("content_filter", Usage())["done_reason"] == "content_filter"


def test_nothing_said_is_answered_as_a_server_would() -> None:
    message = {"role": "assistant", "content": ""}
    head = {"model": "m", "created_at": stamp(0), "done": True}
    assert orjson.loads(idle("m", True, False)) == {
        **head,
        "message": message,
        "done_reason": "load",
    }
    assert orjson.loads(idle("m", False, True)) == {
        **head,
        "response": "",
        "done_reason": "unload",
    }


def test_a_time_that_is_none_is_the_first_of_all() -> None:
    assert lines(Begin())[0]["created_at"] == stamp(10**30) == "1970-01-01T00:00:00Z"


def test_only_the_first_choice_is_told() -> None:
    found = lines(TextDelta("a"), TextDelta("b", 1), Finish("stop"), Finish("length", choice=1))
    assert [one["message"]["content"] for one in found] == ["a", ""]
    assert found[-1]["done_reason"] == "stop"
