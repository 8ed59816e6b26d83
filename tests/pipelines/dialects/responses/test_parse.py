"""A Responses body becomes a prompt, or is refused by the name of a field."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.dialects.responses.envelope import wrap
from pipelines.dialects.responses.parse import parse
from pipelines.errors import BadCall
from pipelines.prompt import (
    File,
    Image,
    Message,
    Prompt,
    Reasoning,
    Refusal,
    ReplyFormat,
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)


def parsed(**fields: Any) -> Prompt:
    """The prompt of a body with these fields."""
    return parse({"model": "m", "input": "hi", **fields})


def test_a_string_is_what_the_user_says_and_instructions_come_first() -> None:
    assert parsed(instructions="be kind").messages == [
        Message("system", [Text("be kind")]),
        Message("user", [Text("hi")]),
    ]


def test_what_one_assistant_turn_said_is_one_message() -> None:
    items = [
        {"role": "user", "content": "go"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "E"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "ok"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
        {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {
            "type": "function_call_output",
            "call_id": "c2",
            "output": [{"type": "input_text", "text": "2"}],
        },
    ]
    assert parsed(input=items).messages == [
        Message("user", [Text("go")]),
        Message(
            "assistant",
            [
                Thought(data="E", id="rs_1", family="openai"),
                Text("ok"),
                ToolCall("c1", "f", '{"a":1}'),
                ToolCall("c2", "g", "{}"),
            ],
        ),
        Message("tool", [ToolResult("c1", [Text("1")]), ToolResult("c2", [Text("2")])]),
    ]


def test_parts_of_every_kind_are_understood() -> None:
    content = [
        {"type": "input_text", "text": "a"},
        {"type": "input_image", "image_url": "data:image/png;base64,QQ==", "detail": "low"},
        {"type": "input_image", "file_id": "f1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,QQ"},
        {"type": "input_file", "file_url": "https://x/y.pdf"},
        {"type": "refusal", "refusal": "no"},
    ]
    assert parsed(input=[{"role": "user", "content": content}]).messages[0].parts == [
        Text("a"),
        Image(data="QQ==", mime="image/png", detail="low"),
        Image(file_id="f1"),
        File(data="QQ", mime="application/pdf", name="a.pdf"),
        File(url="https://x/y.pdf"),
        Refusal("no"),
    ]


def test_tools_are_flat_and_those_of_openai_s_servers_are_set_aside() -> None:
    got = parsed(
        tools=[
            {"type": "function", "name": "f", "parameters": {}, "strict": False},
            {"type": "custom", "name": "c"},
            {"type": "web_search"},
            {"type": "namespace", "name": "n", "tools": []},
        ],
        tool_choice={"type": "function", "name": "f"},
        parallel_tool_calls=False,
    )
    assert got.tools == [Tool("f", parameters={}, strict=False), Tool("c", kind="custom")]
    assert got.tool_choice == ToolChoice("tool", "f")
    assert got.parallel_tool_calls is False
    assert sorted(got.rest) == ["tools.namespace", "tools.web_search"]


def test_the_settings_find_their_place() -> None:
    got = parsed(
        max_output_tokens=20,
        temperature=0.5,
        top_logprobs=2,
        reasoning={"effort": "low", "summary": "auto"},
        text={
            "verbosity": "low",
            "format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True},
        },
        include=["reasoning.encrypted_content"],
        store=False,
        truncation="disabled",
        prompt_cache_key="k",
    )
    assert (got.sampling.max_tokens, got.sampling.temperature) == (20, 0.5)
    assert (got.sampling.logprobs, got.sampling.top_logprobs) == (True, 2)
    assert got.reasoning == Reasoning(effort="low", show=True)
    assert got.format == ReplyFormat("schema", schema={}, name="n", strict=True)
    assert (got.verbosity, got.rest) == ("low", {"prompt_cache_key": "k"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("previous_response_id", "resp_1"),
        ("conversation", "conv_1"),
        ("background", True),
        ("prompt", {"id": "p"}),
        ("input", 7),
        ("tools", ["x"]),
        ("tool_choice", {"type": "web_search"}),
        ("temperature", "hot"),
        ("text", "x"),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(BadCall) as caught:
        parsed(**{field: value})
    assert caught.value.param == field


@pytest.mark.parametrize("item", [{"type": "item_reference", "id": "x"}, {"type": "new_thing"}])
def test_an_item_that_is_not_known_is_refused_by_its_place(item: dict[str, Any]) -> None:
    with pytest.raises(BadCall) as caught:
        parsed(input=[item])
    assert caught.value.param == "input[0]"


def test_a_signature_of_another_family_comes_back_byte_for_byte() -> None:
    held = wrap("anthropic", "sig==", "")
    item = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": held,
    }
    assert parsed(input=[item]).messages[0].parts == [
        Thought(text="hm", signature="sig==", family="anthropic")
    ]
