"""Reasoning comes back on the next turn, though OpenAI's SDK and Anthropic's do not keep it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic
from google import genai
from google.genai import types
from openai import OpenAI

from tests.e2e.configs import config, entry
from tests.e2e.gateway import KEY, Gateway, running
from tests.e2e.sdk import client

SIGNATURE = "EqQBCkYIBRgCKkD+/w==/byte-for+byte=="
CALL = "toolu_01A09q90qw90lq917835lq9"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}

ANTHROPIC_EVENTS = (
    {
        "type": "message_start",
        "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
            "content": [], "stop_reason": None, "usage": {"input_tokens": 9, "output_tokens": 1},
        },
    },
    {
        "type": "content_block_start", "index": 0,
        "content_block": {"type": "thinking", "thinking": "", "signature": ""},
    },
    {
        "type": "content_block_delta", "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "Rome has "},
    },
    {
        "type": "content_block_delta", "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "weather.\n"},
    },
    {
        "type": "content_block_delta", "index": 0,
        "delta": {"type": "signature_delta", "signature": SIGNATURE},
    },
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start", "index": 1,
        "content_block": {"type": "tool_use", "id": CALL, "name": "weather", "input": {}},
    },
    {
        "type": "content_block_delta", "index": 1,
        "delta": {"type": "input_json_delta", "partial_json": '{"city":"Rome"}'},
    },
    {"type": "content_block_stop", "index": 1},
    {
        "type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 20},
    },
    {"type": "message_stop"},
)  # fmt: skip
GEMINI_PARTS = [
    {"text": "Rome has weather.", "thought": True},
    {
        "functionCall": {"id": "fc-1", "name": "weather", "args": {"city": "Rome"}},
        "thoughtSignature": SIGNATURE,
    },
    {"functionCall": {"id": "fc-2", "name": "weather", "args": {"city": "Oslo"}}},
]
GEMINI = {
    "candidates": [
        {"content": {"role": "model", "parts": GEMINI_PARTS}, "finishReason": "STOP", "index": 0}
    ],
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 9, "totalTokenCount": 18},
    "modelVersion": "gemini-3-pro",
    "responseId": "r1",
}
DEEPSEEK = {
    "id": "c1", "object": "chat.completion", "created": 1, "model": "deepseek-chat",
    "choices": [
        {
            "index": 0, "finish_reason": "tool_calls",
            "message": {
                "role": "assistant", "content": "", "reasoning_content": "Rome has weather.",
                "tool_calls": [
                    {
                        "id": "call_00_x", "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Rome"}'},
                    }
                ],
            },
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18},
}  # fmt: skip


def stream(events: Any) -> bytes:
    """Server-sent events with their names, as Anthropic writes them."""
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (one["type"].encode(), json.dumps(one).encode())
        for one in events
    )


class Scripted:
    """A provider that says the same again and again, and remembers what it was asked."""

    def __init__(self) -> None:
        self.replies: dict[str, tuple[str, bytes]] = {}
        self.asked: list[dict[str, Any]] = []
        self.url = ""

    def answer(self, path: str, body: bytes) -> tuple[str, bytes]:
        """What it says at a path."""
        self.asked.append(json.loads(body))
        return next(reply for part, reply in self.replies.items() if part in path)


def _handler(scripted: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            kind, body = scripted.answer(self.path, self.rfile.read(length))
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

    return Handler


@contextmanager
def provider() -> Iterator[Scripted]:
    """A provider on a thread of its own."""
    scripted = Scripted()
    document = "application/json"
    scripted.replies = {
        "/v1/messages": ("text/event-stream", stream(ANTHROPIC_EVENTS)),
        ":generateContent": (document, json.dumps(GEMINI).encode()),
        ":streamGenerateContent": (
            "text/event-stream",
            b"data: " + json.dumps(GEMINI).encode() + b"\r\n\r\n",
        ),
        "/chat/completions": (document, json.dumps(DEEPSEEK).encode()),
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(scripted))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    scripted.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield scripted
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture(scope="module")
def scripted() -> Iterator[Scripted]:
    """The provider of all tests here."""
    with provider() as found:
        yield found


@pytest.fixture(scope="module")
def gateway(scripted: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway before it."""
    folder: Path = tmp_path_factory.mktemp("reasoning")
    models = config(
        entry("claude", "anthropic/claude-sonnet-4-5", scripted.url),
        entry("gemini", "gemini/gemini-3-pro", f"{scripted.url}/v1beta"),
        entry("deepseek", "deepseek/deepseek-chat", f"{scripted.url}/v1"),
    )
    with running(folder, models) as found:
        yield found


@pytest.fixture
def sdk(gateway: Gateway) -> Iterator[OpenAI]:
    """A client that keeps no thoughts."""
    with client(gateway) as found:
        yield found


def two_turns(sdk: OpenAI, model: str, scripted: Scripted, streamed: bool = False) -> Any:
    """What the provider was asked in the second turn, when the client keeps what the SDK's types
    know: the words and the calls."""
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Rome?"}]
    given: Any = {"model": model, "tools": [FUNCTION], "reasoning_effort": "high"}
    calls: list[Any]
    if streamed:
        with sdk.chat.completions.stream(messages=messages, **given) as events:
            message = events.get_final_completion().choices[0].message
    else:
        message = sdk.chat.completions.create(messages=messages, **given).choices[0].message
    calls = [
        {
            "id": one.id,
            "type": "function",
            "function": {"name": one.function.name, "arguments": one.function.arguments},
        }
        for one in message.tool_calls or []
        if one.type == "function"
    ]
    assert calls
    messages.append({"role": "assistant", "content": message.content, "tool_calls": calls})
    messages += [{"role": "tool", "tool_call_id": one["id"], "content": "sunny"} for one in calls]
    scripted.asked.clear()
    if streamed:
        with sdk.chat.completions.stream(messages=messages, **given) as events:
            events.until_done()
    else:
        sdk.chat.completions.create(messages=messages, **given)
    return scripted.asked[-1]


def test_claudes_signed_thinking_comes_back_byte_for_byte(sdk: OpenAI, scripted: Scripted) -> None:
    asked = two_turns(sdk, "claude", scripted, streamed=True)
    assert asked["thinking"]["type"] == "enabled"
    assert asked["messages"][1] == {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Rome has weather.\n", "signature": SIGNATURE},
            {"type": "tool_use", "id": CALL, "name": "weather", "input": {"city": "Rome"}},
        ],
    }


@pytest.mark.parametrize("streamed", [False, True])
def test_geminis_signature_comes_back_on_the_call_that_had_it(
    sdk: OpenAI, scripted: Scripted, streamed: bool
) -> None:
    asked = two_turns(sdk, "gemini", scripted, streamed)
    assert asked["contents"][1] == {"role": "model", "parts": GEMINI_PARTS[1:]}


def test_an_anthropic_client_brings_geminis_signature_back(
    gateway: Gateway, scripted: Scripted
) -> None:
    tool: Any = {"name": "weather", "input_schema": PARAMETERS}
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Rome?"}]
    with Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0) as sdk:
        given: Any = {"model": "gemini", "max_tokens": 3000, "tools": [tool]}
        first = sdk.messages.create(messages=messages, **given)
        messages.append({"role": "assistant", "content": first.content})
        results = [
            {"type": "tool_result", "tool_use_id": one.id, "content": "sunny"}
            for one in first.content
            if one.type == "tool_use"
        ]
        messages.append({"role": "user", "content": results})
        scripted.asked.clear()
        sdk.messages.create(messages=messages, **given)
    assert scripted.asked[-1]["contents"][1]["parts"] == GEMINI_PARTS[1:]


def test_an_anthropic_client_brings_deepseeks_reasoning_back(
    gateway: Gateway, scripted: Scripted
) -> None:
    tool: Any = {"name": "weather", "input_schema": PARAMETERS}
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Rome?"}]
    with Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0) as sdk:
        given: Any = {"model": "deepseek", "max_tokens": 3000, "tools": [tool]}
        first = sdk.messages.create(messages=messages, **given)
        assert [one.type for one in first.content] == ["tool_use"]
        messages.append({"role": "assistant", "content": first.content})
        result = {"type": "tool_result", "tool_use_id": first.content[0].id, "content": "sunny"}
        messages.append({"role": "user", "content": [result]})
        scripted.asked.clear()
        sdk.messages.create(messages=messages, **given)
    turn = scripted.asked[-1]["messages"][1]
    assert turn["reasoning_content"] == "Rome has weather."


def test_a_google_client_brings_claudes_thinking_back(gateway: Gateway, scripted: Scripted) -> None:
    declared = types.FunctionDeclaration(name="weather", parameters_json_schema=PARAMETERS)
    wish = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])],
        max_output_tokens=9000,
        thinking_config=types.ThinkingConfig(thinking_budget=2000),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    options = types.HttpOptions(base_url=gateway.url)
    with genai.Client(api_key=KEY, http_options=options) as google:
        chat = google.chats.create(model="claude", config=wish)
        called = chat.send_message("What is the weather in Rome?").function_calls
        assert called
        scripted.asked.clear()
        answer = types.FunctionResponse(
            id=called[0].id, name="weather", response={"result": "sunny"}
        )
        chat.send_message(types.Part(function_response=answer))
    assert scripted.asked[-1]["messages"][1]["content"][0] == {
        "type": "thinking",
        "thinking": "Rome has weather.\n",
        "signature": SIGNATURE,
    }
