"""A prompt becomes a chat body for a provider; what chat cannot say is told."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_chat.parse import parse
from pipelines.dialects.openai_chat.render import render
from pipelines.errors import Unsupported
from pipelines.prompt import (
    File,
    Image,
    Message,
    Prompt,
    Reasoning,
    Text,
    Thought,
    Tool,
    ToolResult,
)
from pipelines.provider import Quirks
from tests.builders import a_deployment, a_provider

BODY: dict[str, Any] = {
    "model": "gpt",
    "messages": [
        {"role": "system", "content": "be kind"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}},
                {"type": "file", "file": {"file_id": "f1"}},
            ],
        },
        {
            "role": "assistant",
            "content": "ok",
            "reasoning_content": "hm",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"a":1}'},
                    "extra_content": {"google": {"thought_signature": "s"}},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ],
    "max_completion_tokens": 5,
    "temperature": 0.5,
    "stop": ["x"],
    "seed": 7,
    "tools": [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}},
        {"type": "custom", "custom": {"name": "sh", "description": "", "format": {}}},
        {"type": "web_search"},
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": False,
    "reasoning_effort": "low",
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
    },
    "user": "u",
    "prompt_cache_key": "k",
}


def rendered(prompt: Prompt, losses: Losses | None = None, **quirks: Any) -> dict[str, Any]:
    """The body for a provider with these quirks."""
    provider = a_provider(quirks=Quirks(**quirks))
    return render(prompt, a_deployment(provider=provider, model="gpt"), losses or Losses("Acme"))


def a_prompt(*messages: Message, **fields: Any) -> Prompt:
    """A prompt of another family."""
    return Prompt("m", list(messages), "anthropic", **fields)


def test_a_body_of_the_family_comes_back_as_it_was() -> None:
    losses = Losses("Acme", strict=True)
    assert rendered(parse(BODY), losses, returns_reasoning=True) == BODY
    assert losses.told == []


def test_a_stream_asks_for_its_usage_where_the_provider_knows_how() -> None:
    prompt = a_prompt(Message("user", [Text("x")]), stream=True)
    assert rendered(prompt)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in rendered(prompt, asks_usage=False)


def test_the_providers_own_names_are_used() -> None:
    body = parse({**BODY, "messages": [{"role": "developer", "content": "x"}]})
    got = rendered(
        body, rename={"max_completion_tokens": "max_tokens"}, roles={"developer": "system"}
    )
    assert got["max_tokens"] == 5
    assert got["messages"][0]["role"] == "system"


def test_pictures_in_a_tools_answer_follow_as_a_users_message_and_are_told() -> None:
    losses = Losses("Acme")
    seen = ToolResult("c", [Text("here"), Image(data="QQ==", mime="image/png")])
    assert rendered(a_prompt(Message("tool", [seen])), losses)["messages"] == [
        {"role": "tool", "tool_call_id": "c", "content": "here"},
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}}],
        },
    ]
    assert losses.told == ["emulated:images in tool results"]


def test_a_failed_tool_says_so_in_words() -> None:
    failed = ToolResult("c", [Text("boom")], error=True)
    assert rendered(a_prompt(Message("tool", [failed])))["messages"][0]["content"] == "Error: boom"


def test_several_results_of_one_turn_are_messages_of_their_own() -> None:
    both = Message("tool", [ToolResult("a", [Text("1")]), ToolResult("b", [Text("2")])])
    assert [one["tool_call_id"] for one in rendered(a_prompt(both))["messages"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("budget", "effort"), [(1024, "low"), (4096, "medium"), (9000, "high"), (None, None)]
)
def test_a_budget_of_thought_is_an_effort(budget: int | None, effort: str | None) -> None:
    prompt = a_prompt(Message("user", [Text("x")]), reasoning=Reasoning(budget=budget))
    assert rendered(prompt).get("reasoning_effort") == effort


def test_what_another_family_says_beside_is_dropped_and_told() -> None:
    losses = Losses("Acme")
    prompt = a_prompt(Message("user", [Text("x")]), rest={"container": 1})
    assert "container" not in rendered(prompt, losses)
    assert losses.told == ["dropped:container"]


def test_a_tool_that_only_another_family_has_is_unsupported() -> None:
    prompt = a_prompt(Message("user", [Text("x")]), tools=[Tool("b", kind="bash_20250124")])
    with pytest.raises(Unsupported, match="bash_20250124"):
        rendered(prompt)


def test_a_document_by_address_is_unsupported_and_its_text_is_text() -> None:
    with pytest.raises(Unsupported, match="files by address"):
        rendered(a_prompt(Message("user", [Text("x"), File(url="https://x/a.pdf")])))
    got = rendered(a_prompt(Message("user", [File(text="words"), Text("x")])))
    assert got["messages"][0]["content"][0] == {"type": "text", "text": "words"}


def test_a_thought_without_words_is_left_out() -> None:
    turn = Message("assistant", [Thought(data="secret", family="anthropic"), Text("x")])
    assert rendered(a_prompt(turn))["messages"] == [{"role": "assistant", "content": "x"}]
