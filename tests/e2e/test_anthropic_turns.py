"""Two turns with thinking and a tool, between Anthropic's SDK and everybody else, both ways."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic, AsyncAnthropic, beta_tool
from anthropic.types import MessageParam, ToolParam
from anthropic.types.beta import BetaMessageParam
from openai import OpenAI
from pydantic import BaseModel

from tests.accept.scripted import Asked, Scripted, Turn, Use, scripted
from tests.e2e.configs import config, entry
from tests.e2e.gateway import KEY, Gateway, running

THOUGHT = "The weather of Rome is asked for; there is a tool."
WORDS = "Let me look: ä, 漢字, 🙂."
DONE = "It is sunny in Rome."
SIGNATURE = "RXJyb3I6IG5vdCBhIHNpZ25hdHVyZSBvZiBhbnlib2R5LCBidXQgYmFzZTY0"
CITY = {"city": "Rome"}
JSON = '{"city": "Rome", "degrees": 21}'
QUESTION: MessageParam = {"role": "user", "content": "What is the weather in Rome?"}
TOOL: ToolParam = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
OPENAI_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": TOOL["description"],
        "parameters": TOOL["input_schema"],
    },
}


class Weather(BaseModel):
    """What the parse helpers are to give."""

    city: str
    degrees: int


def _answer(asked: Asked) -> Turn:
    if asked.has_result:
        return Turn(DONE)
    if asked.tools:
        return Turn(WORDS, THOUGHT, (Use("get_weather", CITY),), SIGNATURE)
    return Turn(JSON)


@pytest.fixture
def provider() -> Iterator[Scripted]:
    """A provider that first calls the tool, and then tells what it knows."""
    with scripted(_answer) as found:
        yield found


@pytest.fixture
def gateway(provider: Scripted, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with that provider in three dialects, one model each."""
    models = (
        entry("plain", "openai_like/m", provider.url),
        entry("deepseek", "deepseek/deepseek-reasoner", provider.url),
        entry("gemini", "gemini/gemini-3-pro", provider.url),
        entry("claude", "anthropic/claude-sonnet-4-5", provider.url),
    )
    with running(tmp_path, config(*models)) as found:
        yield found


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Anthropic]:
    """Anthropic's SDK, pointed at the gateway."""
    with Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0) as found:
        yield found


def _asking(model: str, messages: list[MessageParam]) -> dict[str, Any]:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    given = {"max_tokens": 4000, "tools": [TOOL], "thinking": thinking}
    return {"model": model, "messages": messages, **given}


def _result(id: str) -> MessageParam:
    return {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": id, "content": "sunny"}],
    }


@pytest.mark.parametrize("model", ["plain", "deepseek", "gemini", "claude"])
@pytest.mark.parametrize("streamed", [True, False])
def test_two_turns_with_thinking_and_a_tool(client: Anthropic, model: str, streamed: bool) -> None:
    def said(messages: list[MessageParam]) -> Any:
        asking = _asking(model, messages)
        if not streamed:
            return client.messages.create(**asking)
        with client.messages.stream(**asking) as stream:
            return stream.get_final_message()

    first = said([QUESTION])
    thought, text, use = first.content
    assert (thought.thinking, text.text) == (THOUGHT, WORDS)
    assert (use.name, use.input, first.stop_reason) == ("get_weather", CITY, "tool_use")
    second = said([QUESTION, {"role": "assistant", "content": first.content}, _result(use.id)])
    assert [one.text for one in second.content] == [DONE]
    assert second.stop_reason == "end_turn"
    assert second.usage.input_tokens == 100


def test_what_a_provider_wants_back_of_its_thinking_it_gets(
    client: Anthropic, provider: Scripted
) -> None:
    for model in ("deepseek", "gemini", "claude"):
        first = client.messages.create(**_asking(model, [QUESTION]))
        turn: MessageParam = {"role": "assistant", "content": first.content}
        client.messages.create(**_asking(model, [QUESTION, turn, _result(first.content[-1].id)]))
    deepseek, gemini, claude = (one.messages[1] for one in provider.asked[1::2])
    assert deepseek["reasoning_content"] == THOUGHT
    calls = [part for part in gemini["parts"] if "functionCall" in part]
    assert [one.get("thoughtSignature") for one in calls] == [SIGNATURE]
    assert claude["content"][0] == {"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}


@pytest.mark.parametrize("streamed", [True, False])
def test_two_turns_of_an_openai_client_with_an_anthropic_provider(
    gateway: Gateway, provider: Scripted, streamed: bool
) -> None:
    asking: dict[str, Any] = {"model": "claude", "reasoning_effort": "low", "max_tokens": 4000}
    asking |= {"tools": [OPENAI_TOOL]}
    question: dict[str, Any] = {"role": "user", "content": QUESTION["content"]}
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0) as client:

        def said(*messages: Any) -> Any:
            if not streamed:
                reply = client.chat.completions.create(messages=messages, **asking)
                return reply.choices[0].message
            with client.chat.completions.stream(messages=messages, **asking) as stream:
                return stream.get_final_completion().choices[0].message

        first = said(question)
        assert first.content == WORDS
        (call,) = first.tool_calls
        assert call.function.name == "get_weather"
        assert json.loads(call.function.arguments) == CITY
        kept = {
            "role": "assistant",
            "content": first.content,
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": call.function.arguments},
                }
            ],
        }
        result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        assert said(question, kept, result).content == DONE
    again = provider.asked[1].messages
    assert [one["role"] for one in again] == ["user", "assistant", "user"]
    assert again[1]["content"][0] == {
        "type": "thinking",
        "thinking": THOUGHT,
        "signature": SIGNATURE,
    }


def test_the_helpers_events_come_in_their_order(client: Anthropic) -> None:
    with client.messages.stream(**_asking("plain", [QUESTION])) as stream:
        events = list(stream)
    kinds = [one.type for one in events]
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 3
    for kind in ("thinking", "text", "input_json"):
        assert kind in kinds
    assert "".join(one.text for one in events if one.type == "text") == WORDS
    snapshots = [one.snapshot for one in events if one.type == "input_json"]
    assert snapshots[-1] == CITY


@pytest.mark.parametrize("model", ["plain", "gemini", "claude"])
def test_the_tool_runner_streams_turn_after_turn(
    client: Anthropic, provider: Scripted, model: str
) -> None:
    asked: list[str] = []

    @beta_tool
    def get_weather(city: str) -> str:
        """The weather of a city.

        Args:
            city: its name
        """
        asked.append(city)
        return "sunny"

    question: BetaMessageParam = {"role": "user", "content": "What is the weather in Rome?"}
    runner = client.beta.messages.tool_runner(
        model=model, max_tokens=4000, tools=[get_weather], messages=[question], stream=True
    )
    finals = [stream.get_final_message() for stream in runner]
    assert asked == ["Rome"]
    assert [one.stop_reason for one in finals] == ["tool_use", "end_turn"]
    if model != "claude":
        # Its threads, which only Anthropic holds, were refused, and the whole conversation came.
        assert "What is the weather" in str(provider.asked[1].messages)


@pytest.mark.parametrize("model", ["plain", "gemini", "claude"])
def test_the_parse_helpers_give_the_object(
    client: Anthropic, provider: Scripted, model: str
) -> None:
    asking: dict[str, Any] = {"model": model, "max_tokens": 400, "messages": [QUESTION]}
    reply = client.messages.parse(output_format=Weather, **asking)
    assert reply.parsed_output == Weather(city="Rome", degrees=21)
    with client.messages.stream(output_format=Weather, **asking) as stream:
        assert stream.get_final_message().parsed_output == Weather(city="Rome", degrees=21)
    assert "degrees" in str(provider.asked[0].body)


async def _text(url: str) -> str:
    async with AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0) as client:
        asking: dict[str, Any] = {"model": "plain", "max_tokens": 400, "messages": [QUESTION]}
        async with client.messages.stream(**asking) as stream:
            return "".join([text async for text in stream.text_stream])


def test_the_asynchronous_client_reads_the_same(gateway: Gateway) -> None:
    assert asyncio.run(_text(gateway.url)) == JSON
