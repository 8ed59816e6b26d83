"""Through the whole chain: Responses meets itself, and chat, from either side."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import orjson
import pytest

from pipelines.assembly import StageSpec, assemble
from pipelines.call import Call
from pipelines.conversation import Conversation
from pipelines.dialects.responses.dialect import OPENAI_RESPONSES
from pipelines.errors import BadCall, Overloaded, StreamBroken
from pipelines.events import Data
from pipelines.operations import CHAT, RESPONSES, Operation
from pipelines.provider import Endpoint
from pipelines.registry import DEFAULT_STAGES
from pipelines.routing.routes import Routes
from proxy.stores.responses.memory import MemoryResponses
from tests.builders import a_call, a_deployment, a_provider, a_stream, an_exchange, taken
from tests.fakes.ports import FakeClock, FakeReply, FakeTransport, fake_ports

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


def test_metadata_is_passed_on_as_long_as_the_response_is_kept() -> None:
    fields = {"input": "hello", "metadata": {"a": "b"}}
    asked, _ = through(RESPONSES, "openai-responses", STREAM, **fields)
    assert asked["metadata"] == {"a": "b"}
    asked, _ = through(RESPONSES, "openai-responses", STREAM, store=False, **fields)
    assert "metadata" not in asked


def test_tools_that_only_openai_knows_reach_others_as_functions() -> None:
    tools = [{"type": "custom", "name": "patch"}]
    asked, _ = through(RESPONSES, "openai-chat", a_stream("hi"), input="hello", tools=tools)
    assert asked["tools"][0]["function"]["name"] == "patch"
    assert asked["tools"][0]["type"] == "function"


def test_a_broken_call_ends_in_its_own_words_where_they_are_known() -> None:
    error = StreamBroken("It broke.")
    call = a_call(b'{"model":"gpt","input":"hi"}', RESPONSES)
    bare = OPENAI_RESPONSES.error_events(error)
    assert OPENAI_RESPONSES.call_error_events(error, call) == bare
    told = Conversation("9", True)
    assert OPENAI_RESPONSES.call_error_events(error, call.within(told)) == bare
    OPENAI_RESPONSES.writer(call.within(told), "1")
    assert b'"resp_9"' not in bare
    streaming = a_call(b'{"model":"gpt","input":"hi","stream":true}', RESPONSES).within(told)
    OPENAI_RESPONSES.writer(streaming, "1")
    assert b'"resp_9"' in OPENAI_RESPONSES.call_error_events(error, streaming)


NATIVE = a_provider(endpoints={"responses": Endpoint("/responses", "openai-responses")})
CHATTY = a_provider("other", endpoints={"chat": Endpoint("/chat", "openai-chat")})


def two_calls(first: bytes, second: bytes, **fields: Any) -> dict[str, Any]:
    """What the second deployment is asked, by a call that goes on from the first one's reply."""
    transport = FakeTransport(FakeReply([first]), FakeReply([second]))
    routes = Routes([a_deployment("d1", "a", provider=NATIVE), *OTHERS])
    store = MemoryResponses(FakeClock())
    ports = replace(fake_ports(transport, routes), responses=store)
    chain = assemble([StageSpec(name) for name in DEFAULT_STAGES], ports)

    async def run(**said: Any) -> None:
        call = Call(RESPONSES, orjson.dumps({"input": "hi", "stream": True, **said}), [])
        async with chain.run(an_exchange(call)) as flow:
            await taken(flow)

    async def both() -> None:
        await run(model="a")
        await run(previous_response_id="resp_1", **fields)

    asyncio.run(both())
    found: dict[str, Any] = json.loads(transport.requests[1].body)
    return found


OTHERS = [a_deployment("d2", "b", provider=CHATTY), a_deployment("d3", "c", provider=NATIVE)]
SAID = {
    "type": "message",
    "id": "msg_a",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "yes"}],
}


def a_native_reply(store: bool) -> bytes:
    response = {"id": "resp_1", "store": store, "output": [SAID], "usage": USAGE}
    ends = {"type": "response.completed", "response": response}
    return b"".join(b"data: " + orjson.dumps(one) + b"\n\n" for one in (WORDS, ends))


def test_the_deployment_that_keeps_the_response_itself_is_asked_by_its_id() -> None:
    asked = two_calls(a_native_reply(True), STREAM, model="a")
    assert (asked["previous_response_id"], asked["input"]) == ("resp_1", "hi")


@pytest.mark.parametrize(("model", "store"), [("c", True), ("a", False)])
def test_one_that_does_not_keep_it_gets_the_conversation(model: str, store: bool) -> None:
    asked = two_calls(a_native_reply(store), STREAM, model=model)
    assert "previous_response_id" not in asked
    assert [one["role"] for one in asked["input"]] == ["user", "assistant", "user"]
    assert "id" not in asked["input"][1]


def test_one_of_another_dialect_gets_the_conversation_in_its_own() -> None:
    asked = two_calls(a_native_reply(True), a_stream("x"), model="b")
    assert [one["content"] for one in asked["messages"]] == ["hi", "yes", "hi"]
