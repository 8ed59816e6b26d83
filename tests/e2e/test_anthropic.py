"""Anthropic's SDK works against a provider that speaks OpenAI's dialect."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import pytest
from anthropic import Anthropic, beta_tool
from anthropic.types import MessageParam

from tests.e2e.gateway import KEY, Gateway

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
