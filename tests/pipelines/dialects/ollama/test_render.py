"""A call of any dialect is said in Ollama's words, and what Ollama lacks is told."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.deployment import Deployment
from pipelines.dialects.losses import Losses
from pipelines.dialects.ollama.parse import parse_chat
from pipelines.dialects.ollama.render import as_object, render_chat, render_generate
from pipelines.dialects.openai_chat.parse import parse as parse_openai
from pipelines.errors import Unsupported
from pipelines.prompt import File, Message, Opaque, Prompt, Reasoning, Text, ToolResult
from tests.builders import a_deployment

PNG = "iVBORw0KGgoAAAANSUhEUg=="
HELLO: dict[str, Any] = {"role": "user", "content": "hello"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "",
        "parameters": {"type": "object", "properties": {}},
    },
}


def a_place(**more: Any) -> Deployment:
    return a_deployment(model="llama3", **more)


def said(
    *messages: dict[str, Any], losses: Losses | None = None, place: Any = None, **fields: Any
) -> dict[str, Any]:
    prompt = parse_openai({"model": "m", "messages": list(messages) or [HELLO], **fields})
    return render_chat(prompt, place or a_place(), losses or Losses("Ollama"))


def test_a_call_of_openais_is_said_in_ollamas_words() -> None:
    body = said(
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                {"type": "text", "text": "is this?"},
            ],
        },
        max_completion_tokens=5,
        temperature=0.5,
        stop="a",
        seed=7,
        logprobs=True,
        top_logprobs=2,
        stream=True,
        reasoning_effort="low",
        response_format={"type": "json_schema", "json_schema": {"schema": {"type": "object"}}},
        tools=[WEATHER],
        tool_choice="auto",
        num_ctx=8192,
        keep_alive="8m",
        losses=Losses("Ollama", strict=True),
    )
    assert body == {
        "model": "llama3",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What\nis this?", "images": [PNG]},
        ],
        "tools": [WEATHER],
        "stream": True,
        "format": {"type": "object"},
        "think": "low",
        "options": {
            "num_predict": 5,
            "temperature": 0.5,
            "stop": ["a"],
            "seed": 7,
            "num_ctx": 8192,
        },
        "logprobs": True,
        "top_logprobs": 2,
        "keep_alive": "8m",
    }


def test_calls_have_objects_and_results_have_names() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    body = said(
        HELLO,
        {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "fine"},
    )
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [
                {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}}
            ],
        },
        {"role": "tool", "content": "fine", "tool_name": "f", "tool_call_id": "c1"},
    ]


def test_it_is_told_not_to_stream() -> None:
    assert said()["stream"] is False


def test_a_choice_of_no_tool_leaves_the_tools_out() -> None:
    assert "tools" not in said(tools=[WEATHER], tool_choice="none")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tools": [WEATHER], "tool_choice": "required"}, "tool_choice"),
        ({"n": 2}, "several choices"),
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"verbosity": "low"}, "verbosity"),
        ({"tools": [WEATHER], "parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "the tool 'custom'"),
    ],
)
def test_what_ollama_lacks_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(Unsupported, match=f"Ollama does not support .*{words}"):
        said(**fields)


def test_a_picture_by_its_address_is_refused() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}
    with pytest.raises(Unsupported, match="images by address"):
        said({"role": "user", "content": [picture]})


def test_what_has_no_weight_is_told_as_lost() -> None:
    losses = Losses("Ollama")
    said({**HELLO, "name": "Ann"}, user="u", store=True, losses=losses)
    assert losses.told == ["dropped:name", "dropped:user", "dropped:store"]


@pytest.mark.parametrize(
    ("wish", "think", "told"),
    [
        (Reasoning(effort="none"), False, []),
        (Reasoning(effort="xhigh"), "max", ["clamped:reasoning_effort"]),
        (Reasoning(adaptive=True, show=True), None, []),
        (Reasoning(budget=4096), None, ["emulated:thinking budget"]),
    ],
)
def test_thinking_is_asked_for_only_by_its_level(
    wish: Reasoning, think: Any, told: list[str]
) -> None:
    losses = Losses("Ollama")
    prompt = Prompt("m", [Message("user", [Text("x")])], "openai", reasoning=wish)
    assert render_chat(prompt, a_place(), losses).get("think") == think
    assert losses.told == told


def test_the_operators_defaults_go_where_ollama_reads_them() -> None:
    place = a_place(defaults={"num_ctx": 4096, "keep_alive": "1h", "temperature": 0.9})
    body = said(temperature=0.1, place=place)
    assert body["options"] == {"temperature": 0.1, "num_ctx": 4096}
    assert body["keep_alive"] == "1h"


def test_a_picture_in_a_result_follows_as_a_users_message() -> None:
    losses = Losses("Ollama")
    seen = parse_openai({"model": "m", "messages": [HELLO]})
    picture = parse_chat({"model": "m", "messages": [{**HELLO, "images": [PNG]}]}, False)
    part = picture.messages[0].parts[1]
    seen.messages.append(Message("tool", [ToolResult("c", [part], "f", error=True)]))  # type: ignore[list-item]
    assert render_chat(seen, a_place(), losses)["messages"][1:] == [
        {
            "role": "tool",
            "content": "Error: The result is in the next message.",
            "tool_name": "f",
            "tool_call_id": "c",
        },
        {"role": "user", "content": "", "images": [PNG]},
    ]
    assert losses.told == ["emulated:images in tool results", "emulated:is_error"]


def test_a_files_words_are_said_and_other_files_refused() -> None:
    def body(file: File) -> Any:
        prompt = Prompt("m", [Message("user", [file, Opaque("odd", "x")])], "x")
        return render_chat(prompt, a_place(), Losses("Ollama"))["messages"][0]["content"]

    assert body(File(text="words")) == "words"
    with pytest.raises(Unsupported, match="file parts"):
        body(File(data="AAAA", mime="application/pdf"))


def test_what_came_from_ollama_goes_back_as_it_was() -> None:
    body = {
        "model": "llama3",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "u", "images": [PNG]},
            {
                "role": "assistant",
                "content": "",
                "thinking": "t",
                "tool_calls": [{"id": "a", "function": {"index": 0, "name": "f", "arguments": {}}}],
            },
            {"role": "tool", "content": "r", "tool_name": "f", "tool_call_id": "a"},
        ],
        "stream": True,
        "format": "json",
        "options": {"temperature": 0.5, "num_ctx": 9},
        "keep_alive": 0,
        "truncate": False,
    }
    assert render_chat(parse_chat(body, True), a_place(), Losses("Ollama", strict=True)) == body


def test_a_single_message_can_be_generated_from() -> None:
    prompt = parse_chat(
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "s"},
                {**HELLO, "images": [PNG]},
            ],
        },
        False,
    )
    assert render_generate(prompt, a_place(), Losses("Ollama")) == {
        "model": "llama3",
        "prompt": "hello",
        "system": "s",
        "images": [PNG],
        "stream": False,
    }


def test_a_conversation_or_tools_cannot_be_generated_from() -> None:
    def generated(**fields: Any) -> None:
        prompt = parse_openai({"model": "m", "messages": [HELLO], **fields})
        render_generate(prompt, a_place(), Losses("Ollama"))

    with pytest.raises(Unsupported, match="conversations"):
        generated(messages=[HELLO, {"role": "assistant", "content": "hi"}])
    with pytest.raises(Unsupported, match="tools"):
        generated(tools=[WEATHER])


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("", {}),
        ('{"a":1}', {"a": 1}),
        ('{"a":', {"arguments": '{"a":'}),
        ("[1]", {"arguments": [1]}),
    ],
)
def test_arguments_become_an_object(words: str, value: Any) -> None:
    assert as_object(words) == value
