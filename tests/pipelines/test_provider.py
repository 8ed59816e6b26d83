"""A provider knows where each of its operations is served."""

from __future__ import annotations

import pytest

from pipelines.errors import Unsupported
from pipelines.provider import Endpoint, Quirks
from tests.builders import ENDPOINTS, a_provider


def test_a_provider_finds_the_endpoint_where_a_dialect_is_spoken() -> None:
    assert a_provider().endpoint("openai-embeddings", ()) is ENDPOINTS["embeddings"]


def test_a_provider_serves_a_dialect_by_the_first_of_its_kin() -> None:
    kin = ("anthropic-messages", "openai-chat")
    assert a_provider().endpoint("anthropic-messages", kin) is ENDPOINTS["chat"]


def test_a_provider_refuses_a_dialect_that_has_no_kin_there() -> None:
    with pytest.raises(Unsupported) as raised:
        a_provider("acme", endpoints={}).endpoint("speech", ("speech",))
    assert raised.value.message == "Acme does not support speech calls."


def test_models_that_fit_a_pattern_are_served_there_alone() -> None:
    own = Endpoint("/claude", "anthropic-messages", models=("claude-*",))
    provider = a_provider(endpoints={**ENDPOINTS, "messages": own})
    kin = ("anthropic-messages", "openai-chat")
    assert provider.endpoint("openai-chat", kin, "claude-3") is own
    assert provider.endpoint("anthropic-messages", kin, "gpt") is ENDPOINTS["chat"]
    assert provider.speaks("openai-chat", "gpt")
    assert not provider.speaks("openai-chat", "claude-3")
    with pytest.raises(Unsupported):
        provider.endpoint("openai-embeddings", (), "claude-3")


def test_a_provider_without_quirks_is_asked_for_its_usage() -> None:
    assert Quirks() == Quirks(rename={}, roles={}, drop=frozenset(), asks_usage=True)
