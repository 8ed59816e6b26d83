"""The hub into a Responses body, for a provider.

The rule: the order of what was said is kept, item by item; nothing is stored at the provider unless
the caller asks for it. Source: https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

import re
from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.lacks import refuse_files, tell_knobs, tell_lacks
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai import GATEWAY_FIELDS
from pipelines.dialects.responses.envelope import family_of
from pipelines.dialects.responses.parse import ENCRYPTED, FAMILY, LOGPROBS
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
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

# The least that `max_output_tokens` may be:
# https://platform.openai.com/docs/api-reference/responses/create#responses-create-max_output_tokens
MIN_TOKENS = 16

_CHAT = "openai"
_SHARED = frozenset(
    {
        "store", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options",
        "safety_identifier", "moderation",
    }
)  # fmt: skip
_LACKING = (
    "top_k", "min_p", "seed", "stop", "presence_penalty", "frequency_penalty", "logit_bias",
)  # fmt: skip
_UNSAID = ("cache_control", "name", "message fields", "prefill", "is_error")
_EFFORTS = ((1024, "low"), (4096, "medium"))
# Others refuse the wish for encrypted reasoning:
# https://platform.openai.com/docs/guides/reasoning
_THINKS = re.compile(r"(?:.*/)?(?:o\d|gpt-(?:[5-9]|oss)|codex)")


def render(prompt: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
    """The body for a provider that speaks the Responses API. Raises Unsupported."""
    tell_lacks(prompt, losses, *_UNSAID)
    refuse_files(prompt, losses, _CHAT, FAMILY)
    family = family_of(deployment.provider.title)
    items = [one for message in prompt.messages for one in _items(message, family, losses)]
    custom = {one["call_id"] for one in items if one["type"] == "custom_tool_call"}
    for one in items:
        if one["type"] == "function_call_output" and one["call_id"] in custom:
            one["type"] = "custom_tool_call_output"
    body: dict[str, Any] = {"model": deployment.model, "input": items, "store": False}
    include = _sampling(body, prompt, losses)
    if prompt.stream:
        body["stream"] = True
    _tools(body, prompt, losses)
    if prompt.reasoning is not None:
        reasoning = _reasoning(prompt.reasoning, losses)
        if reasoning:
            body["reasoning"] = reasoning
    if "effort" in body.get("reasoning", ()) or _THINKS.match(deployment.model):
        include.append(ENCRYPTED)
    text: dict[str, Any] = {}
    if prompt.format is not None:
        text["format"] = _format(prompt.format)
    if prompt.verbosity is not None:
        text["verbosity"] = prompt.verbosity
    if text:
        body["text"] = text
    for name in ("user", "service_tier"):
        if getattr(prompt, name) is not None:
            body[name] = getattr(prompt, name)
    _rest(body, prompt, include, losses)
    if prompt.metadata and body["store"]:
        body["metadata"] = prompt.metadata
    elif prompt.metadata:
        losses.dropped("metadata")
    if include:
        body["include"] = include
    quirks = deployment.provider.quirks
    return {key: value for key, value in body.items() if key not in quirks.drop}


def _sampling(body: dict[str, Any], prompt: Prompt, losses: Losses) -> list[Any]:
    said = prompt.sampling
    if said.n is not None and said.n > 1:
        raise losses.feature("several choices (n)")
    tell_knobs(said, losses, *_LACKING)
    if said.max_tokens is not None:
        body["max_output_tokens"] = max(MIN_TOKENS, said.max_tokens)
        if said.max_tokens < MIN_TOKENS:
            losses.clamped("max_tokens")
    for name in ("temperature", "top_p", "top_logprobs"):
        if getattr(said, name) is not None:
            body[name] = getattr(said, name)
    return [LOGPROBS] if said.logprobs else []


def _reasoning(reasoning: Reasoning, losses: Losses) -> dict[str, Any]:
    effort = reasoning.effort
    if effort is None and reasoning.budget is not None:
        losses.emulated("thinking budget")
        effort = next((name for limit, name in _EFFORTS if reasoning.budget <= limit), "high")
    said: dict[str, Any] = {} if effort is None else {"effort": effort}
    if effort != "none" and reasoning.show is not False:
        said["summary"] = "auto"
    return said


def _rest(body: dict[str, Any], prompt: Prompt, include: list[Any], losses: Losses) -> None:
    for key, value in prompt.rest.items():
        if prompt.family == FAMILY:
            if key.startswith("tools."):
                body.setdefault("tools", []).extend(value)
            elif key == "include":
                include.extend(value)
            elif key.startswith("input."):
                losses.dropped(key)
            else:
                body[key] = value
        elif prompt.family == _CHAT and key in _SHARED:
            body[key] = value
        elif key not in GATEWAY_FIELDS:
            losses.dropped(key)


def _format(form: ReplyFormat) -> dict[str, Any]:
    if form.kind == "json":
        return {"type": "json_object"}
    said: dict[str, Any] = {
        "type": "json_schema",
        "name": form.name or "answer",
        "schema": form.schema or {},
    }
    if form.description:
        said["description"] = form.description
    if form.strict is not None:
        said["strict"] = form.strict
    return said


def _tools(body: dict[str, Any], prompt: Prompt, losses: Losses) -> None:
    if not prompt.tools:
        return
    body["tools"] = [_tool(tool, prompt.family, losses) for tool in prompt.tools]
    if prompt.tool_choice is not None:
        body["tool_choice"] = _choice(prompt.tool_choice, prompt.tools)
    if prompt.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = prompt.parallel_tool_calls


def _tool(tool: Tool, family: str, losses: Losses) -> dict[str, Any]:
    if tool.kind == "custom":
        said = {"type": "custom", "name": tool.name}
        if tool.description:
            said["description"] = tool.description
        form = tool.rest.get("format")
        if isinstance(form, dict) and isinstance(form.get("grammar"), dict):
            form = {"type": "grammar", **form["grammar"]}
        return said if form is None else {**said, "format": form}
    if tool.kind != "function":
        if family not in (_CHAT, FAMILY):
            raise losses.feature(f"the tool {tool.kind!r}")
        return dict(tool.rest)
    function: dict[str, Any] = {"type": "function", "name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    # Left out it means true here, and false everywhere else.
    function["strict"] = bool(tool.strict)
    return function


def _choice(choice: ToolChoice, tools: list[Tool]) -> str | dict[str, Any]:
    if choice.mode != "tool":
        return choice.mode
    custom = any(tool.kind == "custom" and tool.name == choice.name for tool in tools)
    return {"type": "custom" if custom else "function", "name": choice.name}


def _items(message: Message, family: str, losses: Losses) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [_result(part, losses) for part in message.parts if isinstance(part, ToolResult)]
    if message.role != "assistant":
        content = [_part(part, losses) for part in message.parts]
        return [{"type": "message", "role": message.role, "content": content}]
    items: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, Thought):
            items += _thought(part, family, losses)
        elif isinstance(part, Opaque) and part.family == FAMILY:
            items.append(dict(part.rest))
        elif isinstance(part, ToolCall):
            items.append(_call(part, losses))
        else:
            said = _said(part, losses)
            if items and items[-1]["type"] == "message":
                items[-1]["content"].append(said)
            else:
                items.append({"type": "message", "role": "assistant", "content": [said]})
    while items and items[-1]["type"] == "reasoning":
        # A reasoning item without what it led to is refused.
        losses.dropped("reasoning")
        items.pop()
    return items


def _thought(part: Thought, family: str, losses: Losses) -> list[dict[str, Any]]:
    if not part.data or part.family != family:
        losses.dropped("reasoning")
        return []
    item: dict[str, Any] = {"type": "reasoning"}
    if part.id.startswith("rs_"):
        item["id"] = part.id
    item["summary"] = [{"type": "summary_text", "text": part.text}] if part.text else []
    item["encrypted_content"] = part.data
    return [item]


def _call(part: ToolCall, losses: Losses) -> dict[str, Any]:
    if part.signature:
        losses.dropped("signature")
    if part.custom:
        said = {"call_id": part.id, "name": part.name, "input": part.arguments}
        return {"type": "custom_tool_call", **said}
    arguments = part.arguments or "{}"
    return {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": arguments}


def _said(part: Part, losses: Losses) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "output_text", "text": part.text, "annotations": []}
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    raise losses.feature(f"{type(part).__name__} parts in the assistant's words")


def _result(part: ToolResult, losses: Losses) -> dict[str, Any]:
    output: str | list[dict[str, Any]]
    if all(isinstance(one, Text) for one in part.parts):
        output = "\n".join(one.text for one in part.parts if isinstance(one, Text))
        output = f"Error: {output}" if part.error else output
    else:
        output = [_part(one, losses) for one in part.parts]
        if part.error:
            output.insert(0, {"type": "input_text", "text": "Error:"})
    return {"type": "function_call_output", "call_id": part.id, "output": output}


def _part(part: Part, losses: Losses) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, Image):
        image: dict[str, Any] = {"type": "input_image", "detail": part.detail or "auto"}
        if part.file_id:
            return {**image, "file_id": part.file_id}
        url = part.url or f"data:{part.mime or 'image/png'};base64,{part.data}"
        return {**image, "image_url": url}
    if isinstance(part, File):
        return _file(part)
    if isinstance(part, Audio):
        raise losses.feature("audio")
    raise losses.feature(f"{type(part).__name__} parts in this place")


def _file(part: File) -> dict[str, Any]:
    if part.text:
        return {"type": "input_text", "text": part.text}
    if part.file_id:
        return {"type": "input_file", "file_id": part.file_id}
    if part.url:
        return {"type": "input_file", "file_url": part.url}
    data = f"data:{part.mime or 'application/pdf'};base64,{part.data}"
    return {"type": "input_file", "filename": part.name or "file.pdf", "file_data": data}
