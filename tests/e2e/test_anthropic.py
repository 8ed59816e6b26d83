"""Anthropic's SDK works against a provider that speaks OpenAI's dialect."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import pytest
from anthropic import Anthropic, beta_tool
from anthropic.types import MessageParam

from tests.e2e.gateway import KEY, Gateway
from tests.e2e.plain import ask

HELLO: list[MessageParam] = [{"role": "user", "content": "Hi there"}]


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Anthropic]:
    """The SDK, pointed at the gateway."""
    with Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0) as found:
        yield found


def test_a_stream_is_read_by_the_sdks_helper(client: Anthropic) -> None:
    with client.messages.stream(model="demo", max_tokens=200, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text.startswith('Hello! You said: "Hi there".')
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0


def test_a_whole_answer_says_the_same(client: Anthropic) -> None:
    message = client.messages.create(model="demo", max_tokens=200, messages=HELLO)
    assert message.content[0].type == "text"
    assert message.content[0].text.startswith('Hello! You said: "Hi there".')


def test_the_tool_runner_calls_the_tool_and_goes_on(client: Anthropic) -> None:
    asked: list[str] = []

    @beta_tool
    def get_weather(city: str) -> str:
        """The weather of a city.

        Args:
            city: its name
        """
        asked.append(city)
        return "sunny"

    runner = client.beta.messages.tool_runner(
        model="mock/tool",
        max_tokens=200,
        tools=[get_weather],
        messages=[{"role": "user", "content": "What is the weather in Rome?"}],
        max_iterations=3,
    )
    final = runner.until_done()
    assert len(asked) == 1
    assert final.stop_reason == "end_turn"


def test_errors_are_the_sdks_own(client: Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(model="nobody", max_tokens=5, messages=HELLO)
    assert caught.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(model="demo", max_tokens=5, messages=[{"role": "tool"}])  # type: ignore[list-item]


def test_a_lack_of_capacity_is_the_sdks_own_error_and_names_the_call(client: Anthropic) -> None:
    with pytest.raises(anthropic.InternalServerError) as caught:
        client.messages.create(model="faulty/503", max_tokens=5, messages=HELLO)
    error = caught.value
    assert error.status_code == 529
    assert error.body["error"]["type"] == "overloaded_error"  # type: ignore[index]
    assert error.request_id
    assert error.body["request_id"] == error.request_id  # type: ignore[index]
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(model="faulty/429", max_tokens=5, messages=HELLO)


def test_an_error_within_a_stream_is_raised_after_what_stood_before_it(client: Anthropic) -> None:
    said: list[str] = []
    with (
        pytest.raises(anthropic.APIStatusError) as caught,
        client.messages.stream(model="faulty/rst", max_tokens=5, messages=HELLO) as stream,
    ):
        said += stream.text_stream
    assert said
    assert caught.value.body["error"]["type"] == "api_error"  # type: ignore[index]


def test_a_reply_tells_the_id_by_which_the_log_knows_it(
    client: Anthropic, gateway: Gateway
) -> None:
    message = client.messages.create(model="demo", max_tokens=200, messages=HELLO)
    assert message._request_id is not None
    assert gateway.call(message._request_id)["operation"] == "messages"


def test_a_ping_follows_the_start_of_a_translated_stream(gateway: Gateway) -> None:
    body = {"model": "demo", "max_tokens": 9, "messages": HELLO, "stream": True}
    events = ask(gateway, "/v1/messages", body).body.split(b"\n\n")
    assert events[0].startswith(b"event: message_start\ndata: ")
    assert events[1] == b'event: ping\ndata: {"type":"ping"}'
    assert events[-2].startswith(b"event: message_stop\n")


def test_tokens_are_estimated_where_the_provider_counts_none(client: Anthropic) -> None:
    few = client.messages.with_raw_response.count_tokens(model="demo", messages=HELLO)
    assert few.headers["x-headgate-lossy"] == "emulated:count_tokens"
    many = client.messages.count_tokens(model="demo", messages=HELLO * 10, system="Be brief.")
    assert 0 < few.parse().input_tokens < many.input_tokens
    with pytest.raises(anthropic.NotFoundError):
        client.messages.count_tokens(model="nobody", messages=HELLO)


def test_what_claude_code_asks_first_is_answered(gateway: Gateway) -> None:
    assert ask(gateway, "/", method="HEAD").status == 200
    body = {"model": "demo", "max_tokens": 9, "messages": HELLO}
    headers = {
        "anthropic-beta": "claude-code-20250219,of-tomorrow",
        "anthropic-version": "2023-06-01",
    }
    assert ask(gateway, "/v1/messages?beta=true", body, headers=headers).status == 200
    path = "/v1/messages/count_tokens?beta=true"
    assert ask(gateway, path, {"model": "demo", "messages": HELLO}, headers=headers).status == 200
