"""Cohere's chat body into the hub.

The rule: every field is either understood here or rides along in `rest`; a field of the wrong shape
is a BadCall that names it. Source: https://docs.cohere.com/v2/reference/chat
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import orjson

from pipelines.dialects.openai_chat.parse import split_data_url
from pipelines.errors import BadCall
from pipelines.prompt import (
    File,
    Image,
    Message,
    Part,
    Prompt,
    Reasoning,
    ReplyFormat,
    Sampling,
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

FAMILY = "cohere"

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
_UNDERSTOOD = frozenset(
    {
        "model", "messages", "stream", "tools", "tool_choice", "strict_tools", "response_format",
        "max_tokens", "temperature", "p", "k", "seed", "frequency_penalty", "presence_penalty",
        "stop_sequences", "logprobs", "thinking",
    }
)  # fmt: skip
_CHOICES: Mapping[str, Literal["none", "required"]] = MappingProxyType(
    {"NONE": "none", "REQUIRED": "required"}
)


def parse(body: Mapping[str, Any]) -> Prompt:
    """What a chat body means. Raises BadCall."""
    choice = body.get("tool_choice")
    if choice is not None and choice not in _CHOICES:
        raise BadCall("The field 'tool_choice' must be REQUIRED or NONE.", "tool_choice")
    return Prompt(
        model=body["model"],
        messages=_messages(body["messages"]),
        family=FAMILY,
        stream=body.get("stream") is True,
        tools=[_tool(one, body.get("strict_tools")) for one in _list(body, "tools")],
        tool_choice=None if choice is None else ToolChoice(_CHOICES[choice]),
        sampling=_sampling(body),
        reasoning=_reasoning(body.get("thinking")),
        format=_format(body.get("response_format")),
        rest={key: value for key, value in body.items() if key not in _UNDERSTOOD},
    )


def _list(body: Mapping[str, Any], name: str) -> list[Any]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadCall(f"The field {name!r} must be a list.", name)
    return value


def _sampling(body: Mapping[str, Any]) -> Sampling:
    return Sampling(
        max_tokens=_number(body, "max_tokens", int),
        temperature=_number(body, "temperature", float),
        top_p=_number(body, "p", float),
        top_k=_number(body, "k", int),
        seed=_number(body, "seed", int),
        stop=[str(one) for one in _list(body, "stop_sequences")],
        presence_penalty=_number(body, "presence_penalty", float),
        frequency_penalty=_number(body, "frequency_penalty", float),
        logprobs=body.get("logprobs"),
    )


def _number(body: Mapping[str, Any], name: str, kind: type) -> Any:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadCall(f"The field {name!r} must be a number.", name)
    return value if kind is float else int(value)


def _reasoning(thinking: object) -> Reasoning | None:
    if not isinstance(thinking, Mapping):
        return None
    if thinking.get("type") == "disabled":
        return Reasoning(effort="none")
    return Reasoning(budget=thinking.get("token_budget"), show=True)


def _format(value: object) -> ReplyFormat | None:
    if not isinstance(value, Mapping) or value.get("type") in (None, "text"):
        return None
    if value["type"] != "json_object":
        raise BadCall("The field 'response_format' is not understood.", "response_format")
    # `schema` is the older name (https://docs.cohere.com/docs/structured-outputs).
    schema = value.get("json_schema") or value.get("schema")
    if not isinstance(schema, Mapping):
        return ReplyFormat("json")
    return ReplyFormat("schema", schema=schema, name=str(schema.get("title") or "reply"))


def _tool(one: object, strict: object) -> Tool:
    function = one.get("function") if isinstance(one, Mapping) else None
    if not isinstance(function, Mapping) or not function.get("name"):
        raise BadCall("The field 'tools' holds something that is no function.", "tools")
    return Tool(
        name=str(function["name"]),
        description=function.get("description") or "",
        parameters=function.get("parameters"),
        strict=True if strict is True else None,
    )


def _messages(value: object) -> list[Message]:
    if not isinstance(value, list):
        raise BadCall("The field 'messages' must be a list.", "messages")
    messages: list[Message] = []
    for at, one in enumerate(value):
        message = _message(one, f"messages[{at}]")
        if message.role == "tool" and messages and messages[-1].role == "tool":
            messages[-1].parts += message.parts
        else:
            messages.append(message)
    return messages


def _message(one: object, where: str) -> Message:
    if not isinstance(one, Mapping) or one.get("role") not in _ROLES:
        raise BadCall(f"The field '{where}.role' is missing or unknown.", where)
    role, parts = one["role"], _content(one.get("content"), where)
    if role == "tool":
        kept = [part for part in parts if isinstance(part, Text | Image | File)]
        return Message("tool", [ToolResult(str(one.get("tool_call_id") or ""), kept)])
    if role == "assistant":
        plan = one.get("tool_plan")
        if isinstance(plan, str) and plan:
            parts.insert(0, Thought(plan))
        parts += [_call(call, where) for call in one.get("tool_calls") or ()]
    return Message(role, parts)


def _call(call: object, where: str) -> ToolCall:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(function, Mapping):
        raise BadCall(f"The field '{where}.tool_calls' holds something that is no call.", where)
    words = function.get("arguments")
    if words is not None and not isinstance(words, str):
        words = orjson.dumps(words).decode()
    return ToolCall(str(call.get("id") or ""), str(function.get("name") or ""), words or "{}")


def _content(value: object, where: str) -> list[Part]:
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [Text(value)]
    if not isinstance(value, list):
        raise BadCall(f"The field '{where}.content' must be a string or a list.", where)
    return [_part(one, f"{where}.content[{at}]") for at, one in enumerate(value)]


def _part(one: object, where: str) -> Part:
    if not isinstance(one, Mapping):
        raise BadCall(f"The field '{where}' must be an object.", where)
    kind = one.get("type")
    if kind == "text":
        return Text(str(one.get("text") or ""))
    if kind == "thinking":
        return Thought(str(one.get("thinking") or ""))
    if kind == "image_url":
        return _image(one.get("image_url"))
    if kind == "document" and isinstance(one.get("document"), Mapping):
        data = one["document"].get("data")
        return Text(data if isinstance(data, str) else orjson.dumps(data).decode())
    raise BadCall(f"The field '{where}' has the unknown type {kind!r}.", where)


def _image(value: object) -> Image:
    url = value.get("url") if isinstance(value, Mapping) else value
    detail = value.get("detail") if isinstance(value, Mapping) else None
    mime, data = split_data_url(url if isinstance(url, str) else "")
    if data:
        return Image(data=data, mime=mime, detail=detail)
    return Image(url=str(url or ""), detail=detail)
