"""A whole answer is the same deltas, collected."""

from __future__ import annotations

import orjson

from pipelines.deltas import (
    CitationDelta,
    Finish,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.anthropic.whole import MessagesWholeWriter


def test_the_document_holds_the_blocks_in_order() -> None:
    writer = MessagesWholeWriter("m", "msg_x", True)
    writer.write(
        [
            ThoughtDelta("hm"),
            ThoughtDelta(signature="s", family="anthropic"),
            TextDelta("a"),
            TextDelta("b"),
            CitationDelta(url="u"),
            ToolBegin(0, "t", "f"),
            ToolArguments(0, '{"x":'),
            ToolArguments(0, "1}"),
            Finish("stop"),
        ]
    )
    got = orjson.loads(writer.close())
    assert (got["id"], got["model"], got["stop_reason"]) == ("msg_x", "m", "tool_use")
    assert got["content"][0] == {"type": "thinking", "thinking": "hm", "signature": "s"}
    assert got["content"][1]["text"] == "ab"
    assert got["content"][1]["citations"][0]["url"] == "u"
    assert got["content"][2] == {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}


def test_a_refusal_is_one() -> None:
    writer = MessagesWholeWriter("m", "msg_x", True)
    writer.write([RefusalDelta("no"), Finish("stop")])
    assert orjson.loads(writer.close())["stop_reason"] == "refusal"


def test_the_words_of_a_custom_tool_become_an_object() -> None:
    writer = MessagesWholeWriter("m", "msg_x", True)
    writer.write([ToolBegin(0, "t", "sql", custom=True), ToolArguments(0, "SELECT 1")])
    assert orjson.loads(writer.close())["content"][0]["input"] == {"input": "SELECT 1"}
