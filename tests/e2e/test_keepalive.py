"""A provider's silence does not end a stream: its client is sent what the SDKs pass over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from anthropic import Anthropic
from openai import OpenAI

from tests.accept.scripted import Asked, Turn, scripted
from tests.e2e.configs import config, entry
from tests.e2e.gateway import KEY, Gateway, running
from tests.e2e.plain import CHAT, ask, chat
from tests.e2e.sdk import HELLO, text

WORDS = "Slowly, slowly, slowly."


def _slowly(_: Asked) -> Turn:
    return Turn(WORDS, pause=0.15)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that takes a twentieth of a second for a long silence, and its slow provider."""
    with scripted(_slowly) as provider:
        models = (
            entry("chat", "openai_like/m", provider.url),
            entry("claude", "anthropic/claude-sonnet-4-5", provider.url),
        )
        given = config(*models, ping_interval=0.05)
        with running(tmp_path_factory.mktemp("gateway"), given) as found:
            yield found


@pytest.mark.parametrize("model", ["chat", "claude"])
def test_the_openai_sdk_passes_over_the_comments(gateway: Gateway, model: str) -> None:
    assert b"\n\n: keep-alive\n\n" in ask(gateway, CHAT, chat(model)).body
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0) as client:
        stream = client.chat.completions.create(model=model, messages=HELLO, stream=True)
        assert text(list(stream)) == WORDS


@pytest.mark.parametrize("model", ["chat", "claude"])
def test_anthropics_sdk_passes_over_the_pings(gateway: Gateway, model: str) -> None:
    body = {"model": model, "max_tokens": 99, "messages": HELLO, "stream": True}
    raw = ask(gateway, "/v1/messages", body).body
    assert raw.count(b"event: ping\n") > 2
    with (
        Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0) as client,
        client.messages.stream(
            model=model, max_tokens=99, messages=[{"role": "user", "content": "Hi"}]
        ) as stream,
    ):
        assert stream.get_final_text() == WORDS


def test_a_responses_client_passes_over_the_comments(gateway: Gateway) -> None:
    with (
        OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0) as client,
        client.responses.stream(model="chat", input="Hi") as stream,
    ):
        assert stream.get_final_response().output_text == WORDS
