"""The hub into Cohere's chat body.

The rule: Cohere's parts look like OpenAI's, its knobs do not; a named tool is forced by offering it
alone. Source: https://docs.cohere.com/v2/reference/chat
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.lacks import tell_knobs, tell_lacks, tell_tier
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai import GATEWAY_FIELDS
from pipelines.prompt import (
    CacheMark,
    File,
    Image,
    Message,
    Part,
    Prompt,
    Refusal,
    Sampling,
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolResult,
)

# Cohere's own fields, which reach it from any client that knows them.
_OWN = frozenset({"documents", "citation_options", "safety_mode", "strict_tools", "raw_prompting"})
_MAX_STOPS = 5
# How many tokens an effort is worth; the limits are a choice.
_BUDGETS = MappingProxyType({"minimal": 512, "low": 1024, "medium": 4096})
_LACKING = ("min_p", "logit_bias", "top_logprobs")


def render(prompt: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
    """The body for Cohere. Raises Unsupported."""
    body: dict[str, Any] = {"model": deployment.model}
    tell_lacks(prompt, losses, "name", "message fields", "prefill")
    body["messages"] = [turn for one in prompt.messages for turn in _turns(one, losses)]
    body["stream"] = prompt.stream
    body |= _sampling(prompt.sampling, losses)
    _tools(body, prompt, losses)
    _reasoning(body, prompt)
    _format(body, prompt)
    for name in ("user", "metadata"):
        if getattr(prompt, name):
            losses.dropped(name)
    tell_tier(prompt.service_tier, losses)
    if prompt.verbosity is not None:
        losses.knob("verbosity")
    for key, value in prompt.rest.items():
        if key in _OWN:
            body[key] = value
        elif key not in GATEWAY_FIELDS:
            losses.dropped(key)
    return body


def _sampling(said: Sampling, losses: Losses) -> dict[str, Any]:
    if said.n is not None and said.n > 1:
        raise losses.feature("n > 1")
    tell_knobs(said, losses, *_LACKING)
    stops = said.stop
    if len(stops) > _MAX_STOPS:
        losses.cut("stop")
        stops = stops[:_MAX_STOPS]
    values = {
        "max_tokens": said.max_tokens,
        "temperature": _within(said.temperature, 1.0, "temperature", losses),
        "p": said.top_p,
        "k": said.top_k,
        "seed": said.seed,
        "stop_sequences": stops or None,
        "presence_penalty": _within(said.presence_penalty, 1.0, "presence_penalty", losses),
        "frequency_penalty": _within(said.frequency_penalty, 1.0, "frequency_penalty", losses),
        "logprobs": said.logprobs,
    }
    return {key: value for key, value in values.items() if value is not None}


def _within(value: float | None, high: float, name: str, losses: Losses) -> float | None:
    if value is None or 0 <= value <= high:
        return value
    losses.clamped(name)
    return max(0.0, min(high, value))


def _tools(body: dict[str, Any], prompt: Prompt, losses: Losses) -> None:
    if not prompt.tools:
        return
    choice, tools = prompt.tool_choice, prompt.tools
    if choice is not None and choice.mode == "tool":
        losses.emulated("tool_choice")
        tools = [tool for tool in tools if tool.name == choice.name]
        if not tools:
            raise losses.feature(f"the choice of the unknown tool {choice.name!r}")
    body["tools"] = [_tool(tool, losses) for tool in tools]
    if choice is not None and choice.mode != "auto":
        body["tool_choice"] = "NONE" if choice.mode == "none" else "REQUIRED"
    if any(tool.strict for tool in tools):
        body["strict_tools"] = True
        if not all(tool.strict for tool in tools):
            losses.emulated("strict")
    if prompt.parallel_tool_calls is False:
        losses.knob("parallel_tool_calls")


def _tool(tool: Tool, losses: Losses) -> dict[str, Any]:
    if tool.kind != "function":
        raise losses.feature(f"the tool {tool.kind!r}")
    _unmarked(tool.cache, losses)
    function: dict[str, Any] = {"name": tool.name, "description": tool.description}
    # Cohere requires the field (https://docs.cohere.com/docs/parameter-types-in-tool-use).
    function["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    return {"type": "function", "function": function}


def _reasoning(body: dict[str, Any], prompt: Prompt) -> None:
    reasoning = prompt.reasoning
    if reasoning is None:
        return
    if reasoning.effort == "none":
        body["thinking"] = {"type": "disabled"}
        return
    body["thinking"] = {"type": "enabled"}
    budget = reasoning.budget or _BUDGETS.get(reasoning.effort or "")
    if budget:
        body["thinking"]["token_budget"] = budget


def _format(body: dict[str, Any], prompt: Prompt) -> None:
    if prompt.format is not None:
        body["response_format"] = {"type": "json_object"}
        if prompt.format.kind == "schema" and prompt.format.schema:
            body["response_format"]["json_schema"] = prompt.format.schema


def _turns(message: Message, losses: Losses) -> list[dict[str, Any]]:
    if message.role == "tool":
        results = [one for one in message.parts if isinstance(one, ToolResult)]
        return [_result(one, losses) for one in results]
    if message.role == "assistant":
        return [_assistant(message, losses)]
    role = "system" if message.role == "developer" else message.role
    return [{"role": role, "content": _content(message.parts, losses)}]


def _assistant(message: Message, losses: Losses) -> dict[str, Any]:
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    thoughts = [part for part in message.parts if isinstance(part, Thought)]
    spoken = [part for part in message.parts if not isinstance(part, ToolCall | Thought)]
    for thought in thoughts:
        if thought.signature or thought.data:
            losses.dropped("reasoning signatures")
    turn: dict[str, Any] = {"role": "assistant"}
    words = "".join(thought.text for thought in thoughts)
    if words and calls and not spoken:
        turn["tool_plan"] = words
    elif words:
        turn["content"] = [{"type": "thinking", "thinking": words}]
        turn["content"] += [_part(part, losses) for part in spoken]
    elif spoken or not calls:
        turn["content"] = _content(spoken, losses)
    if calls:
        turn["tool_calls"] = [_call(call, losses) for call in calls]
    return turn


def _call(call: ToolCall, losses: Losses) -> dict[str, Any]:
    if call.custom:
        raise losses.feature("calls of custom tools")
    if call.signature:
        losses.dropped("reasoning signatures")
    _unmarked(call.cache, losses)
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}


def _result(one: ToolResult, losses: Losses) -> dict[str, Any]:
    _unmarked(one.cache, losses)
    words = [part.text for part in one.parts if isinstance(part, Text)]
    if len(words) != len(one.parts):
        raise losses.feature("images or files in tool results")
    text = "\n".join(words)
    if one.error:
        losses.emulated("is_error")
        text = f"Error: {text}"
    return {"role": "tool", "tool_call_id": one.id, "content": text}


def _content(parts: Sequence[Part], losses: Losses) -> str | list[dict[str, Any]]:
    if len(parts) == 1 and isinstance(parts[0], Text):
        _unmarked(parts[0].cache, losses)
        return parts[0].text
    return [_part(part, losses) for part in parts] if parts else ""


def _part(part: Part, losses: Losses) -> dict[str, Any]:
    if isinstance(part, Text | Image | File):
        _unmarked(part.cache, losses)
    if isinstance(part, Text | Refusal):
        return {"type": "text", "text": part.text}
    if isinstance(part, Image) and not part.file_id:
        url = part.url or f"data:{part.mime or 'image/png'};base64,{part.data}"
        image: dict[str, Any] = {"url": url}
        if part.detail:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}
    if isinstance(part, File) and part.text:
        losses.emulated("files as text")
        return {"type": "text", "text": part.text}
    raise losses.feature(f"{type(part).__name__.lower()} parts")


def _unmarked(mark: CacheMark | None, losses: Losses) -> None:
    if mark is not None:
        losses.dropped("cache_control")
