"""Prompts and answers are told as messages with parts, whatever they look like."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.telemetry.messages import input_messages, output_messages

CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at":"sky"}'}}
    ],
}
CALLED = {"type": "tool_call", "id": "c1", "name": "look", "arguments": {"at": "sky"}}


def told(value: object) -> Any:
    return orjson.loads(input_messages(orjson.dumps(value).decode()))


def answered(value: object, ended: bool = True) -> Any:
    return orjson.loads(output_messages(orjson.dumps(value).decode(), ended))


def test_a_conversation_with_tools_is_told_in_parts() -> None:
    assert told(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image_url"}]},
            CALL,
            {"role": "tool", "tool_call_id": "c1", "content": "blue"},
        ]
    ) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "user",
            "parts": [{"type": "text", "content": "Look"}, {"type": "image_url"}],
        },
        {"role": "assistant", "parts": [CALLED]},
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "c1", "response": "blue"}],
        },
    ]


def test_anthropics_blocks_are_told_in_parts() -> None:
    content = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": "sky"}},
        {"type": "tool_result", "tool_use_id": "c1", "content": "blue"},
        "plain",
        {"odd": 1},
    ]
    assert told([{"role": "assistant", "content": content}])[0]["parts"] == [
        {"type": "reasoning", "content": "hm"},
        CALLED,
        {"type": "tool_call_response", "id": "c1", "response": "blue"},
        {"type": "text", "content": "plain"},
        {"odd": 1, "type": "unknown"},
    ]


def test_geminis_parts_are_told_in_parts() -> None:
    contents = [{"role": "model", "parts": [{"text": "Hi"}, {"functionCall": {"name": "look"}}]}]
    assert told(contents) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "Hi"},
                {"functionCall": {"name": "look"}, "type": "unknown"},
            ],
        }
    ]


def test_items_of_the_responses_api_are_told_in_parts() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"at":"sky"}'}
    outcome = {"type": "function_call_output", "call_id": "c1", "output": "blue"}
    assert told([call, outcome]) == [
        {"role": "assistant", "parts": [CALLED]},
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "c1", "response": "blue"}],
        },
    ]


@pytest.mark.parametrize(
    ("prompt", "words"), [("a text", "a text"), ({"model": "m"}, '{"model":"m"}')]
)
def test_what_is_no_conversation_is_one_text(prompt: object, words: str) -> None:
    assert told(prompt) == [{"role": "user", "parts": [{"type": "text", "content": words}]}]


def test_a_prompt_that_was_cut_is_told_as_it_stands() -> None:
    (message,) = orjson.loads(input_messages('[{"role":"us'))
    assert message["parts"] == [{"type": "text", "content": '[{"role":"us'}]


def test_a_whole_body_is_told_by_its_messages() -> None:
    assert told({"messages": [{"role": "user", "content": "Hi"}]})[0]["role"] == "user"


def test_an_answer_says_why_it_ended() -> None:
    text = {"role": "assistant", "content": "Hello"}
    assert answered(text) == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "Hello"}],
            "finish_reason": "stop",
        }
    ]
    assert answered(text, ended=False)[0]["finish_reason"] == "error"
    assert answered(CALL) == [
        {"role": "assistant", "parts": [CALLED], "finish_reason": "tool_call"}
    ]
    assert answered({**text, "finish_reason": "max_tokens"})[0]["finish_reason"] == "length"
    assert answered([text, text])[1]["role"] == "assistant"
    thought = {"content": "Hi", "reasoning_content": "hm", "finish_reason": None}
    assert [part["type"] for part in answered([thought])[0]["parts"]] == ["reasoning", "text"]
