"""What goes wrong reaches the official SDK as its own typed exceptions, and is tried again no
oftener than it says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.e2e.configs import MAX_BODY
from tests.e2e.gateway import Gateway
from tests.e2e.plain import checked_error
from tests.e2e.provider import Provider
from tests.e2e.sdk import HELLO, async_client, client


@pytest.fixture(scope="module")
def sdk(gateway: Gateway) -> Iterator[openai.OpenAI]:
    """A client that is told not to try again."""
    with client(gateway) as made:
        yield made


def shape(error: openai.APIStatusError) -> dict[str, Any]:
    """The error's body, which must have OpenAI's shape."""
    assert error.response.headers["content-type"] == "application/json"
    return checked_error(error.response.json())


def fails(sdk: openai.OpenAI, model: str, **more: Any) -> openai.APIStatusError:
    """The exception that a call raises."""
    with pytest.raises(openai.APIStatusError) as raised:
        sdk.chat.completions.create(model=model, messages=HELLO, **more)
    return raised.value


def test_a_call_without_a_model_is_a_bad_request_that_names_the_field(sdk: openai.OpenAI) -> None:
    error = fails(sdk, "")
    assert type(error) is openai.BadRequestError
    assert error.param == "model"
    assert shape(error)["type"] == "invalid_request_error"


def test_what_a_provider_finds_wrong_is_a_bad_request_in_its_own_words(sdk: openai.OpenAI) -> None:
    error = fails(sdk, "faulty/400@words")
    assert type(error) is openai.BadRequestError
    assert "status 400" in shape(error)["message"]


def test_a_wrong_key_is_an_authentication_error(gateway: Gateway) -> None:
    with client(gateway, api_key="sk-wrong-and-secret") as stranger:
        error = fails(stranger, "demo")
    assert type(error) is openai.AuthenticationError
    assert error.code == "invalid_api_key"
    assert "sk-wrong-and-secret" not in shape(error)["message"]
    with client(gateway, api_key="sk-wrong") as stranger, pytest.raises(openai.AuthenticationError):
        stranger.models.list()


def test_an_unknown_model_is_not_found_and_the_known_ones_are_named(sdk: openai.OpenAI) -> None:
    error = fails(sdk, "nobody-serves-this")
    assert type(error) is openai.NotFoundError
    assert error.code == "model_not_found"
    assert error.param == "model"
    assert "'nobody-serves-this'" in shape(error)["message"]
    assert "'demo'" in shape(error)["message"]


def test_a_body_over_the_limit_is_413(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as raised:
        sdk.embeddings.create(model="demo", input="x" * MAX_BODY)
    assert raised.value.status_code == 413
    assert str(MAX_BODY) in shape(raised.value)["message"]


def test_a_provider_at_its_limit_is_a_rate_limit_error_with_its_wait(sdk: openai.OpenAI) -> None:
    error = fails(sdk, "faulty/429@once")
    assert type(error) is openai.RateLimitError
    assert error.code == "rate_limit_exceeded"
    assert error.response.headers["retry-after"] == "7"
    assert "slow down" in shape(error)["message"]


@pytest.mark.parametrize(
    "model, status, code",
    [
        ("faulty/500@typed", 502, "upstream_error"),
        ("faulty/503html@typed", 503, "upstream_overloaded"),
        ("faulty/reset@typed", 502, "upstream_error"),
        ("mock/refuse", 502, "upstream_unreachable"),
    ],
)
def test_a_provider_that_fails_is_a_server_error_without_its_secrets(
    sdk: openai.OpenAI, model: str, status: int, code: str
) -> None:
    error = fails(sdk, model)
    assert isinstance(error, openai.InternalServerError)
    assert (error.status_code, error.code) == (status, code)
    assert "SECRET" not in error.response.text
    assert "<h1>" not in error.response.text


def test_a_streamed_call_that_fails_at_once_raises_before_the_first_chunk(
    sdk: openai.OpenAI,
) -> None:
    with pytest.raises(openai.RateLimitError):
        sdk.chat.completions.create(model="faulty/429@stream", messages=HELLO, stream=True)


async def test_the_asynchronous_client_raises_the_same(gateway: Gateway) -> None:
    async with async_client(gateway) as sdk:
        with pytest.raises(openai.NotFoundError):
            await sdk.chat.completions.create(model="nobody-serves-this", messages=HELLO)
        with pytest.raises(openai.RateLimitError):
            await sdk.chat.completions.create(model="faulty/429@async", messages=HELLO)


def test_the_sdk_tries_a_failed_call_again_and_succeeds(
    gateway: Gateway, provider: Provider
) -> None:
    with client(gateway, max_retries=2) as patient:
        reply = patient.chat.completions.create(model="faulty/flaky1@again", messages=HELLO)
    assert reply.choices[0].message.content == "hello world"
    first, second = provider.asked("flaky1@again", 2)
    assert first.at < second.at


def test_the_sdk_waits_as_long_as_the_gateway_says(gateway: Gateway) -> None:
    started = time.monotonic()
    with client(gateway, max_retries=1) as patient:
        fails(patient, "mock/fail429")
    assert time.monotonic() - started >= 1.0
    assert len(gateway.ended("mock/fail429", 2)) == 2


@pytest.mark.parametrize("model", ["", "nobody-serves-this", "faulty/400@no", "faulty/401@no"])
def test_what_would_fail_again_is_not_tried_again(gateway: Gateway, model: str) -> None:
    ident = f"no-retry-{model.partition('/')[2] or len(model)}".replace("@", "-")
    with client(gateway, max_retries=2) as patient:
        fails(patient, model, extra_headers={"x-litellm-call-id": ident})
    assert gateway.call(ident)["attempts"] == (1 if "/" in model else 0)


def test_a_key_that_the_provider_refuses_is_not_blamed_on_the_client(
    gateway: Gateway, provider: Provider
) -> None:
    with client(gateway, max_retries=2) as patient:
        error = fails(patient, "faulty/401@blame")
    assert (error.status_code, error.code) == (502, "upstream_auth")
    assert "SECRET" not in error.response.text
    provider.asked("401@blame", 1)


def test_the_headers_tell_the_call_and_who_served_it(sdk: openai.OpenAI) -> None:
    raw = sdk.chat.completions.with_raw_response.create(model="demo", messages=HELLO)
    assert raw.parse().choices
    assert len(raw.headers["x-litellm-call-id"]) == 32
    assert raw.headers["x-litellm-model-id"]
    assert raw.headers["x-litellm-model-group"] == "demo"
    assert raw.headers["x-litellm-attempted-retries"] == "0"
    assert raw.headers["x-litellm-attempted-fallbacks"] == "0"


def test_the_call_keeps_the_id_that_its_client_gave(sdk: openai.OpenAI) -> None:
    mine = {"x-litellm-call-id": "my-own.id:7"}
    with sdk.chat.completions.with_streaming_response.create(
        model="mock/words2-rate0", messages=HELLO, stream=True, extra_headers=mine
    ) as reply:
        assert reply.headers["x-litellm-call-id"] == "my-own.id:7"
        assert reply.headers["content-type"] == "text/event-stream"
        assert len(list(reply.parse())) > 2


def test_an_error_carries_the_id_of_its_call_too(sdk: openai.OpenAI) -> None:
    error = fails(sdk, "faulty/500@id", extra_headers={"x-litellm-call-id": "failed-call"})
    assert error.response.headers["x-litellm-call-id"] == "failed-call"
