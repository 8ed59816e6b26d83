"""Ollama's own SDK against a gateway, and a gateway against a server of Ollama's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ollama
import openai
import orjson
import pytest
from anthropic import Anthropic

from tests.e2e.configs import config, entry, mocks
from tests.e2e.gateway import KEY, Gateway, running
from tests.e2e.plain import ask
from tests.e2e.provider import Provider
from tests.fakes.recordings import Recording, needs_fixtures, recordings

NDJSON = "application/x-ndjson"
HELLO = [{"role": "user", "content": "Hi there"}]
THOUGHTFUL: Any = {
    "model": "far",
    "max_tokens": 4096,
    "messages": HELLO,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
}
RECORDED = [
    one
    for one in recordings()
    if one.endpoint in ("ollama-chat", "ollama-generate") and one.status == 200
]
CHATS = [one for one in RECORDED if one.endpoint == "ollama-chat"]


def client(gateway: Gateway, key: str = KEY) -> ollama.Client:
    """The client of a program, pointed at the gateway and changed in nothing else."""
    return ollama.Client(host=gateway.url, headers={"Authorization": f"Bearer {key}"})


@pytest.fixture(scope="module")
def gateway(provider: Provider, folder: Path) -> Iterator[Gateway]:
    """Built-in models, `far` behind Ollama's own interface, and one that fails."""
    models = [
        *mocks(),
        entry("far", "ollama_chat/llama3", provider.url, num_ctx=8192),
        entry("faulty/*", "openai_like/*", provider.url),
    ]
    with running(folder, config(*models, router_settings={"num_retries": 0})) as found:
        yield found


def lines(one: Recording) -> list[dict[str, Any]]:
    """The recorded objects."""
    return [orjson.loads(line) for line in one.whole.splitlines() if line.strip()]


def expected(one: Recording) -> dict[str, Any]:
    """What a client must get of a recorded reply."""
    said = [{**value, **value.get("message", {})} for value in lines(one)]
    return {
        "text": "".join(part.get("content") or part.get("response") or "" for part in said),
        "thought": "".join(part.get("thinking", "") for part in said),
        "calls": [
            (call["function"]["name"], call["function"]["arguments"])
            for part in said
            for call in part.get("tool_calls", ())
        ],
        "usage": (said[-1].get("prompt_eval_count", 0), said[-1]["eval_count"]),
    }


def replayed(provider: Provider, one: Recording) -> bool:
    """Let the provider answer with the recording; gives whether it is a stream."""
    streamed = len(lines(one)) > 1
    provider.upstream.replay(one.chunks, NDJSON if streamed else "application/json")
    return streamed


def test_a_whole_answer(gateway: Gateway) -> None:
    with client(gateway) as sdk:
        said = sdk.chat("demo", HELLO)
    assert said.message.content
    assert (said.model, said.done, said.done_reason) == ("demo", True, "stop")
    assert said.eval_count


def test_a_streamed_answer(gateway: Gateway) -> None:
    with client(gateway) as sdk:
        chunks = list(sdk.chat("demo", HELLO, stream=True))
    assert len(chunks) > 1
    assert "".join(chunk.message.content or "" for chunk in chunks)
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].eval_count


def test_it_streams_unless_it_is_told_not_to(gateway: Gateway) -> None:
    reply = ask(gateway, "/api/chat", {"model": "demo", "messages": HELLO})
    assert reply.status == 200
    assert len(reply.body.splitlines()) > 1


def test_what_is_generated(gateway: Gateway) -> None:
    with client(gateway) as sdk:
        whole = sdk.generate("demo", "Hi there", system="Be brief.")
        chunks = list(sdk.generate("demo", "Hi there", stream=True))
    assert whole.response
    assert "".join(chunk.response or "" for chunk in chunks)
    assert chunks[-1].done


def test_nothing_is_loaded_or_unloaded(gateway: Gateway) -> None:
    with client(gateway) as sdk:
        assert sdk.generate("demo").done_reason == "load"
        assert sdk.chat("demo", [], keep_alive=0).done_reason == "unload"


def test_embeddings(gateway: Gateway) -> None:
    with client(gateway) as sdk:
        found = sdk.embed("demo", ["a", "b"])
        assert sdk.embeddings("demo", "a").embedding
    assert len(found.embeddings) == 2
    assert found.embeddings[0]


def test_the_models(gateway: Gateway) -> None:
    with client(gateway) as sdk:
        assert {"demo", "far"} <= {one.model for one in sdk.list().models}
        assert sdk.show("demo").capabilities
        assert sdk.ps().models == []


def test_errors_are_ollamas(gateway: Gateway) -> None:
    with client(gateway) as sdk, pytest.raises(ollama.ResponseError) as found:
        sdk.chat("nobody-serves-this", HELLO)
    assert found.value.status_code == 404
    assert "does not exist" in found.value.error
    with client(gateway, "sk-wrong") as sdk, pytest.raises(ollama.ResponseError) as refused:
        sdk.chat("demo", HELLO)
    assert refused.value.status_code == 401
    assert "Invalid API key" in refused.value.error


def test_a_stream_that_breaks_ends_with_an_error(gateway: Gateway) -> None:
    given = []
    with client(gateway) as sdk, pytest.raises(ollama.ResponseError):
        given.extend(sdk.chat("faulty/mid_error", HELLO, stream=True))


@needs_fixtures()
@pytest.mark.parametrize("one", RECORDED, ids=lambda one: one.name)
def test_a_recording_passes_to_ollamas_clients_untouched(
    one: Recording, gateway: Gateway, provider: Provider
) -> None:
    streamed = replayed(provider, one)
    path = one.endpoint.replace("ollama-", "/api/")
    assert one.request is not None
    body = {**one.request, "model": "far", "stream": streamed}
    reply = ask(gateway, path, body)
    assert reply.body.strip() == one.whole.strip()
    assert reply.headers["content-type"] == (NDJSON if streamed else "application/json")
    asked = provider.upstream.requests[-1]
    assert asked.path == path
    assert asked.json["model"] == "llama3"
    assert asked.json["options"]["num_ctx"] == 8192


@needs_fixtures()
@pytest.mark.parametrize("one", CHATS, ids=lambda one: one.name)
def test_a_recording_reaches_openais_clients(
    one: Recording, gateway: Gateway, provider: Provider
) -> None:
    streamed = replayed(provider, one)
    wanted = expected(one)
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0) as sdk:
        if streamed:
            found = openai_stream(sdk)
        else:
            reply = sdk.chat.completions.create(model="far", messages=HELLO)  # type: ignore[arg-type]
            assert reply.usage is not None
            said = reply.choices[0].message
            calls = [call.function for call in said.tool_calls or () if call.type == "function"]
            found = {
                "text": said.content or "",
                "thought": getattr(said, "reasoning_content", ""),
                "calls": [(call.name, orjson.loads(call.arguments)) for call in calls],
                "usage": (reply.usage.prompt_tokens, reply.usage.completion_tokens),
            }
            assert reply.choices[0].finish_reason == ("tool_calls" if calls else "stop")
    assert found == wanted
    asked = provider.upstream.requests[-1]
    assert asked.path == "/api/chat"
    assert asked.json["stream"] is streamed
    assert asked.json["options"]["num_ctx"] == 8192


def openai_stream(sdk: openai.OpenAI) -> dict[str, Any]:
    """What OpenAI's SDK reads of a stream without calls."""
    text, thought, usage = "", "", (0, 0)
    messages: Any = HELLO
    for chunk in sdk.chat.completions.create(
        model="far", messages=messages, stream=True, stream_options={"include_usage": True}
    ):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            thought += getattr(choice.delta, "reasoning_content", None) or ""
        if chunk.usage is not None:
            usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
    return {"text": text, "thought": thought, "calls": [], "usage": usage}


@needs_fixtures()
@pytest.mark.parametrize("one", CHATS, ids=lambda one: one.name)
def test_a_recording_reaches_anthropics_clients(
    one: Recording, gateway: Gateway, provider: Provider
) -> None:
    streamed = replayed(provider, one)
    wanted = expected(one)
    with Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0) as sdk:
        if streamed:
            with sdk.messages.stream(**THOUGHTFUL) as stream:
                said = stream.get_final_message()
        else:
            said = sdk.messages.create(**THOUGHTFUL)
    found = {
        "text": "".join(block.text for block in said.content if block.type == "text"),
        "thought": "".join(block.thinking for block in said.content if block.type == "thinking"),
        "calls": [(one.name, one.input) for one in said.content if one.type == "tool_use"],
        "usage": (said.usage.input_tokens, said.usage.output_tokens),
    }
    assert found == wanted


def test_two_turns_with_a_tool(gateway: Gateway, provider: Provider) -> None:
    call = {"function": {"name": "add", "arguments": {"a": 2, "b": 3}}}
    first = {"message": {"role": "assistant", "content": "", "tool_calls": [call]}, "done": True}
    provider.upstream.replay([orjson.dumps(first)], "application/json")

    def add(a: int, b: int) -> int:
        """Add two numbers.

        Args:
            a: one
            b: the other
        """
        return a + b

    messages: list[Any] = [{"role": "user", "content": "What is 2 + 3?"}]
    with client(gateway) as sdk:
        said = sdk.chat("far", messages, tools=[add])
        assert said.message.tool_calls is not None
        function = said.message.tool_calls[0].function
        result = str(add(**function.arguments))
        messages += [
            said.message,
            {"role": "tool", "tool_name": function.name, "content": result},
        ]
        second = {"message": {"role": "assistant", "content": "5"}, "done": True, "eval_count": 1}
        provider.upstream.replay([orjson.dumps(second)], "application/json")
        assert sdk.chat("far", messages, tools=[add]).message.content == "5"
    sent = provider.upstream.requests[-1].json["messages"]
    assert [one["role"] for one in sent] == ["user", "assistant", "tool"]
    assert sent[1]["tool_calls"][0]["function"]["arguments"] == {"a": 2, "b": 3}
