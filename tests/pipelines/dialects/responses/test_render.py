"""A prompt becomes a Responses body for a provider; what it cannot say is told."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_chat.parse import parse as parse_chat
from pipelines.dialects.responses.parse import parse
from pipelines.dialects.responses.render import render
from pipelines.errors import Unsupported
from pipelines.prompt import Prompt
from tests.builders import a_deployment

CHAT: dict[str, Any] = {
    "model": "public",
    "messages": [
        {"role": "system", "content": "be kind"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
            ],
        },
        {
            "role": "assistant",
            "content": "ok",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ],
    "max_tokens": 20,
    "reasoning_effort": "low",
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
    "stream": True,
}
RESPONSES: dict[str, Any] = {
    "model": "gpt-5",
    "input": [
        {
            "type": "message",
            "role": "system",
            "content": [{"type": "input_text", "text": "be kind"}],
        },
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "detail": "auto", "image_url": "https://x/y.png"},
            ],
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "ok", "annotations": []}],
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "42"},
    ],
    "store": False,
    "max_output_tokens": 20,
    "stream": True,
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}],
    "tool_choice": {"type": "function", "name": "f"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}},
    "include": ["reasoning.encrypted_content"],
}


def rendered(prompt: Prompt, **options: Any) -> tuple[dict[str, Any], list[str]]:
    """The body for a provider, and the losses that were told."""
    losses = Losses("Acme", **options)
    return render(prompt, a_deployment(model="gpt-5"), losses), losses.told


def test_a_chat_call_becomes_this_body() -> None:
    assert rendered(parse_chat(CHAT)) == (RESPONSES, [])


def test_a_round_trip_keeps_everything() -> None:
    body = {
        **RESPONSES,
        "input": [
            *RESPONSES["input"],
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "hm"}],
                "encrypted_content": "E",
            },
            {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": "y"},
        ],
        "tools": [
            *RESPONSES["tools"],
            {
                "type": "custom",
                "name": "g",
                "format": {"type": "grammar", "syntax": "lark", "definition": "d"},
            },
            {"type": "web_search"},
        ],
        "prompt_cache_key": "k",
        "temperature": 0.5,
    }
    prompt = parse(body)
    assert rendered(prompt) == (body, [])
    assert parse(rendered(prompt)[0]) == prompt


def test_a_thought_of_another_family_or_without_its_follower_is_dropped_and_told() -> None:
    block = {"type": "thinking", "thinking": "hm", "signature": "s"}
    message = {"role": "assistant", "content": "a", "thinking_blocks": [block]}
    body, told = rendered(parse_chat({"model": "m", "messages": [message]}))
    assert [one["type"] for one in body["input"]] == ["message"]
    assert told == ["dropped:reasoning"]
    alone = [{"type": "reasoning", "summary": [], "encrypted_content": "E"}]
    assert rendered(parse({"model": "m", "input": alone})) == (
        rendered(parse({"model": "m", "input": []}))[0],
        ["dropped:reasoning"],
    )


def test_knobs_that_it_lacks_are_dropped_only_where_allowed() -> None:
    prompt = parse_chat({**CHAT, "seed": 7, "stop": ["x"], "max_tokens": 5})
    with pytest.raises(Unsupported, match="seed"):
        rendered(prompt)
    body, told = rendered(prompt, drop_params=True)
    assert told == ["dropped:seed", "dropped:stop", "clamped:max_tokens"]
    assert body["max_output_tokens"] == 16


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_audio", "input_audio": {"data": "Q", "format": "wav"}}
                    ],
                }
            ]
        },
    ],
)
def test_features_that_it_lacks_are_errors(fields: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        rendered(parse_chat({**CHAT, **fields}))


def test_a_compacted_part_stays_in_the_family() -> None:
    item = {"type": "compaction", "id": "cmp_1", "encrypted_content": "E"}
    body, told = rendered(parse({"model": "m", "input": [item]}))
    assert (body["input"], told) == ([item], [])
