"""The turns are in the order and the shape that Anthropic takes."""

from __future__ import annotations

from pipelines.dialects.anthropic.parse import parse
from pipelines.dialects.anthropic.render import render
from tests.builders import a_deployment
from tests.pipelines.dialects.anthropic.given import (
    RICH,
    losses,
    sent,
)


def test_nothing_is_lost_within_the_family() -> None:
    told = losses()
    assert render(parse(RICH), a_deployment(model=RICH["model"]), told) == RICH
    assert told.told == []


def test_what_a_chat_client_said_is_said_to_anthropic() -> None:
    result = {"role": "tool", "tool_call_id": "c:1", "content": "5"}
    calls = [{"id": "c:1", "function": {"name": "add", "arguments": ""}}]
    got = sent(
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "a"},
            {"role": "user", "content": " "},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": calls,
            },
            result,
            {"role": "user", "content": "b"},
        ],
        stop=["X", " "],
        parallel_tool_calls=False,
        tools=[{"type": "function", "function": {"name": "add"}}],
        user="someone",
    )
    assert got == {
        "model": "claude-sonnet-4-5",
        "system": "Be brief.",
        "max_tokens": 64000,
        "messages": [
            {"role": "user", "content": "a"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c_1", "name": "add", "input": {}}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c_1", "content": "5"},
                    {"type": "text", "text": "b"},
                ],
            },
        ],
        "tools": [{"name": "add", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "stop_sequences": ["X"],
        "metadata": {"user_id": "someone"},
    }
