"""The hub into a Converse body.

The rule: turns alternate, so neighbours are merged; tools are declared whenever the history uses
them; what only one vendor's models know goes into `additionalModelRequestFields`.
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.anthropic.models import abilities
from pipelines.dialects.anthropic.render import goes_with_thinking
from pipelines.dialects.anthropic.thinking import is_thoughtless
from pipelines.dialects.bedrock.blocks import Block, Blocks, marks
from pipelines.dialects.bedrock.formats import set_format
from pipelines.dialects.lacks import tell_knobs, tell_lacks, tell_tier
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai import GATEWAY_FIELDS
from pipelines.prompt import Prompt, Reasoning, Tool, ToolCall

_LACKING = (
    "min_p", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs",
    "top_logprobs",
)  # fmt: skip
_OWN = frozenset(
    {
        "guardrailConfig", "performanceConfig", "requestMetadata", "promptVariables",
        "additionalModelRequestFields", "additionalModelResponseFieldPaths", "serviceTier",
    }
)  # fmt: skip
# What a key or a value of `requestMetadata` may hold.
_LABEL = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,\-.]{1,256}")
_TIERS = frozenset({"default", "flex", "priority", "reserved"})
# How many tokens an effort is worth to Claude; the limits are a choice, 1024 is the least allowed.
_BUDGETS = MappingProxyType({"minimal": 1024, "low": 1024, "medium": 4096})
_NOVA_EFFORTS = MappingProxyType({"minimal": "low", "xhigh": "high", "max": "high"})
_MOST, _LEAST = 16384, 1024


def render(prompt: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
    """The body for Converse; the model and the streaming are told by the path. Raises
    Unsupported."""
    model = deployment.model
    tell_lacks(prompt, losses, "name", "image detail", "message fields", "reasoning signatures")
    body: dict[str, Any] = {}
    system, body["messages"] = _turns(prompt, losses)
    extra: dict[str, Any] = {}
    inference = _sampling(prompt, model, extra, losses)
    if system:
        body["system"] = system
    _tools(body, extra, prompt, model, losses)
    if prompt.reasoning is not None:
        _reasoning(extra, prompt.reasoning, prompt.sampling.max_tokens, model, losses)
    if "thinking" in extra:
        _beside_thinking(body, extra, inference, prompt, losses)
    if extra.get("reasoningConfig", {}).get("maxReasoningEffort") == "high":
        _beside_nova(inference, losses)
    set_format(body, extra, prompt, model, losses)
    if inference:
        body["inferenceConfig"] = inference
    if extra:
        body["additionalModelRequestFields"] = extra
    _about(body, prompt, losses)
    for key, value in prompt.rest.items():
        if key not in _OWN:
            if key not in GATEWAY_FIELDS:
                losses.dropped(key)
        elif isinstance(value, dict):
            body[key] = {**body.get(key, {}), **value}
        else:
            body[key] = value
    return body


def _turns(prompt: Prompt, losses: Losses) -> tuple[list[Block], list[Block]]:
    blocks = Blocks(losses)
    system: list[Block] = []
    turns: list[Block] = []
    for message in prompt.messages:
        content = [block for part in message.parts for block in blocks.of(part)]
        if message.role in ("system", "developer"):
            if turns:
                losses.emulated("the place of a system message")
            system += content
            continue
        if not content:
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += content
        else:
            turns.append({"role": role, "content": content})
    for turn in turns:
        _accompany(turn["content"], losses)
    return system, turns


def _accompany(content: list[Block], losses: Losses) -> None:
    """A document needs words beside it."""
    if any("document" in one for one in content) and not any("text" in one for one in content):
        losses.emulated("a document without words")
        content.insert(0, {"text": "See the document."})


def _sampling(prompt: Prompt, model: str, extra: dict[str, Any], losses: Losses) -> dict[str, Any]:
    said = prompt.sampling
    if said.n is not None and said.n > 1:
        raise losses.feature("n > 1")
    tell_knobs(said, losses, *_LACKING)
    temperature = said.temperature
    if temperature is not None and temperature > 1:
        losses.clamped("temperature")
        temperature = 1.0
    if said.top_k is not None:
        if "nova" in model:
            extra["inferenceConfig"] = {"topK": said.top_k}
        else:
            extra["k" if "cohere." in model else "top_k"] = said.top_k
    values = {
        "maxTokens": said.max_tokens,
        "temperature": temperature,
        "topP": said.top_p,
        "stopSequences": said.stop or None,
    }
    return {key: value for key, value in values.items() if value is not None}


def _tools(
    body: dict[str, Any], extra: dict[str, Any], prompt: Prompt, model: str, losses: Losses
) -> None:
    choice = prompt.tool_choice
    used = {
        part.name: Tool(part.name)
        for message in prompt.messages
        for part in message.parts
        if isinstance(part, ToolCall)
    }
    tools = prompt.tools
    if choice is not None and choice.mode == "none":
        if used and tools:
            losses.emulated("tool_choice")
        tools = tools if used else []
    if not tools and used:
        losses.emulated("tools")
        tools = list(used.values())
    if not tools:
        return
    specs = [block for tool in tools for block in (_tool(tool, losses), *marks(tool.cache))]
    config: dict[str, Any] = {"tools": specs}
    if prompt.tools and choice is not None:
        if choice.mode == "required":
            config["toolChoice"] = {"any": {}}
        elif choice.mode == "tool":
            config["toolChoice"] = {"tool": {"name": choice.name}}
    body["toolConfig"] = config
    if prompt.parallel_tool_calls is False:
        if "anthropic" in model and "toolChoice" not in config:
            extra["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
        else:
            losses.knob("parallel_tool_calls")


def _tool(tool: Tool, losses: Losses) -> Block:
    if tool.kind != "function":
        raise losses.feature(f"the tool {tool.kind!r}")
    spec: dict[str, Any] = {
        "name": tool.name,
        # Bedrock refuses an empty one.
        "description": tool.description or tool.name,
        "inputSchema": {"json": tool.parameters or {"type": "object", "properties": {}}},
    }
    if tool.strict is not None:
        spec["strict"] = tool.strict
    return {"toolSpec": spec}


def _reasoning(
    extra: dict[str, Any], wanted: Reasoning, limit: int | None, model: str, losses: Losses
) -> None:
    effort = wanted.effort
    if "anthropic" in model or "claude" in model:
        _claude(extra, wanted, limit, model, losses)
    elif "nova" in model:
        _nova(extra, effort or "medium", losses)
    elif effort != "none":
        name = "reasoning_effort" if "gpt-oss" in model else "reasoning_config"
        extra[name] = effort or "medium"


def _nova(extra: dict[str, Any], effort: str, losses: Losses) -> None:
    if effort == "none":
        extra["reasoningConfig"] = {"type": "disabled"}
        return
    known = _NOVA_EFFORTS.get(effort, effort)
    if known != effort:
        losses.clamped("reasoning_effort")
    extra["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": known}


def _beside_nova(inference: dict[str, Any], losses: Losses) -> None:
    """Nova refuses these with its highest effort
    (https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html)."""
    for key, name in (
        ("maxTokens", "max_tokens"), ("temperature", "temperature"), ("topP", "top_p"),
    ):  # fmt: skip
        if inference.pop(key, None) is not None:
            losses.dropped(name)


def _claude(
    extra: dict[str, Any], wanted: Reasoning, limit: int | None, model: str, losses: Losses
) -> None:
    if wanted.effort == "none":
        return
    able = abilities(model)
    if wanted.adaptive or (able.effort and not able.budget):
        extra["thinking"] = {"type": "adaptive"}
        if wanted.effort:
            extra["output_config"] = {"effort": wanted.effort}
        return
    budget = wanted.budget or _BUDGETS.get(wanted.effort or "", _MOST)
    if limit is not None and budget >= limit:
        if limit <= _LEAST:
            losses.knob("reasoning_effort")
            return
        losses.clamped("reasoning budget")
        budget = max(_LEAST, limit - 1)
    extra["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _beside_thinking(
    body: dict[str, Any],
    extra: dict[str, Any],
    inference: dict[str, Any],
    prompt: Prompt,
    losses: Losses,
) -> None:
    """Claude refuses thinking with a forced call or amid a loop that had none, and most knobs with
    thinking (https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking)."""
    forced = not {"any", "tool"}.isdisjoint(body.get("toolConfig", {}).get("toolChoice", ()))
    if extra["thinking"]["type"] == "enabled" and (forced or is_thoughtless(prompt)):
        losses.dropped("reasoning_effort")
        del extra["thinking"]
        return
    for place, key, name in (
        (inference, "temperature", "temperature"),
        (inference, "topP", "top_p"),
        (extra, "top_k", "top_k"),
    ):
        if key in place and not goes_with_thinking(name, place[key]):
            losses.knob(name)
            del place[key]


def _fits(value: object) -> bool:
    return isinstance(value, str | int | float) and _LABEL.fullmatch(str(value)) is not None


def _about(body: dict[str, Any], prompt: Prompt, losses: Losses) -> None:
    given = {**(prompt.metadata or {}), **({} if prompt.user is None else {"user": prompt.user})}
    told = {key: str(value) for key, value in given.items() if _fits(key) and _fits(value)}
    if len(told) < len(given):
        losses.dropped("metadata")
    if told:
        body["requestMetadata"] = told
    if prompt.verbosity is not None:
        losses.knob("verbosity")
    if prompt.service_tier in _TIERS:
        body["serviceTier"] = {"type": prompt.service_tier}
    else:
        tell_tier(prompt.service_tier, losses)
