"""What Cohere gets for a chat call, and what it cannot be told."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.dialects.cohere.render import render
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_chat.parse import parse
from pipelines.errors import Unsupported
from tests.builders import a_deployment

TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}},
}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
HELLO = [{"role": "user", "content": "hello"}]


def rendered(
    messages: list[dict[str, Any]] | None = None, drop: bool = False, **fields: Any
) -> tuple[dict[str, Any], list[str]]:
    """The body and the losses for a chat call of OpenAI's."""
    losses = Losses("Cohere", drop_params=drop)
    prompt = parse({"model": "gpt", "messages": messages or HELLO, **fields})
    body = render(prompt, a_deployment(model="command-a"), losses)
    return body, losses.told


def test_the_knobs_get_cohere_s_names() -> None:
    body, told = rendered(
        stream=True, max_tokens=5, temperature=0.5, top_p=0.9, top_k=3, seed=2**60, stop="x",
        presence_penalty=0.1, frequency_penalty=0.2, logprobs=True, safety_mode="NONE",
    )  # fmt: skip
    assert body == {
        "model": "command-a", "messages": HELLO, "stream": True, "max_tokens": 5,
        "temperature": 0.5, "p": 0.9, "k": 3, "seed": 2**60, "stop_sequences": ["x"],
        "presence_penalty": 0.1, "frequency_penalty": 0.2, "logprobs": True, "safety_mode": "NONE",
    }  # fmt: skip
    assert told == []


def test_a_turn_with_tools_keeps_its_plan_and_its_results() -> None:
    body, told = rendered(
        [
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": "go"},
            {"role": "assistant", "reasoning_content": "I will call f.", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "a", "content": "42"},
        ],
        tools=[TOOL],
        tool_choice="required",
    )
    assert body["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_plan": "I will call f.", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "a", "content": "42"},
    ]
    assert (body["tools"], body["tool_choice"], told) == ([TOOL], "REQUIRED", [])


def test_thoughts_before_words_become_a_part() -> None:
    body, _ = rendered([{"role": "assistant", "reasoning_content": "hm", "content": "yes"}])
    assert body["messages"][0]["content"] == [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "yes"},
    ]


def test_a_named_tool_is_offered_alone() -> None:
    other = {"type": "function", "function": {"name": "g"}}
    choice = {"type": "function", "function": {"name": "f"}}
    body, told = rendered(tools=[other, TOOL], tool_choice=choice)
    assert body["tools"] == [TOOL]
    assert body["tool_choice"] == "REQUIRED"
    assert told == ["emulated:tool_choice"]
    with pytest.raises(Unsupported):
        rendered(tools=[other], tool_choice=choice)


@pytest.mark.parametrize(("choice", "expected"), [("auto", None), ("none", "NONE")])
def test_choices_are_upper_case_and_auto_is_none(choice: str, expected: str | None) -> None:
    body, _ = rendered(tools=[TOOL], tool_choice=choice)
    assert body.get("tool_choice") == expected


def test_strict_tools_are_asked_for_once() -> None:
    tool = {"type": "function", "function": {"name": "f", "strict": True}}
    body, _ = rendered(tools=[tool])
    assert body["strict_tools"] is True
    assert body["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {}}


def test_a_schema_stands_directly_in_the_format() -> None:
    schema = {"type": "object"}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    body, _ = rendered(response_format=wanted)
    assert body["response_format"] == {"type": "json_object", "json_schema": schema}
    body, _ = rendered(response_format={"type": "json_object"})
    assert body["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"reasoning_effort": "none"}, {"type": "disabled"}),
        ({"reasoning_effort": "high"}, {"type": "enabled"}),
        ({"reasoning_effort": "low"}, {"type": "enabled", "token_budget": 1024}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9}},
            {"type": "enabled", "token_budget": 9},
        ),
    ],
)
def test_reasoning_becomes_a_budget(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert rendered(**fields)[0]["thinking"] == expected


def test_images_pass_by_address_and_by_data() -> None:
    parts = [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lG"}},
    ]
    body, _ = rendered([{"role": "user", "content": parts}])
    assert body["messages"][0]["content"] == parts


def test_what_cohere_lacks_is_told() -> None:
    turned: dict[str, Any] = {"temperature": 1.5, "presence_penalty": -1, "user": "u"}
    body, told = rendered(drop=True, stop=list("abcdef"), **turned)
    assert (body["temperature"], body["presence_penalty"]) == (1.0, 0.0)
    assert body["stop_sequences"] == list("abcde")
    assert told == [
        "clamped:stop", "clamped:temperature", "clamped:presence_penalty", "dropped:user",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["logit_bias", "min_p", "top_logprobs"])
def test_knobs_that_cohere_lacks_need_leave_to_be_dropped(name: str) -> None:
    value: Any = {"1": 1} if name == "logit_bias" else 1
    with pytest.raises(Unsupported, match=name):
        rendered(**{name: value})
    assert rendered(drop=True, **{name: value})[1] == [f"dropped:{name}"]


def test_what_cannot_be_said_is_refused() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
    with pytest.raises(Unsupported, match="audio"):
        rendered([{"role": "user", "content": [sound]}])
    with pytest.raises(Unsupported, match="n > 1"):
        rendered(n=2)
