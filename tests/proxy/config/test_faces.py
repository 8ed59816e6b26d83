"""Which of a provider's dialects serves a model."""

from __future__ import annotations

from pipelines.providers.load import load_catalog
from proxy.config.faces import faced


def dialects(name: str, model: str, written: str) -> tuple[set[str], str]:
    provider, bare = faced(load_catalog()[name], model, written)
    return {one.dialect for one in provider.endpoints.values()}, bare


def test_responses_are_spoken_alone_where_the_name_says_so() -> None:
    found, bare = dialects("openai", "responses/gpt-5", "openai/responses/gpt-5")
    assert bare == "gpt-5"
    assert "openai-responses" in found
    assert not found & {"openai-chat", "openai-completions"}
    assert "openai-embeddings" in found


def test_completions_are_spoken_alone_under_litellms_name() -> None:
    found, bare = dialects("openai", "davinci-002", "text-completion-openai/davinci-002")
    assert bare == "davinci-002"
    assert "openai-completions" in found
    assert not found & {"openai-chat", "openai-responses"}


def test_a_name_that_says_nothing_is_left_alone() -> None:
    provider = load_catalog()["groq"]
    assert faced(provider, "responses/x", "groq/responses/x") == (provider, "responses/x")
    assert faced(provider, "llama", "groq/llama") == (provider, "llama")
