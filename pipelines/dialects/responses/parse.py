"""A Responses body into the hub.

The rule: every field is understood here, rides along in `rest`, or is refused by its name; what
only OpenAI's own servers can do is put into `rest` under the name by which its loss is told.
Source: https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import orjson

from pipelines.dialects.openai_chat.parse import split_data_url
from pipelines.dialects.responses.envelope import unwrap
from pipelines.errors import BadCall
from pipelines.prompt import (
    Audio,
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

FAMILY = "openai-responses"
ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"

_ROLES = frozenset({"system", "developer", "user", "assistant"})
_STATE = ("previous_response_id", "conversation", "background", "prompt")
_UNDERSTOOD = frozenset(
    {
        "model", "input", "instructions", "stream", "stream_options", "max_output_tokens",
        "temperature", "top_p", "top_logprobs", "tools", "tool_choice", "parallel_tool_calls",
        "text", "reasoning", "user", "service_tier", "metadata", "include", "store", *_STATE,
    }
)  # fmt: skip
# What OpenAI's servers did by themselves in an earlier turn; its outcome is in the words after it.
_SERVED = frozenset(
    {
        "web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call",
        "computer_call", "mcp_call", "mcp_list_tools", "mcp_approval_request",
        "mcp_approval_response", "tool_search_call", "tool_search_output", "x_search_call",
    }
)  # fmt: skip
# An earlier part of the conversation, which only its maker can read:
# https://platform.openai.com/docs/guides/conversation-state
_COMPACTED = frozenset({"compaction", "compaction_summary", "context_compaction"})


def parse(body: Mapping[str, Any]) -> Prompt:
    """What a Responses body means. Raises BadCall."""
    for name in _STATE:
        if body.get(name):
            raise BadCall(
                f"The field {name!r} needs a provider that speaks the Responses API itself; send "
                "the whole conversation in 'input' instead.",
                name,
            )
    rest = {key: value for key, value in body.items() if key not in _UNDERSTOOD}
    if rest.get("truncation") in (None, "disabled"):
        rest.pop("truncation", None)
    messages: list[Message] = []
    if body.get("instructions"):
        messages.append(Message("system", _content(body["instructions"], "instructions")))
    messages += _messages(body["input"], rest)
    tools = _tools(body, rest)
    include = _include(body)
    others = [one for one in include if one not in (ENCRYPTED, LOGPROBS)]
    if others:
        rest["include"] = others
    text = _object(body, "text")
    return Prompt(
        model=body["model"],
        messages=messages,
        family=FAMILY,
        stream=body.get("stream") is True,
        tools=tools,
        tool_choice=_tool_choice(body.get("tool_choice"), bool(tools)),
        parallel_tool_calls=body.get("parallel_tool_calls"),
        sampling=Sampling(
            max_tokens=_number(body, "max_output_tokens"),
            temperature=_number(body, "temperature"),
            top_p=_number(body, "top_p"),
            logprobs=True if LOGPROBS in include or body.get("top_logprobs") else None,
            top_logprobs=_number(body, "top_logprobs") or None,
        ),
        reasoning=_reasoning(_object(body, "reasoning")),
        format=_format(text.get("format")),
        user=body.get("user"),
        service_tier=body.get("service_tier"),
        verbosity=text.get("verbosity"),
        metadata=body.get("metadata"),
        rest=rest,
    )


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name) or {}
    if not isinstance(value, Mapping):
        raise BadCall(f"The field {name!r} must be an object.", name)
    return value


def _number(body: Mapping[str, Any], name: str) -> Any:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise BadCall(f"The field {name!r} must be a number.", name)
    return value


def _include(body: Mapping[str, Any]) -> list[Any]:
    include = body.get("include") or []
    if not isinstance(include, list):
        raise BadCall("The field 'include' must be a list.", "include")
    return include


def _reasoning(value: Mapping[str, Any]) -> Reasoning | None:
    effort = value.get("effort")
    show = value.get("summary") or value.get("generate_summary")
    if effort is None and not show:
        return None
    return Reasoning(effort=effort, show=True if show else None)


def _format(value: object) -> ReplyFormat | None:
    if value is None:
        return None
    kind = value.get("type") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or kind not in ("text", "json_object", "json_schema"):
        raise BadCall("The field 'text.format' is not understood.", "text.format")
    if kind == "text":
        return None
    if kind == "json_object":
        return ReplyFormat("json")
    return ReplyFormat(
        "schema",
        schema=value.get("schema"),
        name=value.get("name") or "",
        description=value.get("description") or "",
        strict=value.get("strict"),
    )


def _tools(body: Mapping[str, Any], rest: dict[str, Any]) -> list[Tool]:
    tools: list[Tool] = []
    for one in body.get("tools") or []:
        if not isinstance(one, Mapping):
            raise BadCall("The field 'tools' must be a list of objects.", "tools")
        kind = str(one.get("type") or "")
        if kind == "function":
            told = one["function"] if isinstance(one.get("function"), Mapping) else one
            tools.append(
                Tool(
                    name=told.get("name") or "",
                    description=told.get("description") or "",
                    parameters=told.get("parameters"),
                    strict=told.get("strict"),
                )
            )
        elif kind == "custom":
            form = one.get("format")
            tools.append(
                Tool(
                    name=one.get("name") or "",
                    description=one.get("description") or "",
                    kind="custom",
                    rest={"format": _nested(form)} if isinstance(form, Mapping) else {},
                )
            )
        else:
            rest.setdefault(f"tools.{kind}", []).append(dict(one))
    return tools


def _nested(form: Mapping[str, Any]) -> dict[str, Any]:
    # The hub keeps the shape of chat, where a grammar is an object of its own.
    if form.get("type") != "grammar" or "grammar" in form:
        return dict(form)
    grammar = {key: value for key, value in form.items() if key != "type"}
    return {"type": "grammar", "grammar": grammar}


def _tool_choice(choice: object, tools: bool) -> ToolChoice | None:
    if choice is None:
        return None
    if choice in ("auto", "none", "required"):
        if not tools and choice != "required":
            return None
        return ToolChoice(cast(Any, choice))
    if (
        isinstance(choice, Mapping)
        and choice.get("type") in ("function", "custom")
        and choice.get("name")
    ):
        return ToolChoice("tool", choice["name"])
    raise BadCall("The field 'tool_choice' is not understood.", "tool_choice")


def _messages(value: object, rest: dict[str, Any]) -> list[Message]:
    if isinstance(value, str):
        return [Message("user", [Text(value)])]
    if not isinstance(value, list):
        raise BadCall("The field 'input' must be a string or a list.", "input")
    messages: list[Message] = []
    for at, one in enumerate(value):
        where = f"input[{at}]"
        if not isinstance(one, Mapping):
            raise BadCall(f"The field '{where}' must be an object.", where)
        kind = one.get("type") or ("message" if "role" in one else "")
        if kind in _SERVED:
            rest.setdefault(f"input.{kind}", []).append(dict(one))
            continue
        role, parts = _item(kind, one, where)
        if role in ("assistant", "tool") and messages and messages[-1].role == role:
            messages[-1].parts += parts
        else:
            messages.append(Message(role, parts))
    return messages


def _item(kind: str, one: Mapping[str, Any], where: str) -> tuple[Role, list[Part]]:
    if kind == "message":
        role = one.get("role")
        if role not in _ROLES:
            raise BadCall(f"The field '{where}.role' is missing or unknown.", where)
        return cast(Role, role), _content(one.get("content"), f"{where}.content")
    if kind == "reasoning":
        return "assistant", [_thought(one)]
    if kind in ("function_call", "custom_tool_call"):
        custom = kind == "custom_tool_call"
        words = one.get("input" if custom else "arguments")
        if words is not None and not isinstance(words, str):
            words = orjson.dumps(words).decode()
        name = one.get("name") or ""
        return "assistant", [ToolCall(one.get("call_id") or "", name, words or "", custom=custom)]
    if kind in ("function_call_output", "custom_tool_call_output"):
        parts = _content(one.get("output"), f"{where}.output")
        return "tool", [ToolResult(one.get("call_id") or "", cast(Any, parts))]
    if kind in _COMPACTED:
        return "assistant", [Opaque(kind, FAMILY, dict(one))]
    if kind == "item_reference":
        raise BadCall(f"The field '{where}' refers to an item that is not kept here.", where)
    raise BadCall(f"The field '{where}' has the unknown type {kind!r}.", where)


def _thought(one: Mapping[str, Any]) -> Thought:
    words = "".join(
        part.get("text") or ""
        for part in (*(one.get("summary") or ()), *(one.get("content") or ()))
        if isinstance(part, Mapping)
    )
    thought = Thought(text=words, id=one.get("id") or "")
    encrypted = one.get("encrypted_content")
    if isinstance(encrypted, str) and encrypted:
        thought.family, thought.signature, thought.data = unwrap(encrypted)
    return thought


def _content(value: object, where: str) -> list[Part]:
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [Text(value)]
    if not isinstance(value, list):
        raise BadCall(f"The field '{where}' must be a string or a list.", where)
    if where == "instructions":
        return [part for message in _messages(value, {}) for part in message.parts]
    return [_part(one, f"{where}[{at}]") for at, one in enumerate(value)]


def _part(one: object, where: str) -> Part:
    if not isinstance(one, Mapping):
        raise BadCall(f"The field '{where}' must be an object.", where)
    kind = one.get("type")
    if kind in ("input_text", "output_text", "text", "summary_text"):
        return Text(one.get("text") or "")
    if kind == "refusal":
        return Refusal(one.get("refusal") or "")
    if kind == "input_image":
        return _image(one)
    if kind == "input_file":
        held = one.get("file_data") or ""
        mime, data = split_data_url(held)
        return File(
            url=one.get("file_url") or "",
            data=data or held,
            mime=mime or ("application/pdf" if held else ""),
            name=one.get("filename") or "",
            file_id=one.get("file_id") or "",
        )
    if kind == "input_audio" and isinstance(one.get("input_audio"), Mapping):
        sound = one["input_audio"]
        return Audio(sound.get("data") or "", sound.get("format") or "wav")
    raise BadCall(f"The field '{where}' has the unknown type {kind!r}.", where)


def _image(one: Mapping[str, Any]) -> Image:
    url = one.get("image_url") or ""
    if isinstance(url, Mapping):
        url = url.get("url") or ""
    mime, data = split_data_url(url)
    detail = one.get("detail")
    if data:
        return Image(data=data, mime=mime, detail=detail)
    return Image(url=url, file_id=one.get("file_id") or "", detail=detail)
