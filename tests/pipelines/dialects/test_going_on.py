"""A provider is asked to go on in the way that it documents."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.dialects.going_on import ask_to_go_on, fits, marked_for, prefills
from pipelines.prompt import Message, Prompt, Reasoning, ReplyFormat, Sampling, Text, Tool
from tests.builders import a_deployment, a_provider


def a_prompt(**more: Any) -> Prompt:
    """A prompt with one question."""
    return Prompt("m", [Message("user", [Text("Why?")])], "openai", **more)


def prefilled(dialect: str, model: str, provider: str = "acme", **more: Any) -> bool:
    """Whether such a deployment gets a prefill."""
    deployment = a_deployment(provider=a_provider(name=provider), model=model)
    return prefills(a_prompt(**more), deployment, dialect)


@pytest.mark.parametrize(
    ("dialect", "model", "provider", "wanted"),
    [
        ("anthropic-messages", "claude-sonnet-4-5", "anthropic", True),
        ("anthropic-messages", "claude-opus-4-6", "anthropic", False),
        ("anthropic-messages", "claude-sonnet-5", "anthropic", False),
        ("anthropic-messages", "MiniMax-M2", "minimax", False),
        ("bedrock-converse", "us.anthropic.claude-haiku-4-5-20251001-v1:0", "bedrock", True),
        ("bedrock-converse", "amazon.nova-pro-v1:0", "bedrock", False),
        ("openai-chat", "mistral-large", "mistral", True),
        ("openai-chat", "qwen3", "hosted_vllm", True),
        ("openai-chat", "deepseek-chat", "deepseek", False),
        ("openai-chat", "gpt-4o", "openai", False),
        ("ollama-chat", "llama3.1", "ollama", True),
        ("openai-responses", "gpt-5", "openai", False),
    ],
)
def test_who_goes_on_to_the_letter(dialect: str, model: str, provider: str, wanted: bool) -> None:
    assert prefilled(dialect, model, provider) is wanted
    assert not prefilled(dialect, model, provider, reasoning=Reasoning(effort="high"))


def test_a_prefill_is_the_words_alone() -> None:
    prompt = a_prompt(sampling=Sampling(max_tokens=100))
    ask_to_go_on(prompt, "Because \n", 30, True)
    assert prompt.messages[1:] == [Message("assistant", [Text("Because")])]
    assert prompt.sampling.max_tokens == 70


def test_an_instruction_names_the_last_words() -> None:
    prompt = a_prompt(sampling=Sampling(max_tokens=20))
    ask_to_go_on(prompt, "Because", 30, False)
    part = prompt.messages[2].parts[0]
    assert type(part) is Text
    assert "<<<<<<\nBecause\n>>>>>>" in part.text
    assert prompt.messages[2].role == "user"
    assert prompt.sampling.max_tokens == 1


def test_an_answer_without_words_is_asked_for_anew() -> None:
    prompt = a_prompt(sampling=Sampling(max_tokens=20), reasoning=Reasoning(budget=10))
    ask_to_go_on(prompt, " \n", 9, False)
    assert len(prompt.messages) == 1
    assert prompt.sampling.max_tokens == 20


def test_the_body_says_what_the_provider_wants_to_know() -> None:
    body = {"messages": [{"role": "user"}, {"role": "assistant"}]}
    vllm = a_deployment(provider=a_provider(name="hosted_vllm"))
    mistral = a_deployment(provider=a_provider(name="mistral"))
    assert marked_for(vllm, body) == {
        **body,
        "continue_final_message": True,
        "add_generation_prompt": False,
    }
    assert marked_for(mistral, body)["messages"][1] == {"role": "assistant", "prefix": True}
    assert marked_for(a_deployment(), body) is body


@pytest.mark.parametrize(
    "more",
    [
        {"format": ReplyFormat("json")},
        {"sampling": Sampling(n=2)},
        {"sampling": Sampling(logprobs=True)},
        {"rest": {"audio": {}}},
        {"tools": [Tool("web_search", kind="web_search")]},
    ],
)
def test_what_is_more_than_words_does_not_fit(more: dict[str, Any]) -> None:
    assert fits(a_prompt())
    assert fits(a_prompt(tools=[Tool("look")]))
    assert not fits(a_prompt(**more))


def test_neither_a_clients_own_prefill_nor_another_kind_of_call_fits() -> None:
    prompt = a_prompt()
    prompt.messages.append(Message("assistant", [Text("Be")]))
    assert not fits(prompt)
    assert not fits(Prompt("m", [], "openai"))
    assert not fits({"input": "x"})
