"""Through the whole chain: Responses meets itself, and chat, from either side."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import orjson
import pytest

from pipelines.assembly import StageSpec, assemble
from pipelines.call import Call
from pipelines.dialects.responses.dialect import OPENAI_RESPONSES
from pipelines.errors import BadCall, Overloaded
from pipelines.events import Data
from pipelines.operations import CHAT, RESPONSES, Operation
from pipelines.provider import Endpoint
from pipelines.registry import DEFAULT_STAGES
from pipelines.routing.routes import Routes
from tests.builders import a_deployment, a_provider, a_stream, an_exchange, taken
from tests.fakes.ports import FakeReply, FakeTransport, fake_ports

WORDS = {"type": "response.output_text.delta", "output_index": 0, "delta": "hi"}
USAGE = {"input_tokens": 3, "output_tokens": 4}
COMPLETED = {"type": "response.completed", "response": {"id": "resp_1", "usage": USAGE}}
STREAM = b"".join(b"data: " + orjson.dumps(one) + b"\n\n" for one in (WORDS, COMPLETED))
MESSAGES = [{"role": "user", "content": "hello"}]


def through(
    operation: Operation, spoken: str, reply: bytes, **fields: Any
) -> tuple[dict[str, Any], bytes]:
    """What the provider was asked, and what the client got."""
    provider = a_provider(endpoints={"x": Endpoint("/x", spoken)})
    transport = FakeTransport(FakeReply([reply]))
    routes = Routes([a_deployment(provider=provider)])
    chain = assemble([StageSpec(name) for name in DEFAULT_STAGES], fake_ports(transport, routes))
    body = orjson.dumps({"model": "gpt", "stream": True, **fields})

    async def run() -> bytes:
        async with chain.run(an_exchange(Call(operation, body, []))) as flow:
            events = await taken(flow)
        return b"".join(event.raw for event in events if isinstance(event, Data))

    got = asyncio.run(run())
    (request,) = transport.requests
    return json.loads(request.body), got


def test_between_two_who_speak_it_bytes_pass_untouched() -> None:
    tools = [{"type": "web_search"}]
    asked, got = through(RESPONSES, "openai-responses", STREAM, input="hello", tools=tools)
    assert asked == {"model": "gpt", "stream": True, "input": "hello", "tools": tools}
    assert got == STREAM


def test_a_chat_client_is_answered_from_it() -> None:
    asked, got = through(CHAT, "openai-chat", a_stream("x"), messages=MESSAGES)
    assert "messages" in asked
    asked, got = through(CHAT, "openai-responses", STREAM, messages=MESSAGES)
    assert asked["input"][0]["content"] == [{"type": "input_text", "text": "hello"}]
    assert b'"content":"hi"' in got
    assert got.endswith(b"data: [DONE]\n\n")


def test_its_client_is_answered_from_chat() -> None:
    asked, got = through(RESPONSES, "openai-chat", a_stream("hi"), input="hello")
    assert asked["messages"] == MESSAGES
    assert b"event: response.completed" in got
    assert b"[DONE]" not in got


def test_an_earlier_response_needs_a_provider_that_keeps_it() -> None:
    with pytest.raises(BadCall) as caught:
        through(RESPONSES, "openai-chat", b"", input="hello", previous_response_id="resp_1")
    assert caught.value.param == "previous_response_id"
    asked, _ = through(
        RESPONSES, "openai-responses", STREAM, input="hello", previous_response_id="resp_1"
    )
    assert asked["previous_response_id"] == "resp_1"


def test_errors_have_openai_s_shape() -> None:
    error = json.loads(OPENAI_RESPONSES.error(BadCall("No.", "input")))["error"]
    assert (error["message"], error["param"]) == ("No.", "input")
    got = OPENAI_RESPONSES.upstream_error(429, [], b"{}", a_deployment())
    assert isinstance(got, Overloaded)
