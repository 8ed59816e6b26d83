"""OpenAI's chat body into the hub.

The rule: every field is either understood here or rides along in `rest`; a field of the wrong shape
is a BadCall that names it. Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import orjson

from pipelines.errors import BadCall
from pipelines.prompt import (
    Audio,
    CacheMark,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Prompt,
    Reasoning,
    Refusal,
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

FAMILY = "openai"

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_UNDERSTOOD = frozenset(
    {
        "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens",
        "temperature", "top_p", "top_k", "min_p", "n", "seed", "stop", "presence_penalty",
        "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "tools", "tool_choice",
        "parallel_tool_calls", "functions", "function_call", "response_format",
        "reasoning_effort", "thinking", "user", "service_tier", "verbosity", "metadata",
    }
)  # fmt: skip


def parse(body: Mapping[str, Any]) -> Prompt:
    """What a chat body means. Raises BadCall."""
    return Prompt(
        model=body["model"],
        messages=_messages(body["messages"]),
        family=FAMILY,
        stream=body.get("stream") is True,
        tools=_tools(body),
        tool_choice=_tool_choice(body),
        parallel_tool_calls=body.get("parallel_tool_calls"),
        sampling=_sampling(body),
        reasoning=_reasoning(body),
        format=_format(body.get("response_format")),
        user=body.get("user"),
        service_tier=body.get("service_tier"),
        verbosity=body.get("verbosity"),
        metadata=body.get("metadata"),
        rest={key: value for key, value in body.items() if key not in _UNDERSTOOD},
    )


def _sampling(body: Mapping[str, Any]) -> Sampling:
    limit = body.get("max_completion_tokens")
    stop = body.get("stop") or []
    return Sampling(
        max_tokens=_number(body.get("max_tokens") if limit is None else limit, "max_tokens", int),
        temperature=_number(body.get("temperature"), "temperature", float),
        top_p=_number(body.get("top_p"), "top_p", float),
        top_k=_number(body.get("top_k"), "top_k", int),
        min_p=_number(body.get("min_p"), "min_p", float),
        n=_number(body.get("n"), "n", int),
        seed=_number(body.get("seed"), "seed", int),
        stop=[stop] if isinstance(stop, str) else list(stop),
        presence_penalty=_number(body.get("presence_penalty"), "presence_penalty", float),
        frequency_penalty=_number(body.get("frequency_penalty"), "frequency_penalty", float),
        logit_bias=body.get("logit_bias"),
        logprobs=body.get("logprobs"),
        top_logprobs=_number(body.get("top_logprobs"), "top_logprobs", int),
    )


def _number(value: object, name: str, kind: type) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadCall(f"The field {name!r} must be a number.", name)
    return value if kind is float else int(value)


def _reasoning(body: Mapping[str, Any]) -> Reasoning | None:
    thinking = body.get("thinking")
    effort = body.get("reasoning_effort")
    if isinstance(thinking, Mapping):
        kind = thinking.get("type")
        if kind == "disabled":
            return Reasoning(effort="none")
        return Reasoning(effort, thinking.get("budget_tokens"), kind == "adaptive", show=True)
    return Reasoning(effort=effort) if isinstance(effort, str) else None


def _format(value: object) -> ReplyFormat | None:
    if isinstance(value, str):
        # OpenWebUI sends what was typed into its settings: JSON in a string.
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise BadCall("The field 'response_format' is no object.", "response_format") from None
    if not isinstance(value, Mapping) or value.get("type") in (None, "text"):
        return None
    if value.get("type") == "json_object":
        return ReplyFormat("json")
    schema = value.get("json_schema")
    if value.get("type") != "json_schema" or not isinstance(schema, Mapping):
        raise BadCall("The field 'response_format' is not understood.", "response_format")
    return ReplyFormat(
        "schema",
        schema=schema.get("schema"),
        name=schema.get("name") or "",
        description=schema.get("description") or "",
        strict=schema.get("strict"),
    )


def _tools(body: Mapping[str, Any]) -> list[Tool]:
    tools = [_tool(one) for one in body.get("tools") or [] if isinstance(one, Mapping)]
    return tools + [_function(one, {}, None) for one in body.get("functions") or []]


def _tool(one: Mapping[str, Any]) -> Tool:
    mark = cache_mark(one)
    if isinstance(one.get("function"), Mapping):
        return _function(one["function"], _rest(one, "type", "function", "cache_control"), mark)
    if one.get("type") == "custom" and isinstance(one.get("custom"), Mapping):
        custom = one["custom"]
        return Tool(
            name=custom.get("name") or "",
            description=custom.get("description") or "",
            kind="custom",
            cache=mark,
            rest=_rest(custom, "name", "description"),
        )
    return Tool(name=str(one.get("name") or ""), kind=str(one.get("type") or ""), rest=dict(one))


def _function(function: Mapping[str, Any], rest: dict[str, Any], mark: CacheMark | None) -> Tool:
    return Tool(
        name=function.get("name") or "",
        description=function.get("description") or "",
        parameters=function.get("parameters"),
        strict=function.get("strict"),
        cache=mark or cache_mark(function),
        rest=rest,
    )


def _tool_choice(body: Mapping[str, Any]) -> ToolChoice | None:
    choice = body.get("tool_choice") or body.get("function_call")
    if choice in ("auto", "none", "required"):
        return ToolChoice(choice)
    if choice == "any":
        return ToolChoice("required")
    if isinstance(choice, Mapping):
        named = choice.get("function") or choice.get("custom") or choice
        if isinstance(named, Mapping) and named.get("name"):
            return ToolChoice("tool", named["name"])
    if choice is None:
        return None
    raise BadCall("The field 'tool_choice' is not understood.", "tool_choice")


def _messages(value: object) -> list[Message]:
    if not isinstance(value, list):
        raise BadCall("The field 'messages' must be a list.", "messages")
    return [_message(one, f"messages[{at}]") for at, one in enumerate(value)]


def _message(one: object, where: str) -> Message:
    if not isinstance(one, Mapping) or one.get("role") not in _ROLES:
        raise BadCall(f"The field '{where}.role' is missing or unknown.", where)
    role = one["role"]
    if role in ("tool", "function"):
        result = ToolResult(
            id=one.get("tool_call_id") or "",
            name=one.get("name") or "",
            parts=cast("list[Text | Image | File]", _content(one.get("content"), where)),
            cache=cache_mark(one),
        )
        return Message("tool", [result])
    parts = (
        _thoughts(one) + _content(one.get("content"), where)
        if role == "assistant"
        else (_content(one.get("content"), where))
    )
    if isinstance(one.get("refusal"), str):
        parts.append(Refusal(one["refusal"]))
    parts += _tool_calls(one)
    if cache_mark(one) and parts and not isinstance(parts[-1], Thought | Refusal | Opaque):
        parts[-1].cache = cache_mark(one)
    rest = _rest(
        one, "role", "content", "name", "refusal", "tool_calls", "function_call", "tool_call_id",
        "reasoning_content", "reasoning", "thinking_blocks", "cache_control",
    )  # fmt: skip
    return Message(cast(Role, role), parts, one.get("name"), rest)


def _thoughts(one: Mapping[str, Any]) -> list[Part]:
    blocks = one.get("thinking_blocks")
    if isinstance(blocks, list) and blocks:
        return [
            Thought(
                text=block.get("thinking") or "",
                signature=block.get("signature") or "",
                data=block.get("data") or "",
                family=block.get("family") or "anthropic",
            )
            for block in blocks
            if isinstance(block, Mapping)
        ]
    text = one.get("reasoning_content") or one.get("reasoning")
    return [Thought(text=text)] if isinstance(text, str) and text else []


def _tool_calls(one: Mapping[str, Any]) -> list[Part]:
    calls: list[Part] = []
    for call in one.get("tool_calls") or []:
        custom = call.get("type") == "custom"
        function = call.get("custom" if custom else "function") or {}
        calls.append(
            ToolCall(
                id=call.get("id") or "",
                name=function.get("name") or "",
                arguments=_arguments(function.get("input" if custom else "arguments")),
                signature=_signature(call),
                custom=custom,
                rest=_rest(call, "id", "type", "function", "custom", "index", "extra_content"),
            )
        )
    function = one.get("function_call")
    if isinstance(function, Mapping):
        name = function.get("name") or ""
        calls.append(ToolCall(name, name, _arguments(function.get("arguments"))))
    return calls


def _arguments(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()


def _signature(call: Mapping[str, Any]) -> str:
    # Where Google's own OpenAI face puts it.
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, Mapping) else None
    return google.get("thought_signature") or "" if isinstance(google, Mapping) else ""


def _content(value: object, where: str) -> list[Part]:
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [Text(value)]
    if not isinstance(value, list):
        raise BadCall(f"The field '{where}.content' must be a string or a list.", where)
    return [_part(one, f"{where}.content[{at}]") for at, one in enumerate(value)]


def _part(one: object, where: str) -> Part:
    if isinstance(one, str):
        return Text(one)
    if not isinstance(one, Mapping):
        raise BadCall(f"The field '{where}' must be an object.", where)
    kind, mark = one.get("type"), cache_mark(one)
    if kind in ("text", "input_text", "output_text"):
        return Text(one.get("text") or "", mark)
    if kind == "refusal":
        return Refusal(one.get("refusal") or "")
    if kind in ("image_url", "input_image"):
        return _image(one.get("image_url"), mark)
    if kind == "input_audio" and isinstance(one.get("input_audio"), Mapping):
        sound = one["input_audio"]
        return Audio(sound.get("data") or "", sound.get("format") or "wav", mark)
    if kind == "file" and isinstance(one.get("file"), Mapping):
        return _file(one["file"], mark)
    raise BadCall(f"The field '{where}' has the unknown type {kind!r}.", where)


def _image(value: object, mark: CacheMark | None) -> Image:
    url = value.get("url") if isinstance(value, Mapping) else value
    detail = value.get("detail") if isinstance(value, Mapping) else None
    mime, data = split_data_url(url if isinstance(url, str) else "")
    if data:
        return Image(data=data, mime=mime, detail=detail, cache=mark)
    return Image(url=str(url or ""), detail=detail, cache=mark)


def _file(value: Mapping[str, Any], mark: CacheMark | None) -> File:
    mime, data = split_data_url(value.get("file_data") or "")
    return File(
        data=data or value.get("file_data") or "",
        mime=mime or ("application/pdf" if value.get("file_data") else ""),
        name=value.get("filename") or "",
        file_id=value.get("file_id") or "",
        cache=mark,
    )


def split_data_url(url: str) -> tuple[str, str]:
    """The type and the base64 data of a data URL; two empty strings where it is none."""
    if not url.startswith("data:"):
        return "", ""
    head, _, data = url[5:].partition(",")
    return head.partition(";")[0] or "text/plain", data


def cache_mark(value: Mapping[str, Any]) -> CacheMark | None:
    """The cache marker that Anthropic's and OpenRouter's clients put on parts, tools and turns."""
    mark = value.get("cache_control")
    return CacheMark(mark.get("ttl")) if isinstance(mark, Mapping) else None


def _rest(value: Mapping[str, Any], *known: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in known}
