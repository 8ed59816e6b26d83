"""Tells prompts and answers in OpenTelemetry's form of messages.

The rule: what is not understood is told as it stands, as one text; nothing is told that the record
does not hold. The form:
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-input-messages.json
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-output-messages.json
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

Json = Any

_TEXTS = frozenset({"text", "input_text", "output_text"})
_ITEMS = frozenset({"function_call", "function_call_output"})
_BODIES = frozenset({"content", "parts", "tool_calls"})
# Gemini's role of the one who answers.
_ROLES: Mapping[str, str] = MappingProxyType({"model": "assistant"})
# The form's names of why an answer ended; others stay as they are.
_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "completed": "stop",
        "tool_calls": "tool_call",
        "tool_use": "tool_call",
        "function_call": "tool_call",
        "max_tokens": "length",
    }
)


def input_messages(prompt: str) -> str:
    """The messages of a prompt that is JSON, as JSON."""
    found = _loaded(prompt)
    if isinstance(found, Mapping):
        found = found.get("messages") or found.get("input") or found
    listed = found if isinstance(found, list) else [found]
    return orjson.dumps([_message(one, "user") for one in listed]).decode()


def output_messages(answer: str, ended: bool) -> str:
    """The messages of an answer that is JSON, as JSON; `ended` says whether it was whole."""
    found = _loaded(answer)
    listed = found if isinstance(found, list) else [found]
    messages = []
    for one in listed:
        message = _message(one, "assistant")
        said = one.get("finish_reason") if isinstance(one, Mapping) else None
        usual = "stop" if ended else "error"
        if any(part["type"] == "tool_call" for part in message["parts"]):
            usual = "tool_call" if ended else usual
        reason = said if isinstance(said, str) and said else usual
        messages.append({**message, "finish_reason": _REASONS.get(reason, reason)})
    return orjson.dumps(messages).decode()


def _loaded(text: str) -> Json:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # It was cut where it grew too long.
        return text


def _message(given: Json, role: str) -> dict[str, Json]:
    if not isinstance(given, Mapping):
        return {"role": role, "parts": [_text(given)]}
    if given.get("type") in _ITEMS:
        return _item(given)
    said = given.get("role")
    found = _ROLES.get(said, said) if isinstance(said, str) and said else role
    thought = given.get("reasoning_content")
    parts = [{"type": "reasoning", "content": thought}] if isinstance(thought, str) else []
    parts += _parts(given, found)
    calls = given.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, Mapping):
            parts.append(_call(call))
    if not parts and _BODIES.isdisjoint(given):
        parts.append(_text(given))
    return {"role": found, "parts": parts}


def _item(given: Mapping[str, Json]) -> dict[str, Json]:
    """A call of the Responses API, or what became of it."""
    id = given.get("call_id")
    if given["type"] == "function_call":
        return {"role": "assistant", "parts": [_call({**given, "id": id})]}
    response = {"type": "tool_call_response", "id": id, "response": given.get("output")}
    return {"role": "tool", "parts": [response]}


def _parts(given: Mapping[str, Json], role: str) -> list[dict[str, Json]]:
    content = given.get("content", given.get("parts"))
    if role == "tool":
        return [
            {"type": "tool_call_response", "id": given.get("tool_call_id"), "response": content}
        ]
    if content is None or content == "":
        return []
    return [_part(one) for one in (content if isinstance(content, list) else [content])]


def _part(given: Json) -> dict[str, Json]:
    if not isinstance(given, Mapping):
        return _text(given)
    kind = given.get("type")
    if kind in _TEXTS or (kind is None and isinstance(given.get("text"), str)):
        return _text(given.get("text", ""))
    if kind == "thinking":
        return {"type": "reasoning", "content": str(given.get("thinking", ""))}
    if kind == "tool_use":
        return _called(given.get("id"), given.get("name"), given.get("input"))
    if kind == "tool_result":
        return {
            "type": "tool_call_response",
            "id": given.get("tool_use_id"),
            "response": given.get("content"),
        }
    # Any other part may stand as it is, as long as it has a type.
    return {**given, "type": kind if isinstance(kind, str) else "unknown"}


def _call(given: Mapping[str, Json]) -> dict[str, Json]:
    function = given.get("function")
    inner = function if isinstance(function, Mapping) else given
    arguments = inner.get("arguments")
    return _called(
        given.get("id"),
        inner.get("name"),
        _loaded(arguments) if isinstance(arguments, str) else arguments,
    )


def _called(id: Json, name: Json, arguments: Json) -> dict[str, Json]:
    return {"type": "tool_call", "id": id, "name": str(name or ""), "arguments": arguments}


def _text(given: Json) -> dict[str, Json]:
    words = given if isinstance(given, str) else orjson.dumps(given).decode()
    return {"type": "text", "content": words}
