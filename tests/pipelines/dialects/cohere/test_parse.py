"""Cohere's chat body is understood."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.deployment import Deployment
from pipelines.dialects.cohere.parse import parse
from pipelines.dialects.cohere.render import render
from pipelines.dialects.losses import Losses
from pipelines.errors import BadCall
from pipelines.prompt import Image, Message, Reasoning, Text, Thought, ToolCall, ToolResult
from tests.builders import a_deployment

TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}},
}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
BODY: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "be brief"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}},
            ],
        },
        {"role": "assistant", "tool_plan": "I ask", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": "sun"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}]},
    ],
    "stream": True,
    "tools": [TOOL],
    "tool_choice": "REQUIRED",
    "max_tokens": 5,
    "p": 0.5,
    "k": 3,
    "stop_sequences": ["x"],
    "thinking": {"type": "enabled", "token_budget": 100},
    "response_format": {"type": "json_object", "json_schema": {"type": "object"}},
    "documents": ["d"],
}


def cohere() -> Deployment:
    return a_deployment(model="m")


def test_every_field_is_understood() -> None:
    prompt = parse(BODY)
    assert prompt.messages == [
        Message("system", [Text("be brief")]),
        Message("user", [Text("look"), Image(data="QQ==", mime="image/png")]),
        Message("assistant", [Thought("I ask"), ToolCall("c", "f", "{}")]),
        Message("tool", [ToolResult("c", [Text("sun")])]),
        Message("assistant", [Thought("hm")]),
    ]
    assert prompt.tool_choice is not None
    assert prompt.tool_choice.mode == "required"
    assert (prompt.sampling.max_tokens, prompt.sampling.top_p, prompt.sampling.top_k) == (5, 0.5, 3)
    assert prompt.sampling.stop == ["x"]
    assert prompt.reasoning == Reasoning(budget=100, show=True)
    assert prompt.format is not None
    assert prompt.format.schema == {"type": "object"}
    assert prompt.rest == {"documents": ["d"]}


def test_what_was_understood_is_written_again() -> None:
    losses = Losses("Cohere")
    assert render(parse(BODY), cohere(), losses) == BODY
    assert losses.told == []


def test_results_of_one_turn_are_one_message() -> None:
    results = [{"role": "tool", "tool_call_id": one, "content": one} for one in "ab"]
    found = parse({"model": "m", "messages": results}).messages
    assert [len(one.parts) for one in found] == [2]


def test_a_document_in_a_result_is_text() -> None:
    part = {"type": "document", "document": {"id": "1", "data": {"temp": 20}}}
    result = {"role": "tool", "tool_call_id": "c", "content": [part]}
    found = parse({"model": "m", "messages": [result]}).messages[0].parts[0]
    assert found == ToolResult("c", [Text('{"temp":20}')])


def test_thinking_may_be_off() -> None:
    body = {"model": "m", "messages": [], "thinking": {"type": "disabled"}}
    assert parse(body).reasoning == Reasoning(effort="none")


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": "hi"},
        {"messages": [{"role": "robot"}]},
        {"messages": [{"role": "user", "content": 3}]},
        {"messages": [{"role": "user", "content": ["hi"]}]},
        {"messages": [{"role": "user", "content": [{"type": "smell"}]}]},
        {"messages": [{"role": "assistant", "tool_calls": ["f"]}]},
        {"tools": {}},
        {"tools": ["f"]},
        {"tool_choice": "auto"},
        {"response_format": {"type": "xml"}},
        {"temperature": "hot"},
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadCall, match="The field"):
        parse({"model": "m", "messages": [], **wrong})
