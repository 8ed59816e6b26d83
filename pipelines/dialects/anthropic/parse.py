"""Anthropic's Messages body into the hub.

The rule: every field is either understood here or rides along in `rest`; a block that is only
Anthropic's own becomes an `Opaque` part; a field of the wrong shape is a BadCall that names it.
Source: https://docs.anthropic.com/en/api/messages
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pipelines.dialects.anthropic.client_tools import client_tool
from pipelines.dialects.anthropic.errors import no_threads
from pipelines.errors import BadCall
from pipelines.prompt import (
    CacheMark,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Prompt,
    Reasoning,
    ReplyFormat,
    Role,
    Sampling,
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

FAMILY = "anthropic"

_ROLES: tuple[Role, ...] = ("system", "user", "assistant")
_UNDERSTOOD = frozenset(
    {
        "model", "messages", "system", "stream", "max_tokens", "temperature", "top_p", "top_k",
        "stop_sequences", "tools", "tool_choice", "thinking", "output_config", "output_format",
        "metadata", "service_tier",
    }
)  # fmt: skip


def parse(body: Mapping[str, Any]) -> Prompt:
    """What a Messages body means. Raises BadCall, and Unsupported for a conversation that only the
    provider holds."""
    if body.get("thread") is not None:
        raise no_threads()
    choice = _object(body.get("tool_choice"), "tool_choice")
    config = _object(body.get("output_config"), "output_config")
    return Prompt(
        model=body["model"],
        messages=_system(body.get("system")) + _messages(body["messages"]),
        family=FAMILY,
        stream=body.get("stream") is True,
        tools=_tools(body.get("tools")),
        tool_choice=_tool_choice(choice),
        parallel_tool_calls=_parallel(choice),
        sampling=_sampling(body),
        reasoning=_reasoning(body, config),
        format=_format(config.get("format") or body.get("output_format")),
        user=_object(body.get("metadata"), "metadata").get("user_id"),
        service_tier=body.get("service_tier"),
        rest=_rest_of(body, config),
    )


def _rest_of(body: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in body.items() if key not in _UNDERSTOOD}
    left = {key: value for key, value in config.items() if key not in ("format", "effort")}
    return {**rest, "output_config": left} if left else rest


def _object(value: object, name: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadCall(f"The field {name!r} must be an object.", name)
    return value


def _number(body: Mapping[str, Any], name: str) -> Any:
    value = body.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise BadCall(f"The field {name!r} must be a number.", name)
    return value


def _sampling(body: Mapping[str, Any]) -> Sampling:
    stop = body.get("stop_sequences") or []
    if not isinstance(stop, list):
        raise BadCall("The field 'stop_sequences' must be a list.", "stop_sequences")
    return Sampling(
        max_tokens=_number(body, "max_tokens"),
        temperature=_number(body, "temperature"),
        top_p=_number(body, "top_p"),
        top_k=_number(body, "top_k"),
        stop=list(stop),
    )


def _reasoning(body: Mapping[str, Any], config: Mapping[str, Any]) -> Reasoning | None:
    thinking = _object(body.get("thinking"), "thinking")
    effort = config.get("effort")
    kind = thinking.get("type")
    if kind is None:
        return Reasoning(effort=effort) if effort else None
    if kind == "disabled":
        return Reasoning(effort="none")
    shown = thinking.get("display")
    show = None if shown is None else shown != "omitted"
    return Reasoning(effort, thinking.get("budget_tokens"), kind == "adaptive", show)


def _format(value: object) -> ReplyFormat | None:
    if not isinstance(value, Mapping) or value.get("type") != "json_schema":
        return None
    return ReplyFormat("schema", schema=value.get("schema"))


def _tools(value: object) -> list[Tool]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise BadCall("The field 'tools' must be a list of objects.", "tools")
    return [_tool(one) for one in value]


def _tool(one: Mapping[str, Any]) -> Tool:
    kind = one.get("type") or "custom"
    if kind != "custom":
        known = client_tool(one, _mark(one))
        if known is not None:
            return known
        return Tool(name=str(one.get("name") or ""), kind=str(kind), rest=dict(one))
    return Tool(
        name=str(one.get("name") or ""),
        description=one.get("description") or "",
        parameters=one.get("input_schema"),
        strict=one.get("strict"),
        cache=_mark(one),
        rest=_rest(one, "type", "name", "description", "input_schema", "strict"),
    )


def _tool_choice(choice: Mapping[str, Any]) -> ToolChoice | None:
    kind = choice.get("type")
    if kind is None:
        return None
    if kind == "any":
        return ToolChoice("required")
    if kind == "tool" and isinstance(choice.get("name"), str):
        return ToolChoice("tool", choice["name"])
    if kind in ("auto", "none"):
        return ToolChoice(kind)
    raise BadCall("The field 'tool_choice' is not understood.", "tool_choice")


def _parallel(choice: Mapping[str, Any]) -> bool | None:
    disabled = choice.get("disable_parallel_tool_use")
    return None if disabled is None else not disabled


def _system(value: object) -> list[Message]:
    parts = _content(value, "system")
    return [Message("system", parts)] if parts else []


def _messages(value: object) -> list[Message]:
    if not isinstance(value, list):
        raise BadCall("The field 'messages' must be a list.", "messages")
    messages: list[Message] = []
    for at, one in enumerate(value):
        messages += _message(one, f"messages[{at}]")
    return messages


def _message(one: object, where: str) -> list[Message]:
    if not isinstance(one, Mapping) or one.get("role") not in _ROLES:
        raise BadCall(f"The field '{where}.role' is missing or unknown.", where)
    role: Role = one["role"]
    parts = _content(one.get("content"), f"{where}.content")
    rest = _rest(one, "role", "content")
    results: list[Part] = [part for part in parts if isinstance(part, ToolResult)]
    if not results:
        return [Message(role, parts, rest=rest)]
    if role != "user":
        raise BadCall(f"The field '{where}' has a tool_result outside of a user's turn.", where)
    others: list[Part] = [part for part in parts if not isinstance(part, ToolResult)]
    turns = [Message("tool", results)]
    return [*turns, Message("user", others, rest=rest)] if others else turns


def _content(value: object, where: str) -> list[Part]:
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [Text(value)]
    if not isinstance(value, list):
        raise BadCall(f"The field {where!r} must be a string or a list.", where)
    return [_part(one, f"{where}[{at}]") for at, one in enumerate(value)]


def _part(one: object, where: str) -> Part:
    if not isinstance(one, Mapping):
        raise BadCall(f"The field {where!r} must be an object.", where)
    kind, mark = one.get("type"), _mark(one)
    if kind == "text":
        return Text(_word(one, "text", where), mark, _rest(one, "type", "text"))
    if kind == "image":
        return _image(one, mark, where)
    if kind == "document":
        return _document(one, mark, where)
    if kind == "search_result":
        words = _content(one.get("content"), f"{where}.content")
        text = "\n".join(part.text for part in words if isinstance(part, Text))
        return Text(f"{one.get('title') or ''}\n{text}".strip(), mark, {"search_result": dict(one)})
    if kind == "thinking":
        signature = one.get("signature") or ""
        return Thought(_word(one, "thinking", where), signature, family=FAMILY)
    if kind == "redacted_thinking":
        return Thought(data=_word(one, "data", where), family=FAMILY)
    if kind == "tool_use":
        arguments = orjson.dumps(one.get("input") or {}).decode()
        rest = _rest(one, "type", "id", "name", "input")
        name = _word(one, "name", where)
        return ToolCall(_word(one, "id", where), name, arguments, cache=mark, rest=rest)
    if kind == "tool_result":
        return _tool_result(one, mark, where)
    if isinstance(kind, str) and kind:
        return Opaque(kind, FAMILY, dict(one))
    raise BadCall(f"The field '{where}.type' is missing.", where)


def _tool_result(one: Mapping[str, Any], mark: CacheMark | None, where: str) -> ToolResult:
    parts: list[Text | Image | File] = []
    for at, part in enumerate(_content(one.get("content"), f"{where}.content")):
        if isinstance(part, Opaque):
            # A `tool_reference` names a tool that a search has found: words, to all the others.
            name = str(part.rest.get("tool_name") or part.kind)
            part = Text(name, rest={part.kind: part.rest})
        if not isinstance(part, Text | Image | File):
            raise BadCall(f"The field '{where}.content[{at}]' cannot stand there.", where)
        parts.append(part)
    rest = _rest(one, "type", "tool_use_id", "content", "is_error")
    name = _word(one, "tool_use_id", where)
    return ToolResult(name, parts, error=one.get("is_error") is True, cache=mark, rest=rest)


def _image(one: Mapping[str, Any], mark: CacheMark | None, where: str) -> Image:
    source = _source(one, where)
    rest = _rest(one, "type", "source")
    kind = source.get("type")
    if kind == "base64":
        mime = str(source.get("media_type") or "")
        return Image(data=_word(source, "data", where), mime=mime, cache=mark, rest=rest)
    if kind == "url":
        return Image(url=_word(source, "url", where), cache=mark, rest=rest)
    if kind == "file":
        return Image(file_id=_word(source, "file_id", where), cache=mark, rest=rest)
    raise BadCall(f"The field '{where}.source' is not understood.", where)


def _document(one: Mapping[str, Any], mark: CacheMark | None, where: str) -> File:
    source = _source(one, where)
    kind = source.get("type")
    file = File(name=one.get("title") or "", cache=mark, rest=_rest(one, "type", "source", "title"))
    if kind == "base64":
        file.data = _word(source, "data", where)
        file.mime = str(source.get("media_type") or "application/pdf")
    elif kind == "text":
        file.text, file.mime = _word(source, "data", where), "text/plain"
    elif kind == "url":
        file.url = _word(source, "url", where)
    elif kind == "file":
        file.file_id = _word(source, "file_id", where)
    elif kind == "content":
        parts = _content(source.get("content"), f"{where}.source.content")
        if not all(isinstance(part, Text) for part in parts):
            raise BadCall(f"The field '{where}.source' holds more than text.", where)
        file.text = "\n".join(part.text for part in parts if isinstance(part, Text))
        file.rest["source"] = dict(source)
    else:
        raise BadCall(f"The field '{where}.source' is not understood.", where)
    return file


def _source(one: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    source = one.get("source")
    if not isinstance(source, Mapping):
        raise BadCall(f"The field '{where}.source' must be an object.", where)
    return source


def _word(one: Mapping[str, Any], name: str, where: str) -> str:
    value = one.get(name)
    if not isinstance(value, str):
        raise BadCall(f"The field '{where}.{name}' must be a string.", where)
    return value


def _mark(one: Mapping[str, Any]) -> CacheMark | None:
    mark = one.get("cache_control")
    return CacheMark(mark.get("ttl")) if isinstance(mark, Mapping) else None


def _rest(value: Mapping[str, Any], *known: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in known and key != "cache_control"}
