"""What `micro` translates: one long answer in every provider's framing, and one long prompt.

The rule: the events have the fields that the provider's own events have, and a few words each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.events import Media
from pipelines.prompt import Image, Message, Prompt, Sampling, Text, Tool, ToolCall, ToolResult
from tests.fuzz.wires import aws_message

EVENTS = 400
WORDS = "the gateway "
TURNS = 64
PICTURE = "iVBORw0KGgo" + "A" * (120_000 - 11)
PICTURES = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """A streamed answer: its events with words, and those after them."""

    media: Media
    events: tuple[bytes, ...]
    end: tuple[bytes, ...]


def _sse(value: Mapping[str, Any], name: str = "") -> bytes:
    named = f"event: {name}\n".encode() if name else b""
    return named + b"data: " + orjson.dumps(value) + b"\n\n"


def _openai_chat() -> Answer:
    def chunk(delta: object, reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _sse({**frame, "choices": [choice], "usage": None})

    frame = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "gpt-4o",
        "system_fingerprint": "fp_1",
    }
    usage = {"prompt_tokens": 9, "completion_tokens": EVENTS, "total_tokens": 9 + EVENTS}
    words = [chunk({"content": WORDS}) for _ in range(EVENTS)]
    end = (chunk({}, "stop"), _sse({**frame, "choices": [], "usage": usage}), b"data: [DONE]\n\n")
    return Answer(Media.SSE, (chunk({"role": "assistant", "content": ""}), *words), end)


def _anthropic() -> Answer:
    def event(kind: str, **more: Any) -> bytes:
        return _sse({"type": kind, **more}, kind)

    usage = {"input_tokens": 9, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "model": "claude", "usage": usage}
    delta = {"type": "text_delta", "text": WORDS}
    begin = (
        event("message_start", message=message),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    )
    words = [event("content_block_delta", index=0, delta=delta) for _ in range(EVENTS)]
    end = (
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": EVENTS}),
        event("message_stop"),
    )
    return Answer(Media.SSE, (*begin, *words), end)


def _bedrock() -> Answer:
    delta = {"contentBlockIndex": 0, "delta": {"text": WORDS}, "p": "abcdefghij"}
    words = [aws_message("contentBlockDelta", delta) for _ in range(EVENTS)]
    usage = {"inputTokens": 9, "outputTokens": EVENTS, "totalTokens": 9 + EVENTS}
    end = (
        aws_message("contentBlockStop", {"contentBlockIndex": 0}),
        aws_message("messageStop", {"stopReason": "end_turn"}),
        aws_message("metadata", {"usage": usage, "metrics": {"latencyMs": 9}}),
    )
    return Answer(Media.AWS, (aws_message("messageStart", {"role": "assistant"}), *words), end)


def _gemini() -> Answer:
    def chunk(number: int, **more: Any) -> bytes:
        content = {"parts": [{"text": WORDS}], "role": "model"}
        usage = {
            "promptTokenCount": 9,
            "candidatesTokenCount": number,
            "totalTokenCount": 9 + number,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
        }
        said = {"candidates": [{"content": content, "index": 0, **more}], "usageMetadata": usage}
        return _sse({**said, "modelVersion": "gemini-2.5-flash", "responseId": "r1"})

    words = tuple(chunk(number) for number in range(EVENTS))
    return Answer(Media.SSE, words, (chunk(EVENTS, finishReason="STOP"),))


ANSWERS: Mapping[str, Callable[[], Answer]] = MappingProxyType(
    {
        "openai-chat": _openai_chat,
        "anthropic-messages": _anthropic,
        "bedrock-converse": _bedrock,
        "gemini-generate": _gemini,
    }
)


def prompt(family: str) -> Prompt:
    """About a megabyte: pictures, many turns of words, a tool, its call and its result."""
    pictures = [Image(data=PICTURE, mime="image/png") for _ in range(PICTURES)]
    paragraph = "Explain in plain words how a gateway keeps its ledger right. " * 64
    messages = [Message("user", [Text("What do these show?"), *pictures])]
    for number in range(TURNS):
        messages += [
            Message("assistant", [Text(paragraph), ToolCall(f"call_{number}", "look", '{"a":1}')]),
            Message("tool", [ToolResult(f"call_{number}", [Text(paragraph)])]),
        ]
    messages.append(Message("user", [Text("And now?")]))
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    return Prompt(
        model="m",
        messages=messages,
        family=family,
        tools=[Tool("look", "Looks closer.", schema)],
        sampling=Sampling(max_tokens=256),
    )
