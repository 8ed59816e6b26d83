"""What the tests of this dialect share: reading replies, and summing up what they mean."""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deltas import (
    Consumed,
    Delta,
    Finish,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.anthropic.reader import MessagesInterpreter
from pipelines.dialects.anthropic.render import render
from pipelines.dialects.bridge import Interpreter
from pipelines.dialects.frames import SseFrames
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_chat.parse import parse as parse_chat
from pipelines.operations import MESSAGES
from pipelines.usage import Usage
from tests.builders import a_deployment
from tests.fakes.recordings import Recording, recordings

ENDPOINTS = ("messages", "vertex-anthropic")

PNG = {"type": "base64", "media_type": "image/png", "data": "aGk="}
MARK = {"type": "ephemeral", "ttl": "1h"}
RICH: dict[str, Any] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 3000,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": MARK}],
    "messages": [
        {
            "role": "user",
            "content": [{"type": "text", "text": "a"}, {"type": "image", "source": PNG}],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "", "signature": "sig=="},
                {"type": "redacted_thinking", "data": "xx"},
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": [1]}, "caller": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [{"type": "image", "source": PNG}],
                    "is_error": True,
                },
                {"type": "text", "text": "so?", "cache_control": {"type": "ephemeral"}},
            ],
        },
        {"role": "system", "content": "Hurry."},
    ],
    "tools": [
        {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}},
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
    "stop_sequences": ["X"],
    "metadata": {"user_id": "u"},
    "service_tier": "auto",
    "stream": True,
    "container": "c",
}  # fmt: skip


def given() -> list[Recording]:
    """The recorded answers of this dialect."""
    return [one for one in recordings() if one.endpoint in ENDPOINTS and one.status == 200]


def read(raw: bytes, streamed: bool, reader: Interpreter | None = None) -> list[Delta]:
    """What a reply means."""
    reader = reader or MessagesInterpreter("Acme")
    if not streamed:
        return reader.document(orjson.loads(raw))
    frames = SseFrames()
    deltas = [
        one
        for name, value in frames.feed(raw) + frames.close()
        for one in reader.event(name, value)
    ]
    return deltas + reader.end(frames.done)


def summed(deltas: list[Delta]) -> dict[str, Any]:
    """The text, reasoning, calls, reason and usage of a reply."""
    calls: dict[int, list[Any]] = {}
    usage: Usage | None = None
    text, thought, reason = "", "", ""
    for one in deltas:
        if isinstance(one, TextDelta | RefusalDelta):
            text += one.text
        elif isinstance(one, ThoughtDelta):
            thought += one.text
        elif isinstance(one, ToolBegin):
            calls[one.index] = [one.id, one.name, ""]
        elif isinstance(one, ToolArguments):
            calls[one.index][2] += one.text
        elif isinstance(one, Finish):
            reason = one.reason
        elif isinstance(one, Consumed):
            usage = one.usage
    for call in calls.values():
        call[2] = call[2] or "{}"
    return {
        "text": text,
        "thought": thought,
        "calls": list(calls.values()),
        "reason": reason,
        "usage": usage,
    }


def event(kind: str, **fields: Any) -> bytes:
    """One event as the provider sends it."""
    data = orjson.dumps({"type": kind, **fields})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def start(**usage: int) -> bytes:
    """The first event."""
    return event("message_start", message={"id": "msg_1", "model": "m", "usage": usage})


def losses(**options: Any) -> Losses:
    """An empty list of losses."""
    return Losses("Acme", **options)


def sent(
    model: str = "claude-sonnet-4-5", told: Losses | None = None, **chat: Any
) -> dict[str, Any]:
    """What Anthropic is sent for a chat body."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **chat}
    return render(parse_chat(body), a_deployment(model=model), told or losses())


def a_call(body: dict[str, Any], **headers: str) -> Call:
    """A call of an Anthropic client."""
    named = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
    return Call(MESSAGES, orjson.dumps(body), named)
