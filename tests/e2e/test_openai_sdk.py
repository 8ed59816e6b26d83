"""The official SDK works against the gateway as it does against OpenAI."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel

from tests.e2e.gateway import Gateway
from tests.e2e.sdk import HELLO, async_client, client, text

ANSWER = 'Hello! You said: "Hi there". I am the demo model of Headgate'
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
TIME: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_time",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"zone": {"enum": ["UTC", "CET"]}},
            "required": ["zone"],
            "additionalProperties": False,
        },
    },
}


class City(BaseModel):
    """What `parse()` is asked for."""

    name: str
    inhabitants: int
    rivers: list[str]


@pytest.fixture(scope="module")
def sdk(gateway: Gateway) -> Iterator[openai.OpenAI]:
    """A client that is used for many calls, as programs do."""
    with client(gateway) as made:
        yield made


def test_a_chat_is_answered_whole(sdk: openai.OpenAI) -> None:
    reply = sdk.chat.completions.create(model="demo", messages=HELLO)
    choice = reply.choices[0]
    assert choice.message.role == "assistant"
    assert (choice.message.content or "").startswith(ANSWER)
    assert choice.finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0


def test_a_chat_is_streamed_and_says_the_same(sdk: openai.OpenAI) -> None:
    whole = sdk.chat.completions.create(model="demo", messages=HELLO)
    chunks = list(sdk.chat.completions.create(model="mock/rate0", messages=HELLO, stream=True))
    assert text(chunks) == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len(chunks) > 20
    assert not [one for one in chunks if one.usage is not None]


def test_a_stream_carries_usage_where_the_client_asks(sdk: openai.OpenAI) -> None:
    stream = sdk.chat.completions.create(
        model="mock/words5-rate0",
        messages=HELLO,
        stream=True,
        stream_options={"include_usage": True},
    )
    *_, last = stream
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == 5


def test_a_tool_call_is_made_whole(sdk: openai.OpenAI) -> None:
    reply = sdk.chat.completions.create(model="mock/tool", messages=HELLO, tools=[WEATHER])
    [call] = reply.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city", "days"}
    assert reply.choices[0].finish_reason == "tool_calls"


def test_the_fragments_of_two_tool_calls_are_joined_by_the_sdk(sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(
        model="mock/tool2-rate0", messages=HELLO, tools=[WEATHER, TIME]
    ) as stream:
        deltas = [e for e in stream if e.type == "tool_calls.function.arguments.delta"]
        final = stream.get_final_completion()
    weather, time = final.choices[0].message.tool_calls or []
    assert len(deltas) > 4
    assert (weather.function.name, time.function.name) == ("get_weather", "get_time")
    assert isinstance(weather.function.parsed_arguments, dict)
    assert time.function.parsed_arguments in ({"zone": "UTC"}, {"zone": "CET"})


def test_the_result_of_a_tool_is_answered_in_words(sdk: openai.OpenAI) -> None:
    first = sdk.chat.completions.create(model="mock/tool", messages=HELLO, tools=[WEATHER])
    [call] = first.choices[0].message.tool_calls or []
    assert call.type == "function"
    asked = {"name": call.function.name, "arguments": call.function.arguments}
    messages: list[ChatCompletionMessageParam] = [
        *HELLO,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": asked["name"], "arguments": asked["arguments"]},
                }
            ],
        },
        {"role": "tool", "tool_call_id": call.id, "content": "It rains."},
    ]
    reply = sdk.chat.completions.create(model="mock/tool", messages=messages, tools=[WEATHER])
    assert 'The tool said: "It rains."' in (reply.choices[0].message.content or "")


def test_tools_work_through_a_provider_too(sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(model="faulty/tool", messages=HELLO, tools=[WEATHER]) as one:
        final = one.get_final_completion()
    [call] = final.choices[0].message.tool_calls or []
    assert json.loads(call.function.arguments) == {"city": "Paris"}


def test_parse_gives_an_object_of_the_schema(sdk: openai.OpenAI) -> None:
    reply = sdk.chat.completions.parse(model="demo", messages=HELLO, response_format=City)
    assert isinstance(reply.choices[0].message.parsed, City)


def test_a_schema_is_kept_by_a_stream_too(sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(
        model="mock/rate0", messages=HELLO, response_format=City
    ) as stream:
        parsed = stream.get_final_completion().choices[0].message.parsed
    assert isinstance(parsed, City)


def test_old_completions_are_answered_whole_and_streamed(sdk: openai.OpenAI) -> None:
    whole = sdk.completions.create(model="mock/words3", prompt="Say it")
    assert whole.choices[0].text == "word1 word2 word3"
    stream = sdk.completions.create(model="mock/words3-rate0", prompt="Say it", stream=True)
    assert "".join(c.text for one in stream for c in one.choices) == "word1 word2 word3"
    assert sdk.completions.create(model="faulty/ok", prompt="x").choices[0].text == "hello world"


def test_embeddings_come_as_base64_and_are_floats_to_the_program(sdk: openai.OpenAI) -> None:
    default = sdk.embeddings.create(model="demo", input=["one text", "another"])
    plain = sdk.embeddings.create(
        model="demo", input=["one text", "another"], encoding_format="float"
    )
    first, second = (row.embedding for row in default.data)
    assert first != second
    assert len(first) == 256
    assert math.isclose(math.hypot(*first), 1, rel_tol=1e-5)
    assert all(
        math.isclose(one, other, rel_tol=1e-6)
        for one, other in zip(first, plain.data[0].embedding, strict=True)
    )
    assert default.usage.prompt_tokens > 0


def test_embeddings_pass_through_a_provider_in_both_encodings(sdk: openai.OpenAI) -> None:
    for reply in (
        sdk.embeddings.create(model="faulty/ok", input="a"),
        sdk.embeddings.create(model="faulty/ok", input="a", encoding_format="float"),
    ):
        assert [round(number, 6) for number in reply.data[0].embedding] == [0.6, 0.8]


def test_tokens_are_embedded_as_langchain_sends_them(sdk: openai.OpenAI) -> None:
    reply = sdk.embeddings.create(model="demo", input=[[1, 2, 3], [4, 5]])
    assert [row.index for row in reply.data] == [0, 1]


def test_models_are_listed_and_retrieved(sdk: openai.OpenAI) -> None:
    listed = [model.id for model in sdk.models.list()]
    assert "demo" in listed
    assert sdk.models.retrieve("demo").id == "demo"
    assert sdk.models.retrieve("mock/words5").id == "mock/words5"
    with pytest.raises(openai.NotFoundError):
        sdk.models.retrieve("nobody-serves-this")


async def test_the_asynchronous_client_does_all_of_it(gateway: Gateway) -> None:
    async with async_client(gateway) as sdk:
        whole = await sdk.chat.completions.create(model="demo", messages=HELLO)
        assert (whole.choices[0].message.content or "").startswith(ANSWER)
        stream = await sdk.chat.completions.create(model="mock/rate0", messages=HELLO, stream=True)
        chunks = [chunk async for chunk in stream]
        assert text(chunks) == whole.choices[0].message.content
        async with sdk.chat.completions.stream(
            model="mock/tool-rate0", messages=HELLO, tools=[WEATHER]
        ) as events:
            final = await events.get_final_completion()
        assert final.choices[0].finish_reason == "tool_calls"
        parsed = await sdk.chat.completions.parse(
            model="demo", messages=HELLO, response_format=City
        )
        assert isinstance(parsed.choices[0].message.parsed, City)
        vectors = await sdk.embeddings.create(model="demo", input="x")
        assert len(vectors.data[0].embedding) == 256
        assert "demo" in [model.id async for model in sdk.models.list()]


def test_every_call_leaves_one_line_in_the_log(sdk: openai.OpenAI, gateway: Gateway) -> None:
    sdk.chat.completions.create(
        model="mock/words4", messages=HELLO, extra_headers={"x-litellm-call-id": "one-line"}
    )
    line = gateway.call("one-line")
    expected = {
        "outcome": "ok",
        "status": 200,
        "operation": "chat",
        "key": "master",
        "model": "mock/words4",
        "provider": "mock",
        "upstream_model": "words4",
        "stream": False,
        "prompt_tokens": 2,
        "completion_tokens": 4,
        "attempts": 1,
    }
    assert {name: line[name] for name in expected} == expected
    assert line["duration_ms"] >= line["first_byte_ms"] >= 0
