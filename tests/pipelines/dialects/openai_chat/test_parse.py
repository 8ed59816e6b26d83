"""A chat body becomes a prompt, and nothing of it gets lost."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.dialects.openai_chat.parse import parse, split_data_url
from pipelines.errors import BadCall
from pipelines.prompt import (
    Audio,
    CacheMark,
    File,
    Image,
    Message,
    Part,
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
    return parse({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields})


def turn(**message: Any) -> Message:
    """The one message of a body."""
    return parsed(messages=[message]).messages[0]


def part(**content: Any) -> Part:
    """The one part of a user's message."""
    return turn(role="user", content=[content]).parts[0]


def test_plain_words_are_one_text() -> None:
    assert parsed().messages == [Message("user", [Text("hi")])]


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
def test_every_role_is_kept_in_its_place(role: str) -> None:
    assert turn(role=role, content="x", name="n") == Message(role, [Text("x")], "n")  # type: ignore[arg-type]


def test_parts_of_every_kind_are_understood() -> None:
    assert part(type="text", text="x", cache_control={"type": "ephemeral", "ttl": "1h"}) == Text(
        "x", CacheMark("1h")
    )
    url = {"url": "https://x/y.png", "detail": "low"}
    assert part(type="image_url", image_url=url) == Image(url="https://x/y.png", detail="low")
    assert part(type="image_url", image_url={"url": "data:image/png;base64,QUJD"}) == Image(
        data="QUJD", mime="image/png"
    )
    assert part(type="image_url", image_url="https://x") == Image(url="https://x")
    assert part(type="input_audio", input_audio={"data": "QQ==", "format": "mp3"}) == Audio(
        "QQ==", "mp3"
    )
    file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QQ=="}
    assert part(type="file", file=file) == File(data="QQ==", mime="application/pdf", name="a.pdf")
    assert part(type="file", file={"file_id": "f1"}) == File(file_id="f1")
    assert part(type="refusal", refusal="no") == Refusal("no")


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(BadCall, match=r"messages\[0\].content\[0\].*hologram"):
        part(type="hologram")


@pytest.mark.parametrize(
    "messages",
    ["hi", [{"content": "x"}], [{"role": "alien"}], [7], [{"role": "user", "content": 7}]],
)
def test_messages_of_a_wrong_shape_are_refused(messages: object) -> None:
    with pytest.raises(BadCall):
        parsed(messages=messages)


def test_an_assistants_turn_has_thoughts_words_and_calls_in_order() -> None:
    blocks = [{"type": "thinking", "thinking": "hm", "signature": "s"}]
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    message = turn(role="assistant", content="ok", thinking_blocks=blocks, tool_calls=[call])
    assert message.parts == [
        Thought("hm", signature="s", family="anthropic"),
        Text("ok"),
        ToolCall("c1", "f", '{"a":1}'),
    ]


def test_reasoning_text_is_a_thought_without_signature() -> None:
    assert turn(role="assistant", content="x", reasoning_content="hm").parts[0] == Thought("hm")
    assert turn(role="assistant", content="x", reasoning="hm").parts[0] == Thought("hm")


def test_a_calls_signature_and_object_arguments_are_understood() -> None:
    call = {
        "id": "c",
        "function": {"name": "f", "arguments": {"a": 1}},
        "extra_content": {"google": {"thought_signature": "sig"}},
    }
    message = turn(role="assistant", content=None, tool_calls=[call])
    assert message.parts == [ToolCall("c", "f", '{"a":1}', signature="sig")]


def test_custom_calls_and_old_function_calls_are_calls() -> None:
    custom = {"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}
    assert turn(role="assistant", tool_calls=[custom]).parts == [
        ToolCall("c", "sh", "ls", custom=True)
    ]
    old = {"name": "f", "arguments": "{}"}
    assert turn(role="assistant", content=None, function_call=old).parts == [
        ToolCall("f", "f", "{}")
    ]


def test_a_tools_answer_is_a_result() -> None:
    assert turn(role="tool", tool_call_id="c", content="42") == Message(
        "tool", [ToolResult("c", [Text("42")])]
    )


def test_what_a_message_says_beside_is_kept() -> None:
    assert turn(role="user", content="x", weight=1).rest == {"weight": 1}
    assert parsed(prompt_cache_key="k", stream_options={}).rest == {"prompt_cache_key": "k"}


def test_tools_of_every_kind_are_understood() -> None:
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
    custom = {"name": "sh", "description": "d", "format": {"type": "text"}}
    prompt = parsed(
        tools=[
            {"type": "function", "function": function},
            {"type": "custom", "custom": custom},
            {"type": "web_search", "depth": 2},
        ],
        functions=[{"name": "g"}],
    )
    assert prompt.tools == [
        Tool("f", "d", {"type": "object"}, True),
        Tool("sh", "d", kind="custom", rest={"format": {"type": "text"}}),
        Tool("", kind="web_search", rest={"type": "web_search", "depth": 2}),
        Tool("g"),
    ]


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ("any", ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("tool", "f")),
        (None, None),
    ],
)
def test_the_choice_of_a_tool_is_understood(said: object, choice: ToolChoice | None) -> None:
    assert parsed(tool_choice=said).tool_choice == choice


def test_a_choice_that_is_none_is_refused() -> None:
    with pytest.raises(BadCall, match="tool_choice"):
        parsed(tool_choice={"type": "dance"})


def test_knobs_are_understood_and_the_newer_name_wins() -> None:
    said = parsed(max_tokens=1, max_completion_tokens=2, temperature=0, stop="x", top_k=3).sampling
    assert (said.max_tokens, said.temperature, said.stop, said.top_k) == (2, 0, ["x"], 3)


@pytest.mark.parametrize("value", ["5", True, [], {}])
def test_a_knob_that_is_no_number_is_named(value: object) -> None:
    with pytest.raises(BadCall, match="max_tokens"):
        parsed(max_tokens=value)


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({"reasoning_effort": "low"}, Reasoning("low")),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, Reasoning(None, 9, show=True)),
        ({"thinking": {"type": "adaptive"}}, Reasoning(adaptive=True, show=True)),
        ({"thinking": {"type": "disabled"}}, Reasoning("none")),
        ({}, None),
    ],
)
def test_the_wish_to_think_is_understood(
    fields: dict[str, Any], reasoning: Reasoning | None
) -> None:
    assert parsed(**fields).reasoning == reasoning


@pytest.mark.parametrize(
    ("said", "form"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, ReplyFormat("json")),
        ('{"type":"json_object"}', ReplyFormat("json")),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"a": 1}}},
            ReplyFormat("schema", {"a": 1}, "n"),
        ),
    ],
)
def test_the_form_of_the_answer_is_understood(said: object, form: ReplyFormat | None) -> None:
    assert parsed(response_format=said).format == form


@pytest.mark.parametrize("said", ["{", {"type": "poem"}, {"type": "json_schema"}])
def test_a_form_that_is_none_is_refused(said: object) -> None:
    with pytest.raises(BadCall, match="response_format"):
        parsed(response_format=said)


def test_a_data_url_is_split() -> None:
    assert split_data_url("data:image/png;base64,AA") == ("image/png", "AA")
    assert split_data_url("data:,x") == ("text/plain", "x")
    assert split_data_url("https://x") == ("", "")
