"""The hub into Gemini's generateContent body, for a provider.

The rule: what came from Gemini's family goes back as it was; what another family said and Gemini
cannot say is told as a loss. Source: https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.gemini.contents import contents
from pipelines.dialects.gemini.names import FAMILY, LONGEST_TOOL, generation, tool_name
from pipelines.dialects.gemini.thinking import thinking
from pipelines.dialects.lacks import tell_knobs, tell_lacks, tell_tier
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai import GATEWAY_FIELDS
from pipelines.prompt import Message, Prompt, Text, Tool, ToolChoice

MAX_STOPS = 5

_MODES: Mapping[str, str] = MappingProxyType(
    {"auto": "AUTO", "none": "NONE", "required": "ANY", "tool": "ANY"}
)
_TIERS = frozenset({"flex", "priority", "standard"})
# What an OpenAI client writes into its body for Gemini.
_MEANT_FOR_US: Mapping[str, str] = MappingProxyType(
    {
        "safety_settings": "safetySettings",
        "safetySettings": "safetySettings",
        "cached_content": "cachedContent",
        "cachedContent": "cachedContent",
    }
)


def render(prompt: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
    """The body for a provider that speaks Gemini's dialect. Raises Unsupported."""
    age = generation(deployment.model)
    tell_lacks(prompt, losses, "name", "message fields")
    leading, later = _divided(prompt.messages, losses)
    body: dict[str, Any] = {"contents": contents(later, age, losses)}
    if leading:
        body["systemInstruction"] = {"parts": [{"text": text} for text in leading]}
    _tools(body, prompt, losses)
    config = _config(prompt, age, losses)
    if prompt.reasoning is not None:
        config |= thinking(prompt.reasoning, deployment.model, losses)
    if config:
        body["generationConfig"] = config
    _others(body, prompt, losses)
    _rest(body, prompt, losses)
    return body


def _divided(messages: list[Message], losses: Losses) -> tuple[list[str], list[Message]]:
    """The words of the system, which Gemini takes apart from the turns, and the turns."""
    words: list[str] = []
    turns: list[Message] = []
    for message in messages:
        if message.role not in ("system", "developer"):
            turns.append(message)
            continue
        if turns:
            losses.emulated("system messages between turns")
        for part in message.parts:
            if not isinstance(part, Text):
                raise losses.feature("anything but text in system messages")
            if part.cache is not None:
                losses.dropped("cache_control")
            if part.text:
                words.append(part.text)
    return words, turns


def _config(prompt: Prompt, age: float, losses: Losses) -> dict[str, Any]:
    said = prompt.sampling
    tell_knobs(said, losses, "min_p", "logit_bias")
    if len(said.stop) > MAX_STOPS:
        losses.cut("stop")
    values: dict[str, Any] = {
        "maxOutputTokens": said.max_tokens,
        "temperature": said.temperature,
        "topP": said.top_p,
        "topK": said.top_k,
        "seed": said.seed,
        "candidateCount": said.n,
        "stopSequences": said.stop[:MAX_STOPS] or None,
        "presencePenalty": said.presence_penalty,
        "frequencyPenalty": said.frequency_penalty,
        "responseLogprobs": said.logprobs,
        "logprobs": said.top_logprobs,
    }
    config = {key: value for key, value in values.items() if value is not None}
    if prompt.format is not None:
        if prompt.tools and age < 3:
            raise losses.feature("a JSON answer together with tools")
        config["responseMimeType"] = "application/json"
        if prompt.format.schema is not None:
            config["responseJsonSchema"] = prompt.format.schema
    return config


def _tools(body: dict[str, Any], prompt: Prompt, losses: Losses) -> None:
    declared: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for tool in prompt.tools:
        if tool.cache is not None:
            losses.dropped("cache_control")
        if tool.kind == "function":
            declared.append(_function(tool, prompt.family, losses))
        elif prompt.family == FAMILY:
            others.append(dict(tool.rest))
        else:
            raise losses.feature(f"the tool {tool.kind!r}")
    if "web_search_options" in prompt.rest and prompt.family != FAMILY:
        others.append({"googleSearch": {}})
    tools = ([{"functionDeclarations": declared}] if declared else []) + others
    if tools:
        body["tools"] = tools
    if declared and prompt.tool_choice is not None:
        body["toolConfig"] = {"functionCallingConfig": _choice(prompt.tool_choice)}
    if prompt.parallel_tool_calls is False:
        losses.knob("parallel_tool_calls")


def _function(tool: Tool, family: str, losses: Losses) -> dict[str, Any]:
    said: dict[str, Any] = dict(tool.rest) if family == FAMILY else {}
    said["name"] = tool_name(tool.name)
    if len(said["name"]) > LONGEST_TOOL:
        raise losses.feature(f"the tool name {tool.name[:40]!r}")
    if tool.description:
        said["description"] = tool.description
    if tool.parameters:
        said["parametersJsonSchema"] = tool.parameters
    if tool.strict:
        losses.dropped("strict")
    return said


def _choice(choice: ToolChoice) -> dict[str, Any]:
    calling: dict[str, Any] = {"mode": _MODES[choice.mode]}
    if choice.mode == "tool":
        calling["allowedFunctionNames"] = [tool_name(choice.name)]
    return calling


def _others(body: dict[str, Any], prompt: Prompt, losses: Losses) -> None:
    if prompt.service_tier in _TIERS:
        body["serviceTier"] = prompt.service_tier
    else:
        tell_tier(prompt.service_tier, losses)
    if prompt.verbosity is not None:
        losses.knob("verbosity")
    for name in ("user", "metadata"):
        if getattr(prompt, name) is not None:
            losses.dropped(name)


def _rest(body: dict[str, Any], prompt: Prompt, losses: Losses) -> None:
    for key, value in prompt.rest.items():
        if prompt.family != FAMILY:
            _foreign(body, key, value, losses)
        elif isinstance(value, Mapping) and isinstance(body.get(key), dict):
            body[key] |= value
        else:
            body[key] = value


def _foreign(body: dict[str, Any], key: str, value: Any, losses: Losses) -> None:
    if key in _MEANT_FOR_US:
        body[_MEANT_FOR_US[key]] = value
    elif key == "modalities" and isinstance(value, list):
        if value != ["text"]:
            wanted = [str(one).upper() for one in value]
            body.setdefault("generationConfig", {})["responseModalities"] = wanted
    elif key != "web_search_options" and key not in GATEWAY_FIELDS:
        losses.dropped(key)
