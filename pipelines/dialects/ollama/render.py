"""The hub into Ollama's chat and generate bodies, for a provider.

The rule: words are one string, pictures are base64 beside them, arguments are objects; what came
from Ollama's family goes back as it was, and what Ollama lacks is told as a loss.
Sources: https://docs.ollama.com/api/chat, https://docs.ollama.com/api/generate
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from pipelines.deployment import Deployment
from pipelines.dialects.lacks import tell_lacks, tell_tier
from pipelines.dialects.losses import Losses
from pipelines.dialects.ollama.fields import level, place
from pipelines.dialects.openai import GATEWAY_FIELDS
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
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolResult,
)

_UNSAID = (
    "cache_control", "name", "image detail", "message fields", "prefill", "reasoning signatures",
    "is_error",
)  # fmt: skip
_LEVELS = frozenset({"none", "low", "medium", "high", "max"})


def render_chat(prompt: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
    """The body for a provider that speaks Ollama's chat. Raises Unsupported."""
    body: dict[str, Any] = {"model": deployment.model}
    body["messages"] = _Turns(losses).rendered(prompt.messages)
    _set_tools(body, prompt, losses)
    return _completed(body, prompt, deployment, losses)


def render_generate(prompt: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
    """The body for a provider that only generates: one message of the user's. Raises
    Unsupported."""
    turns = _Turns(losses).rendered(prompt.messages)
    systems = [turn["content"] for turn in turns if turn["role"] == "system"]
    others = [turn for turn in turns if turn["role"] != "system"]
    if len(others) != 1 or others[0]["role"] != "user":
        raise losses.feature("conversations")
    if prompt.tools:
        raise losses.feature("tools")
    body: dict[str, Any] = {"model": deployment.model, "prompt": others[0]["content"]}
    if systems:
        body["system"] = "\n".join(systems)
    if "images" in others[0]:
        body["images"] = others[0]["images"]
    return _completed(body, prompt, deployment, losses)


def _completed(
    body: dict[str, Any], prompt: Prompt, deployment: Deployment, losses: Losses
) -> dict[str, Any]:
    # Ollama streams unless it is told not to.
    body["stream"] = prompt.stream
    if prompt.format is not None:
        schema = prompt.format.schema if prompt.format.kind == "schema" else None
        body["format"] = schema or "json"
    if prompt.reasoning is not None:
        _set_think(body, prompt.reasoning, losses)
    _set_sampling(body, prompt, losses)
    if prompt.verbosity is not None:
        losses.knob("verbosity")
    tell_tier(prompt.service_tier, losses)
    tell_lacks(prompt, losses, *_UNSAID)
    for name in ("user", "metadata"):
        if getattr(prompt, name):
            losses.dropped(name)
    for key in place(body, prompt.rest):
        if key not in GATEWAY_FIELDS and key not in deployment.defaults:
            losses.dropped(key)
    place(body, deployment.defaults)
    return body


def _set_think(body: dict[str, Any], wish: Reasoning, losses: Losses) -> None:
    # Without the field a model thinks if it can; with it, one that cannot refuses the call.
    if wish.effort is not None:
        if wish.effort not in _LEVELS:
            losses.clamped("reasoning_effort")
        body["think"] = level(wish.effort)
    elif wish.budget is not None:
        losses.emulated("thinking budget")


def _set_sampling(body: dict[str, Any], prompt: Prompt, losses: Losses) -> None:
    said = prompt.sampling
    if said.n is not None and said.n > 1:
        raise losses.feature("several choices (n)")
    if said.logit_bias:
        losses.knob("logit_bias")
    values = {
        "num_predict": said.max_tokens,
        "temperature": said.temperature,
        "top_p": said.top_p,
        "top_k": said.top_k,
        "min_p": said.min_p,
        "seed": said.seed,
        "stop": said.stop or None,
        "presence_penalty": said.presence_penalty,
        "frequency_penalty": said.frequency_penalty,
    }
    options = {key: value for key, value in values.items() if value is not None}
    if options:
        body["options"] = options
    if said.logprobs:
        body["logprobs"] = True
        if said.top_logprobs:
            body["top_logprobs"] = said.top_logprobs


def _set_tools(body: dict[str, Any], prompt: Prompt, losses: Losses) -> None:
    choice = prompt.tool_choice
    if not prompt.tools or (choice is not None and choice.mode == "none"):
        return
    if choice is not None and choice.mode != "auto":
        raise losses.feature("a tool_choice that forces a call")
    if prompt.parallel_tool_calls is False:
        losses.knob("parallel_tool_calls")
    body["tools"] = [_tool(tool, losses) for tool in prompt.tools]


def _tool(tool: Tool, losses: Losses) -> dict[str, Any]:
    if tool.kind != "function":
        raise losses.feature(f"the tool {tool.kind!r}")
    if tool.strict:
        losses.dropped("strict")
    function: dict[str, Any] = {
        "name": tool.name,
        "description": tool.description,
        "parameters": {"type": "object", "properties": {}, **(tool.parameters or {})},
    }
    return {"type": "function", "function": function}


class _Turns:
    """Writes messages; remembers the names of calls, by which their results go back."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._names: dict[str, str] = {}

    def rendered(self, messages: list[Message]) -> list[dict[str, Any]]:
        return [turn for message in messages for turn in self._turns(message)]

    def _turns(self, message: Message) -> list[dict[str, Any]]:
        if message.role == "tool":
            return self._results(message.parts)
        if message.role == "assistant":
            return [self._assistant(message.parts)]
        role = "system" if message.role == "developer" else message.role
        return [self._said(role, message.parts, "\n")]

    def _said(self, role: str, parts: Sequence[Part], between: str) -> dict[str, Any]:
        words: list[str] = []
        pictures: list[str] = []
        for part in parts:
            if isinstance(part, Text | Refusal):
                words.append(part.text)
            elif isinstance(part, Image | Audio):
                pictures.append(self._data(part))
            elif isinstance(part, File) and part.text:
                words.append(part.text)
            elif isinstance(part, Opaque):
                self._losses.dropped(part.kind)
            else:
                raise self._losses.feature(f"{type(part).__name__.lower()} parts")
        turn: dict[str, Any] = {"role": role, "content": between.join(words)}
        if pictures:
            turn["images"] = pictures
        return turn

    def _data(self, part: Image | Audio) -> str:
        # https://docs.ollama.com/capabilities/vision: base64 only.
        if not part.data:
            raise self._losses.feature("images by address")
        return part.data

    def _assistant(self, parts: list[Part]) -> dict[str, Any]:
        spoken = [part for part in parts if not isinstance(part, Thought | ToolCall)]
        turn = self._said("assistant", spoken, "")
        thoughts = [part.text for part in parts if isinstance(part, Thought) and part.text]
        if thoughts:
            turn["thinking"] = "".join(thoughts)
        calls = [part for part in parts if isinstance(part, ToolCall)]
        if calls:
            turn["tool_calls"] = [self._call(at, call) for at, call in enumerate(calls)]
        return turn

    def _call(self, at: int, call: ToolCall) -> dict[str, Any]:
        if call.custom:
            raise self._losses.feature("custom tools")
        self._names[call.id] = call.name
        given = as_object(call.arguments)
        return {
            "id": call.id,
            "function": {"index": at, "name": call.name, "arguments": given},
        }

    def _results(self, parts: list[Part]) -> list[dict[str, Any]]:
        turns: list[dict[str, Any]] = []
        seen: list[Part] = []
        for part in parts:
            if not isinstance(part, ToolResult):
                continue
            text = "\n".join(one.text for one in part.parts if isinstance(one, Text))
            others = [one for one in part.parts if not isinstance(one, Text)]
            if others:
                # A tool's message is words: what was seen follows as a user's message.
                self._losses.emulated("images in tool results")
                seen += others
                text = text or "The result is in the next message."
            turn = {"role": "tool", "content": f"Error: {text}" if part.error else text}
            name = part.name or self._names.get(part.id, "")
            if name:
                turn["tool_name"] = name
            if part.id:
                turn["tool_call_id"] = part.id
            turns.append(turn)
        return [*turns, self._said("user", seen, "\n")] if seen else turns


def as_object(words: str) -> dict[str, Any]:
    """A call's arguments as the object that they must be; what is none is wrapped into one."""
    if not words.strip():
        return {}
    try:
        value = orjson.loads(words)
    except orjson.JSONDecodeError:
        return {"arguments": words}
    return value if isinstance(value, dict) else {"arguments": value}
