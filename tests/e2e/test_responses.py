"""The official SDK's Responses work against a provider that speaks chat completions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.responses import FunctionToolParam
from pydantic import BaseModel

from tests.e2e.gateway import Gateway
from tests.e2e.plain import ask
from tests.e2e.sdk import client

TOOL: FunctionToolParam = {
    "type": "function",
    "name": "get_weather",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


class City(BaseModel):
    """What `parse()` is asked for."""

    name: str
    rivers: list[str]


@pytest.fixture(scope="module")
def sdk(gateway: Gateway) -> Iterator[openai.OpenAI]:
    """A client that is used for many calls, as programs do."""
    with client(gateway) as made:
        yield made


def test_a_whole_reply_is_read(sdk: openai.OpenAI) -> None:
    got = sdk.responses.create(model="demo", input="Hi there", instructions="Be brief.")
    assert got.status == "completed"
    assert got.output_text.startswith('Hello! You said: "Hi there"')
    assert got.usage is not None
    assert got.usage.output_tokens > 0


def test_the_streaming_helper_sees_the_whole_life_of_a_reply(sdk: openai.OpenAI) -> None:
    with sdk.responses.stream(model="demo", input="Hi there") as stream:
        events = list(stream)
        final = stream.get_final_response()
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-1] == "response.completed"
    numbers = [event.sequence_number for event in events if hasattr(event, "sequence_number")]
    assert numbers == sorted(set(numbers))
    words = "".join(one.delta for one in events if one.type == "response.output_text.delta")
    assert words == final.output_text != ""
    assert final.usage is not None
    assert final.usage.input_tokens > 0


def test_parse_gives_the_object_that_was_asked_for(sdk: openai.OpenAI) -> None:
    got = sdk.responses.parse(model="demo", input="A city.", text_format=City)
    assert isinstance(got.output_parsed, City)


def test_two_turns_with_a_tool_work(sdk: openai.OpenAI) -> None:
    turn: list[Any] = [{"type": "message", "role": "user", "content": "Weather in Rome?"}]
    first = sdk.responses.create(
        model="demo",
        input=turn,
        tools=[TOOL],
        tool_choice="required",
    )
    (called,) = [one for one in first.output if one.type == "function_call"]
    assert called.name == "get_weather"
    assert "city" in json.loads(called.arguments)
    turn += [one.model_dump(exclude_none=True) for one in first.output]
    turn.append({"type": "function_call_output", "call_id": called.call_id, "output": "sunny"})
    second = sdk.responses.create(
        model="demo",
        input=turn,
        tools=[TOOL],
    )
    assert second.status == "completed"


def test_what_only_openai_can_do_is_told(gateway: Gateway) -> None:
    body = {"model": "demo", "input": "Hi", "tools": [TOOL, {"type": "web_search"}]}
    reply = ask(gateway, "/v1/responses", body)
    assert reply.status == 200
    assert json.loads(reply.body)["object"] == "response"
    assert reply.headers.get("x-headgate-lossy") == "dropped:tools.web_search"


def test_a_failure_after_the_first_byte_is_a_failed_response(gateway: Gateway) -> None:
    body = {"model": "faulty/sse_error_mid@responses", "input": "Hi", "stream": True}
    reply = ask(gateway, "/v1/responses", body)
    last = [line for line in reply.body.splitlines() if line.startswith(b"data: ")][-1]
    value = json.loads(last.removeprefix(b"data: "))
    assert value["type"] == "response.failed"
    first = next(line for line in reply.body.splitlines() if line.startswith(b"data: "))
    assert json.loads(first.removeprefix(b"data: "))["response"]["id"] == value["response"]["id"]
    assert value["sequence_number"] == reply.body.count(b"data: ") - 1
    assert value["response"]["error"]["message"]


def test_an_earlier_response_that_is_not_known_is_refused_by_name(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.responses.create(model="demo", input="Hi", previous_response_id="resp_1")
    assert caught.value.param == "previous_response_id"
    assert caught.value.code == "previous_response_not_found"
