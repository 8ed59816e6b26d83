"""Ollama's chat and generate bodies into the hub.

The rule: every field is either understood here or rides along in `rest`, options by their own
names; calls without ids get some, in the order in which their results come back. What no other
model can do (suffix, context, template, raw) is refused, never left out.
Sources: https://docs.ollama.com/api/chat, https://docs.ollama.com/api/generate
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pipelines.dialects.ollama.fields import FAMILY, mime_of
from pipelines.dialects.openai_chat.parse import split_data_url
from pipelines.errors import BadCall, Unsupported
from pipelines.prompt import (
    Audio,
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
    ToolResult,
)

_UNDERSTOOD = frozenset(
    {
        "model", "messages", "stream", "tools", "format", "think", "options", "logprobs",
        "top_logprobs", "prompt", "system", "images", "suffix", "context", "template", "raw",
    }
)  # fmt: skip
_SAMPLED = frozenset(
    {
        "num_predict", "temperature", "top_p", "top_k", "min_p", "seed", "stop",
        "presence_penalty", "frequency_penalty", "max_tokens", "max_completion_tokens",
    }
)  # fmt: skip
_REFUSED = ("suffix", "context", "template", "raw")
_ELSEWHERE = "A model that is no Ollama's own"


def parse_chat(body: Mapping[str, Any], streaming: bool) -> Prompt:
    """What a chat body means. Raises BadCall."""
    prompt = _prompt(body, streaming, _Talk().messages(body["messages"]))
    tools = _listed(body.get("tools"), "tools")
    prompt.tools = [_tool(one, f"tools[{at}]") for at, one in enumerate(tools)]
    if not prompt.messages:
        raise Unsupported("loading and unloading (a call without messages)", _ELSEWHERE)
    return prompt


def parse_generate(body: Mapping[str, Any], streaming: bool) -> Prompt:
    """What a generate body means. Raises BadCall and Unsupported."""
    for name in _REFUSED:
        if body.get(name):
            raise Unsupported(f"the field {name!r}", _ELSEWHERE)
    words, system = body.get("prompt") or "", body.get("system") or ""
    if not isinstance(words, str) or not isinstance(system, str):
        raise BadCall("The fields 'prompt' and 'system' must be strings.", "prompt")
    said: list[Part] = [Text(words)] if words else []
    said += _images(body.get("images"), "images")
    if not said:
        raise Unsupported("loading and unloading (a call without a prompt)", _ELSEWHERE)
    messages = [Message("system", [Text(system)])] if system else []
    return _prompt(body, streaming, [*messages, Message("user", said)])


def _prompt(body: Mapping[str, Any], streaming: bool, messages: list[Message]) -> Prompt:
    options = body.get("options") or {}
    if not isinstance(options, Mapping):
        raise BadCall("The field 'options' must be an object.", "options")
    # What stands beside the options are the operator's defaults, in OpenAI's words.
    fields = {**{key: body[key] for key in body.keys() - _UNDERSTOOD}, **options}
    rest = {key: one for key, one in fields.items() if key not in _SAMPLED and one is not None}
    return Prompt(
        model=body["model"],
        messages=messages,
        family=FAMILY,
        stream=streaming,
        sampling=_sampling(fields, body),
        reasoning=_reasoning(body.get("think"), rest.pop("reasoning_effort", None)),
        format=_format(body.get("format")),
        rest=rest,
    )


def _sampling(fields: Mapping[str, Any], body: Mapping[str, Any]) -> Sampling:
    stop = fields.get("stop") or []
    limits = ("num_predict", "max_completion_tokens", "max_tokens")
    limit = next((fields[name] for name in limits if fields.get(name) is not None), None)
    # Below zero is Ollama's word for "without end".
    limit = _number(limit, "options.num_predict", int)
    return Sampling(
        max_tokens=limit if limit is None or limit > 0 else None,
        temperature=_number(fields.get("temperature"), "options.temperature", float),
        top_p=_number(fields.get("top_p"), "options.top_p", float),
        top_k=_number(fields.get("top_k"), "options.top_k", int),
        min_p=_number(fields.get("min_p"), "options.min_p", float),
        seed=_number(fields.get("seed"), "options.seed", int),
        stop=[stop] if isinstance(stop, str) else _listed(stop, "options.stop"),
        presence_penalty=_number(fields.get("presence_penalty"), "options.presence_penalty", float),
        frequency_penalty=_number(
            fields.get("frequency_penalty"), "options.frequency_penalty", float
        ),
        logprobs=bool(body.get("logprobs")) or None,
        top_logprobs=_number(body.get("top_logprobs"), "top_logprobs", int) or None,
    )


def _number(value: object, name: str, kind: type) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadCall(f"The field {name!r} must be a number.", name)
    return value if kind is float else int(value)


def _reasoning(think: object, effort: object) -> Reasoning | None:
    if think is None:
        return Reasoning(effort=effort) if isinstance(effort, str) else None
    if isinstance(think, str) and think:
        return Reasoning(effort=think, show=True)
    return Reasoning(adaptive=True, show=True) if think is True else Reasoning(effort="none")


def _format(value: object) -> ReplyFormat | None:
    if not value:
        return None
    if value == "json":
        return ReplyFormat("json")
    if not isinstance(value, Mapping):
        raise BadCall("The field 'format' must be 'json' or a JSON schema.", "format")
    return ReplyFormat("schema", schema=value)


def _tool(one: object, where: str) -> Tool:
    function = one.get("function") if isinstance(one, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise BadCall(f"The field '{where}.function.name' is missing.", where)
    parameters = function.get("parameters")
    if parameters is not None and not isinstance(parameters, Mapping):
        raise BadCall(f"The field '{where}.function.parameters' must be an object.", where)
    return Tool(function["name"], str(function.get("description") or ""), parameters)


def _images(value: object, where: str) -> list[Part]:
    return [_image(one, f"{where}[{at}]") for at, one in enumerate(_listed(value, where))]


def _listed(value: object, where: str) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise BadCall(f"The field {where!r} must be a list.", where)
    return value or []


def _image(one: object, where: str) -> Image | Audio:
    if not isinstance(one, str) or not one:
        raise BadCall(f"The field {where!r} must be base64.", where)
    mime, data = split_data_url(one)
    data = data or one
    mime = mime or mime_of(data)
    # Ollama takes sound by the same field.
    if mime.startswith("audio/"):
        return Audio(data, mime.removeprefix("audio/"))
    return Image(data=data, mime=mime)


class _Talk:
    """A conversation: numbers its calls, and finds the call that a result belongs to."""

    def __init__(self) -> None:
        self._open: list[tuple[str, str]] = []
        self._count = 0

    def messages(self, value: object) -> list[Message]:
        if not isinstance(value, list):
            raise BadCall("The field 'messages' must be a list.", "messages")
        return [self._message(one, f"messages[{at}]") for at, one in enumerate(value)]

    def _message(self, one: object, where: str) -> Message:
        if not isinstance(one, Mapping) or not isinstance(one.get("role"), str):
            raise BadCall(f"The field '{where}.role' is missing.", where)
        content = one.get("content") or ""
        if not isinstance(content, str):
            raise BadCall(f"The field '{where}.content' must be a string.", where)
        said: list[Part] = [Text(content)] if content else []
        said += _images(one.get("images"), f"{where}.images")
        role = one["role"].lower()
        if role == "tool":
            return Message("tool", [self._result(one, said)])
        if role == "assistant":
            thought = one.get("thinking")
            thoughts: list[Part] = [Thought(text=str(thought))] if thought else []
            return Message("assistant", thoughts + said + self._calls(one, where))
        if role in ("system", "developer"):
            return Message("system", said)
        if role != "user":
            raise BadCall(f"The field '{where}.role' is unknown.", where)
        return Message("user", said)

    def _calls(self, one: Mapping[str, Any], where: str) -> list[Part]:
        calls: list[Part] = []
        for call in _listed(one.get("tool_calls"), f"{where}.tool_calls"):
            function = call.get("function") if isinstance(call, Mapping) else None
            if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
                raise BadCall(f"The field '{where}.tool_calls' has a call without a name.", where)
            given = function.get("arguments")
            words = given if isinstance(given, str) else orjson.dumps(given or {}).decode()
            id = str(call.get("id") or f"call_{self._count}")
            self._count += 1
            self._open.append((id, function["name"]))
            calls.append(ToolCall(id, function["name"], words))
        return calls

    def _result(self, one: Mapping[str, Any], said: list[Part]) -> ToolResult:
        given = str(one.get("tool_call_id") or "")
        name = str(one.get("tool_name") or one.get("name") or "")
        # The first call that is not answered yet, of this id or name where there is one.
        for call in self._open:
            if given == call[0] or (not given and name in ("", call[1])):
                self._open.remove(call)
                given, name = call
                break
        parts = [part for part in said if isinstance(part, Text | Image)]
        return ToolResult(id=given or f"call_{name}", name=name, parts=list(parts))
