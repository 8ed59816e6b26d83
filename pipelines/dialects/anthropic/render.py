"""The hub into Anthropic's Messages body, for a provider.

The rule: what came from Anthropic's family goes back as it was; what another family said and
Anthropic's cannot say is told as a loss. Source: https://docs.anthropic.com/en/api/messages
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from pipelines.deployment import Deployment
from pipelines.dialects.anthropic.client_tools import OWN
from pipelines.dialects.anthropic.models import Abilities, abilities
from pipelines.dialects.anthropic.parse import FAMILY
from pipelines.dialects.anthropic.thinking import set_thinking
from pipelines.dialects.anthropic.turns import Turns, marked
from pipelines.dialects.lacks import tell_knobs, tell_lacks
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai import GATEWAY_FIELDS
from pipelines.prompt import Prompt, Text, Tool, ToolCall, ToolResult

MAX_MARKS = 4

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_LACKED = (
    "min_p", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs",
    "top_logprobs",
)  # fmt: skip
_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}.items()


def render(prompt: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
    """The body for a provider that speaks Messages. Raises Unsupported."""
    able = abilities(deployment.model)
    tell_lacks(prompt, losses, "name", "image detail", "message fields", "reasoning signatures")
    turns = Turns(prompt.family, losses)
    messages = turns.rendered(prompt.messages)
    if messages and messages[-1]["role"] == "assistant" and not able.prefill:
        raise losses.feature("a last message of the assistant's (prefill)")
    body: dict[str, Any] = {"model": deployment.model, "messages": messages}
    if turns.system:
        body["system"] = _system(turns.system)
    given = prompt.sampling.max_tokens
    body["max_tokens"] = able.max_tokens if given is None else given
    if prompt.stream:
        body["stream"] = True
    _set_tools(body, prompt, losses)
    _set_format(body, prompt, able, losses)
    set_thinking(body, prompt, able, losses)
    _set_sampling(body, prompt, able, losses)
    _set_rest(body, prompt, losses)
    for key, value in deployment.defaults.items():
        body.setdefault(key, value)
    _bound_marks(body, losses)
    return body


def _system(parts: list[Text]) -> str | list[dict[str, Any]]:
    if len(parts) == 1 and parts[0].cache is None and not parts[0].rest:
        return parts[0].text
    return [marked({"type": "text", "text": one.text, **one.rest}, one.cache) for one in parts]


def _set_sampling(body: dict[str, Any], prompt: Prompt, able: Abilities, losses: Losses) -> None:
    said = prompt.sampling
    if said.n not in (None, 1):
        raise losses.feature("several choices (n)")
    tell_knobs(said, losses, *_LACKED)
    stop = [one for one in said.stop if one.strip()]
    if len(stop) < len(said.stop):
        losses.clamped("stop")
    if stop:
        body["stop_sequences"] = stop
    given = {"temperature": said.temperature, "top_p": said.top_p, "top_k": said.top_k}
    values: dict[str, float] = {key: one for key, one in given.items() if one is not None}
    thinks = body.get("thinking", {}).get("type") in ("enabled", "adaptive")
    if values.get("temperature", 0) > 1:
        values["temperature"] = 1
        losses.clamped("temperature")
    if not able.sampling:
        refused = list(values)
    elif thinks:
        # https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking
        refused = [key for key in values if not goes_with_thinking(key, values[key])]
    elif not able.pair and {"temperature", "top_p"} <= values.keys():
        refused = ["top_p"]
    else:
        refused = []
    for name in refused:
        losses.knob(name)
        del values[name]
    body |= values


def goes_with_thinking(name: str, value: float) -> bool:
    """Whether a knob may be turned so while the model thinks."""
    return (name == "temperature" and value == 1) or (name == "top_p" and value >= 0.95)


def _set_tools(body: dict[str, Any], prompt: Prompt, losses: Losses) -> None:
    tools = [_tool(tool, prompt.family, losses) for tool in prompt.tools]
    if prompt.family != FAMILY and "web_search_options" in prompt.rest:
        tools.append(_web_search(prompt.rest["web_search_options"]))
    if not tools:
        body |= _tools_of_old(prompt)
        return
    body["tools"] = tools
    choice, parallel = prompt.tool_choice, prompt.parallel_tool_calls
    if choice is None and parallel is None:
        return
    mode = "auto" if choice is None else choice.mode
    said: dict[str, Any] = {"type": "any" if mode == "required" else mode}
    if choice is not None and mode == "tool":
        said["name"] = choice.name
    if parallel is not None and mode != "none":
        said["disable_parallel_tool_use"] = not parallel
    body["tool_choice"] = said


def _tool(tool: Tool, family: str, losses: Losses) -> dict[str, Any]:
    if tool.kind not in ("function", "custom"):
        if family != FAMILY:
            raise losses.feature(f"the tool {tool.kind!r}")
        return dict(tool.rest)
    if family == FAMILY and OWN in tool.rest:
        return dict(tool.rest[OWN])
    if _NAME.fullmatch(tool.name) is None:
        raise losses.feature(f"the tool name {tool.name!r}")
    if tool.kind == "custom":
        raise losses.feature("custom tools")
    said: dict[str, Any] = dict(tool.rest) if family == FAMILY else {}
    said["name"] = tool.name
    if tool.description:
        said["description"] = tool.description
    said["input_schema"] = {"type": "object", "properties": {}, **(tool.parameters or {})}
    if tool.strict is not None and (tool.strict or family == FAMILY):
        said["strict"] = tool.strict
    return marked(said, tool.cache)


def _web_search(options: object) -> dict[str, Any]:
    tool: dict[str, Any] = {"type": "web_search_20250305", "name": "web_search"}
    place = options.get("user_location") if isinstance(options, Mapping) else None
    if isinstance(place, Mapping):
        tool["user_location"] = {"type": "approximate", **(place.get("approximate") or {})}
    return tool


def _tools_of_old(prompt: Prompt) -> dict[str, Any]:
    # A history with calls is refused where no tools are defined.
    parts = [part for message in prompt.messages for part in message.parts]
    names = {part.name: None for part in parts if isinstance(part, ToolCall) and part.name}
    if not names and not any(isinstance(part, ToolResult) for part in parts):
        return {}
    schema = {"type": "object", "properties": {}}
    tools = [{"name": name, "input_schema": schema} for name in names or ("unknown",)]
    return {"tools": tools, "tool_choice": {"type": "none"}}


def _set_format(body: dict[str, Any], prompt: Prompt, able: Abilities, losses: Losses) -> None:
    form = prompt.format
    if form is None:
        return
    if form.kind == "schema" and (able.schemas or prompt.family == FAMILY):
        schema = form.schema or {}
        if prompt.family != FAMILY:
            schema = _closed(schema)
        body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        return
    words = "Answer with one JSON object and nothing else, without a code fence."
    if form.kind == "schema":
        words += f" It must fit this JSON schema:\n{orjson.dumps(form.schema or {}).decode()}"
    losses.emulated("json_schema" if form.kind == "schema" else "json_object")
    system = body.get("system", [])
    said = [{"type": "text", "text": system}] if isinstance(system, str) else system
    body["system"] = [*said, {"type": "text", "text": words}]


def _closed(schema: Any) -> Any:
    # https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if closed.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def _set_rest(body: dict[str, Any], prompt: Prompt, losses: Losses) -> None:
    user = prompt.user
    if user:
        # They ask for no address and no telephone number.
        if prompt.family != FAMILY and ("@" in user or re.fullmatch(r"[+\d][\d ()-]{5,}", user)):
            losses.dropped("user")
        else:
            body["metadata"] = {"user_id": user}
    if prompt.metadata:
        losses.dropped("metadata")
    if prompt.service_tier is not None:
        tier = dict(_TIERS).get(prompt.service_tier)
        if tier is None:
            losses.knob("service_tier")
        else:
            body["service_tier"] = tier
    if prompt.verbosity is not None:
        losses.knob("verbosity")
    for key, value in prompt.rest.items():
        if prompt.family == FAMILY:
            own = body.get(key)
            body[key] = {**value, **own} if isinstance(own, dict) else value
        elif key != "web_search_options" and key not in GATEWAY_FIELDS:
            losses.dropped(key)


def _bound_marks(body: dict[str, Any], losses: Losses) -> None:
    blocks = [one for one in body.get("tools", ()) if "cache_control" in one]
    system = body.get("system")
    blocks += [one for one in system or () if isinstance(system, list) and "cache_control" in one]
    for message in body["messages"]:
        if isinstance(message["content"], list):
            blocks += [one for one in message["content"] if "cache_control" in one]
    for surplus in blocks[:-MAX_MARKS]:
        del surplus["cache_control"]
        losses.dropped("cache_control")
