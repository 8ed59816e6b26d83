"""Where a provider dies in the middle of an answer, another one goes on with it, and the official
SDKs read one whole answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from anthropic import Anthropic

from tests.e2e.configs import config, entry
from tests.e2e.gateway import KEY, Gateway, running
from tests.e2e.plain import ask, chat
from tests.e2e.provider import Provider

WORDS = "t0 t1 t2 t3 t4 "
IDLE = 0.5


@pytest.fixture(scope="module")
def gateway(provider: Provider, folder: Path) -> Iterator[Gateway]:
    """A gateway whose models begin with a provider that dies after two words."""
    models = []
    for name, mode in (("cut", "cut_chunk"), ("stalled", "stall"), ("alone", "cut_chunk")):
        url, more = provider.url, {"mid_stream_fallback": "continue"}
        models.append(entry(name, f"openai_like/{mode}@{name}", url, order=1, **more))
        if name != "alone":
            models.append(entry(name, f"openai_like/goes_on@{name}", url, order=2))
    models.append(entry("plain", "openai_like/cut_chunk@plain", provider.url))
    router = {"num_retries": 0}
    with running(folder, config(*models, router_settings=router, idle_timeout=IDLE)) as found:
        yield found


@pytest.mark.parametrize("model", ["cut", "stalled"])
def test_openais_sdk_reads_one_answer(gateway: Gateway, model: str) -> None:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0) as client:
        stream = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "Hi there"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
    said = [one.choices[0] for one in chunks if one.choices]
    assert "".join(one.delta.content or "" for one in said) == WORDS
    assert [one.finish_reason for one in said if one.finish_reason] == ["stop"]
    assert [one.delta.role for one in said if one.delta.role] == ["assistant"]
    assert len({one.id for one in chunks}) == 1
    assert len([one for one in chunks if one.usage]) == 1


def test_anthropics_sdk_reads_one_answer(gateway: Gateway) -> None:
    with (
        Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0) as client,
        client.messages.stream(
            model="cut", max_tokens=200, messages=[{"role": "user", "content": "Hi there"}]
        ) as stream,
    ):
        message = stream.get_final_message()
    assert [one.text for one in message.content if one.type == "text"] == [WORDS]
    assert message.stop_reason == "end_turn"


def test_openais_sdk_reads_one_response(gateway: Gateway) -> None:
    with (
        openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0) as client,
        client.responses.stream(model="cut", input="Hi there") as stream,
    ):
        text = "".join(one.delta for one in stream if one.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert text == final.output_text == WORDS
    assert final.status == "completed"


def test_the_log_tells_both_attempts(gateway: Gateway) -> None:
    ask(gateway, body=chat("cut"), headers={"x-litellm-call-id": "went-on"})
    line = gateway.call("went-on")
    assert (line["outcome"], line["attempts"]) == ("ok", 2)


@pytest.mark.parametrize("model", ["alone", "plain"])
def test_where_nobody_goes_on_the_client_is_told(gateway: Gateway, model: str) -> None:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0) as client:
        stream = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Hi there"}], stream=True
        )
        with pytest.raises(openai.APIError):
            list(stream)
