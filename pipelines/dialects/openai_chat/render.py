"""The hub into OpenAI's chat body, for a provider.

The rule: what came from OpenAI's family goes back as it was; what another family said and OpenAI's
cannot say is told as a loss. Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.lacks import refuse_files, tell_lacks
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_chat.details import FAMILY as OPENROUTER
from pipelines.dialects.openai_chat.details import details_of
from pipelines.dialects.openai_chat.parse import FAMILY
from pipelines.prompt import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Prompt,
    Refusal,
    ReplyFormat,
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from pipelines.provider import Quirks

# What a budget of thought tokens is called as an effort; the limits are a choice.
_EFFORTS = ((1024, "low"), (4096, "medium"))
# What the usual tier is called elsewhere.
_TIERS: Mapping[str, str] = MappingProxyType({"standard_only": "default", "standard": "default"})


def render(prompt: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
    """The body for a provider that speaks OpenAI's chat. Raises Unsupported."""
    quirks = deployment.provider.quirks
    body: dict[str, Any] = {"model": deployment.model}
    tell_lacks(prompt, losses, "cache_control", "prefill", "is_error")
    refuse_files(prompt, losses, FAMILY, "openai-responses")
    body["messages"] = [
        turn for message in prompt.messages for turn in _turns(message, losses, quirks)
    ]
    body |= _sampling(prompt)
    if prompt.stream:
        body["stream"] = True
        if quirks.asks_usage:
            body["stream_options"] = {"include_usage": True}
    if prompt.tools:
        body["tools"] = [_tool(tool, prompt.family, losses) for tool in prompt.tools]
        if prompt.tool_choice is not None:
            body["tool_choice"] = _choice(prompt.tool_choice)
        if prompt.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = prompt.parallel_tool_calls
    if prompt.reasoning is not None:
        effort = _effort(prompt, losses)
        if effort is not None:
            body["reasoning_effort"] = effort
    if prompt.format is not None:
        body["response_format"] = _format(prompt.format)
    for name in ("user", "verbosity"):
        if getattr(prompt, name) is not None:
            body[name] = getattr(prompt, name)
    if prompt.service_tier is not None:
        body["service_tier"] = _TIERS.get(prompt.service_tier, prompt.service_tier)
    if prompt.metadata:
        losses.dropped("metadata")
    _rest(body, prompt, losses)
    for name in sorted(quirks.drop.intersection(body)):
        losses.knob(name)
        del body[name]
    return {quirks.rename.get(key, key): value for key, value in body.items()}


def _sampling(prompt: Prompt) -> dict[str, Any]:
    said = prompt.sampling
    values = {
        "max_completion_tokens": said.max_tokens,
        "temperature": said.temperature,
        "top_p": said.top_p,
        "top_k": said.top_k,
        "min_p": said.min_p,
        "n": said.n,
        "seed": said.seed,
        "stop": said.stop or None,
        "presence_penalty": said.presence_penalty,
        "frequency_penalty": said.frequency_penalty,
        "logit_bias": said.logit_bias,
        "logprobs": said.logprobs,
        "top_logprobs": said.top_logprobs,
    }
    return {key: value for key, value in values.items() if value is not None}


def _effort(prompt: Prompt, losses: Losses) -> str | None:
    reasoning = prompt.reasoning
    if reasoning is None or reasoning.effort is not None or reasoning.budget is None:
        return reasoning.effort if reasoning is not None else None
    losses.emulated("thinking budget")
    for limit, name in _EFFORTS:
        if reasoning.budget <= limit:
            return name
    return "high"


def _rest(body: dict[str, Any], prompt: Prompt, losses: Losses) -> None:
    for key, value in prompt.rest.items():
        if prompt.family == FAMILY:
            body.setdefault(key, value)
        else:
            losses.dropped(key)


def _format(form: ReplyFormat) -> dict[str, Any]:
    if form.kind == "json":
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": form.name or "answer", "schema": form.schema or {}}
    if form.description:
        schema["description"] = form.description
    if form.strict is not None:
        schema["strict"] = form.strict
    return {"type": "json_schema", "json_schema": schema}


def _tool(tool: Tool, family: str, losses: Losses) -> dict[str, Any]:
    if tool.kind == "custom":
        return {
            "type": "custom",
            "custom": {"name": tool.name, "description": tool.description, **tool.rest},
        }
    if tool.kind != "function":
        if family != FAMILY:
            raise losses.feature(f"the tool {tool.kind!r}")
        return dict(tool.rest)
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice) -> str | dict[str, Any]:
    if choice.mode == "tool":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode


def _turns(message: Message, losses: Losses, quirks: Quirks) -> list[dict[str, Any]]:
    role = quirks.roles.get(message.role, message.role)
    if message.role == "tool":
        return _results(message, losses)
    turn: dict[str, Any] = {"role": role}
    if message.name:
        turn["name"] = message.name
    if message.role == "assistant":
        _assistant(turn, message, losses, quirks.returns_reasoning)
    else:
        turn["content"] = _content(message.parts, losses)
    return [{**message.rest, **turn}]


def _assistant(turn: dict[str, Any], message: Message, losses: Losses, thinks: bool) -> None:
    spoken = [part for part in message.parts if isinstance(part, Text | Image | File | Audio)]
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    thoughts = [part for part in message.parts if isinstance(part, Thought)]
    refusals = [part.text for part in message.parts if isinstance(part, Refusal)]
    for part in message.parts:
        if isinstance(part, Opaque):
            losses.dropped(part.kind)
    turn["content"] = _content(spoken, losses) if spoken or not calls else None
    words = "".join(part.text for part in thoughts)
    details = details_of(thoughts) if thinks else []
    if details:
        turn["reasoning_details"] = details
    elif words and thinks:
        turn["reasoning_content"] = words
    if any(not thinks or (part.data and part.family != OPENROUTER) for part in thoughts):
        losses.dropped("reasoning")
    if refusals:
        turn["refusal"] = "".join(refusals)
    if calls:
        turn["tool_calls"] = [_call(call) for call in calls]


def _call(call: ToolCall) -> dict[str, Any]:
    if call.custom:
        return {
            "id": call.id,
            "type": "custom",
            "custom": {"name": call.name, "input": call.arguments},
        }
    said: dict[str, Any] = {
        **call.rest,
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments or "{}"},
    }
    if call.signature:
        said["extra_content"] = {"google": {"thought_signature": call.signature}}
    return said


def _results(message: Message, losses: Losses) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    pictures: list[Part] = []
    for part in message.parts:
        if not isinstance(part, ToolResult):
            continue
        words = [one for one in part.parts if isinstance(one, Text)]
        seen = [one for one in part.parts if not isinstance(one, Text)]
        text = "\n".join(one.text for one in words)
        if seen:
            # Chat's tool messages take words only: what was seen follows as a user's message.
            losses.emulated("images in tool results")
            pictures += seen
            text = text or "The result is in the next message."
        turns.append(
            {
                "role": "tool",
                "tool_call_id": part.id,
                "content": f"Error: {text}" if part.error else text,
            }
        )
    if pictures:
        turns.append({"role": "user", "content": _content(pictures, losses)})
    return turns


def _content(parts: list[Any], losses: Losses) -> str | list[dict[str, Any]]:
    if all(isinstance(part, Text) and not part.rest for part in parts) and len(parts) < 2:
        return parts[0].text if parts else ""
    return [_part(part, losses) for part in parts]


def _part(part: Part, losses: Losses) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    if isinstance(part, Image):
        if part.file_id:
            raise losses.feature("images by file id")
        url = part.url or f"data:{part.mime or 'image/png'};base64,{part.data}"
        image: dict[str, Any] = {"url": url}
        if part.detail:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}
    if isinstance(part, Audio):
        return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
    if isinstance(part, File):
        return _file(part, losses)
    raise losses.feature(f"{type(part).__name__} parts in this place")


def _file(part: File, losses: Losses) -> dict[str, Any]:
    if part.text:
        return {"type": "text", "text": part.text}
    if part.file_id:
        return {"type": "file", "file": {"file_id": part.file_id}}
    if part.url:
        raise losses.feature("files by address")
    data = f"data:{part.mime or 'application/pdf'};base64,{part.data}"
    return {"type": "file", "file": {"filename": part.name or "file.pdf", "file_data": data}}
