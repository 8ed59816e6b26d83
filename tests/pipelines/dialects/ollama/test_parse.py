"""An Ollama client's call is understood whole; what no other model can do is refused."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.dialects.ollama.parse import parse_chat, parse_generate
from pipelines.errors import BadCall, Unsupported
from pipelines.prompt import (
    Audio,
    Image,
    Message,
    Prompt,
    Reasoning,
    ReplyFormat,
    Sampling,
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolResult,
)

PNG = "iVBORw0KGgoAAAANSUhEUg=="
HELLO: dict[str, Any] = {"role": "user", "content": "hello"}


def chat(*messages: dict[str, Any], **fields: Any) -> Prompt:
    return parse_chat({"model": "m", "messages": list(messages) or [HELLO], **fields}, True)


def generate(**fields: Any) -> Prompt:
    return parse_generate({"model": "m", "prompt": "hello", **fields}, False)


def test_every_field_of_a_chat_is_understood_or_rides_along() -> None:
    prompt = chat(
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is this?", "images": [PNG]},
        format={"type": "object"},
        think="high",
        keep_alive="5m",
        logprobs=True,
        top_logprobs=3,
        options={
            "num_predict": 5, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.1,
            "seed": 7, "stop": ["a"], "presence_penalty": 1, "frequency_penalty": 2,
            "num_ctx": 8192, "mirostat": None,
        },
    )  # fmt: skip
    assert prompt.messages == [
        Message("system", [Text("Be brief.")]),
        Message("user", [Text("What is this?"), Image(data=PNG, mime="image/png")]),
    ]
    assert (prompt.model, prompt.family, prompt.stream) == ("m", "ollama", True)
    assert prompt.sampling == Sampling(
        max_tokens=5,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        min_p=0.1,
        seed=7,
        stop=["a"],
        presence_penalty=1,
        frequency_penalty=2,
        logprobs=True,
        top_logprobs=3,
    )
    assert prompt.format == ReplyFormat("schema", schema={"type": "object"})
    assert prompt.reasoning == Reasoning(effort="high", show=True)
    assert prompt.rest == {"keep_alive": "5m", "num_ctx": 8192}


def test_calls_without_ids_get_some_and_their_results_find_them() -> None:
    call = {"function": {"name": "f", "arguments": {"x": 1}}}
    prompt = chat(
        HELLO,
        {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [call, call]},
        {"role": "tool", "content": "one", "tool_name": "f"},
        {"role": "tool", "content": "two"},
    )
    assert prompt.messages[1:] == [
        Message(
            "assistant",
            [
                Thought("hm"),
                ToolCall("call_0", "f", '{"x":1}'),
                ToolCall("call_1", "f", '{"x":1}'),
            ],
        ),
        Message("tool", [ToolResult("call_0", [Text("one")], "f")]),
        Message("tool", [ToolResult("call_1", [Text("two")], "f")]),
    ]


def test_results_find_their_calls_by_name_and_by_id() -> None:
    calls = [
        {"id": "a", "function": {"name": "f", "arguments": {}}},
        {"function": {"name": "g"}},
    ]
    prompt = chat(
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "content": "2", "tool_name": "g"},
        {"role": "tool", "content": "1", "tool_call_id": "a"},
    )
    assert prompt.messages[1].parts == [ToolResult("call_1", [Text("2")], "g")]
    assert prompt.messages[2].parts == [ToolResult("a", [Text("1")], "f")]


def test_a_result_without_its_call_is_kept() -> None:
    prompt = chat({"role": "tool", "content": "x", "tool_name": "f"})
    assert prompt.messages[0].parts == [ToolResult("call_f", [Text("x")], "f")]


def test_tools_are_openais() -> None:
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    prompt = chat(tools=[{"type": "function", "function": function}])
    assert prompt.tools == [Tool("f", "d", {"type": "object"})]


@pytest.mark.parametrize(
    ("think", "wish"),
    [
        (None, None),
        (True, Reasoning(adaptive=True, show=True)),
        (False, Reasoning(effort="none")),
        ("low", Reasoning(effort="low", show=True)),
    ],
)
def test_thinking_is_asked_for_or_not(think: Any, wish: Reasoning | None) -> None:
    assert chat(think=think).reasoning == wish


@pytest.mark.parametrize(
    ("given", "form"), [("", None), (None, None), ("json", ReplyFormat("json"))]
)
def test_the_format_may_be_a_word(given: Any, form: ReplyFormat | None) -> None:
    assert chat(format=given).format == form


def test_below_zero_is_without_end() -> None:
    assert chat(options={"num_predict": -1}).sampling.max_tokens is None


def test_the_operators_defaults_in_openais_words_are_understood() -> None:
    prompt = chat(max_tokens=9, temperature=0.1, reasoning_effort="low")
    assert (prompt.sampling.max_tokens, prompt.sampling.temperature) == (9, 0.1)
    assert prompt.reasoning == Reasoning(effort="low")
    assert prompt.rest == {}


def test_sound_comes_among_the_pictures() -> None:
    wave = "UklGRi4uLi5XQVZF"
    assert chat({**HELLO, "images": [wave]}).messages[0].parts[1] == Audio(wave, "wav")


def test_a_data_url_is_cut() -> None:
    given = chat({**HELLO, "images": ["data:image/gif;base64,R0lG"]})
    assert given.messages[0].parts[1] == Image(data="R0lG", mime="image/gif")


def test_a_prompt_to_generate_from_is_a_users_message() -> None:
    prompt = generate(system="Be brief.", images=[PNG], template="", context=[], raw=False)
    assert prompt.messages == [
        Message("system", [Text("Be brief.")]),
        Message("user", [Text("hello"), Image(data=PNG, mime="image/png")]),
    ]
    assert prompt.stream is False
    assert prompt.rest == {}


@pytest.mark.parametrize(
    "fields", [{"suffix": "x"}, {"context": [1]}, {"template": "x"}, {"raw": True}, {"prompt": ""}]
)
def test_what_only_a_model_of_ollamas_can_do_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(Unsupported, match="is no Ollama's own does not support"):
        generate(**fields)


def test_a_call_without_messages_is_refused() -> None:
    with pytest.raises(Unsupported, match="without messages"):
        parse_chat({"model": "m", "messages": []}, True)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"options": 5}, "options"),
        ({"options": {"seed": "x"}}, "options.seed"),
        ({"format": 5}, "format"),
        ({"messages": "x"}, "messages"),
        ({"messages": [5]}, "messages[0]"),
        ({"messages": [{"role": "x"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": [5]}]}, "messages[0]"),
        ({"messages": [{"role": "user", "images": "x"}]}, "messages[0].images"),
        ({"messages": [{"role": "user", "images": [5]}]}, "messages[0].images[0]"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0]"),
        ({"messages": [{"role": "assistant", "tool_calls": 5}]}, "messages[0].tool_calls"),
        ({"tools": [{"type": "x"}]}, "tools[0]"),
        ({"tools": [{"function": {"name": "f", "parameters": 5}}]}, "tools[0]"),
        ({"tools": 5}, "tools"),
        ({"options": {"stop": 5}}, "options.stop"),
    ],
)
def test_a_field_of_the_wrong_shape_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadCall) as found:
        parse_chat({"model": "m", "messages": [HELLO], **fields}, True)
    assert found.value.param == param


def test_a_prompt_of_the_wrong_shape_is_named() -> None:
    with pytest.raises(BadCall, match="strings"):
        generate(prompt=["x"])
