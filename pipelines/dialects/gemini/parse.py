"""Gemini's generateContent body into the hub.

The rule: every field is either understood here or rides along in `rest`; a part that the hub cannot
hold is an error. Source: https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pipelines.dialects.gemini.names import FAMILY, camelised
from pipelines.dialects.gemini.parts import Turns
from pipelines.dialects.gemini.schemas import json_schema
from pipelines.errors import BadCall
from pipelines.prompt import (
    Message,
    Part,
    Prompt,
    Reasoning,
    ReplyFormat,
    Sampling,
    Text,
    Tool,
    ToolChoice,
)

_UNDERSTOOD = frozenset(
    {"model", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "stream"}
)
_CONFIGURED = frozenset(
    {
        "temperature", "topP", "topK", "seed", "candidateCount", "stopSequences",
        "presencePenalty", "frequencyPenalty", "maxOutputTokens", "responseLogprobs", "logprobs",
        "responseMimeType", "responseSchema", "responseJsonSchema", "thinkingConfig",
    }
)  # fmt: skip
_MODES: Mapping[str, Literal["auto", "none", "required"]] = MappingProxyType(
    {"AUTO": "auto", "VALIDATED": "auto", "NONE": "none", "ANY": "required"}
)
# Here `allowedFunctionNames` counts.
_NARROWING = frozenset({"ANY", "VALIDATED"})
_JSON = "application/json"


def parse(body: Mapping[str, Any], stream: bool) -> Prompt:
    """What a generateContent body means. Raises BadCall and Unsupported."""
    said = camelised(body)
    config = camelised(said.get("generationConfig"))
    rest = {key: value for key, value in said.items() if key not in _UNDERSTOOD}
    extra = {key: value for key, value in config.items() if key not in _CONFIGURED}
    form = _format(config)
    if form is None and config.get("responseMimeType") not in (None, "text/plain"):
        extra["responseMimeType"] = config["responseMimeType"]
    if extra:
        rest["generationConfig"] = extra
    asked = camelised(said.get("toolConfig"))
    choice, kept = _choice(asked)
    if kept:
        rest["toolConfig"] = kept
    return Prompt(
        model=said["model"],
        messages=_system(said.get("systemInstruction")) + _turns(said.get("contents")),
        family=FAMILY,
        stream=stream,
        tools=_allowed(_tools(said.get("tools")), asked),
        tool_choice=choice,
        sampling=_sampling(config),
        reasoning=_reasoning(camelised(config.get("thinkingConfig"))),
        format=form,
        rest=rest,
    )


def _sampling(config: Mapping[str, Any]) -> Sampling:
    stop = config.get("stopSequences") or []
    if not isinstance(stop, list):
        raise BadCall("The field 'stopSequences' must be a list.", "generationConfig")
    return Sampling(
        max_tokens=_whole(config, "maxOutputTokens"),
        temperature=_number(config, "temperature"),
        top_p=_number(config, "topP"),
        top_k=_whole(config, "topK"),
        n=_whole(config, "candidateCount"),
        seed=_whole(config, "seed"),
        stop=list(stop),
        presence_penalty=_number(config, "presencePenalty"),
        frequency_penalty=_number(config, "frequencyPenalty"),
        logprobs=config.get("responseLogprobs"),
        top_logprobs=_whole(config, "logprobs"),
    )


def _number(config: Mapping[str, Any], name: str) -> Any:
    value = config.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise BadCall(f"The field 'generationConfig.{name}' must be a number.", name)
    return value


def _whole(config: Mapping[str, Any], name: str) -> int | None:
    value = _number(config, name)
    return None if value is None else int(value)


def _reasoning(config: Mapping[str, Any]) -> Reasoning | None:
    if not config:
        return None
    budget, level = config.get("thinkingBudget"), config.get("thinkingLevel")
    effort = level.lower() if isinstance(level, str) else None
    if effort == "thinking_level_unspecified":
        effort = None
    show = config.get("includeThoughts")
    if budget == 0:
        return Reasoning("none", show=show)
    if budget == -1:
        return Reasoning(effort, adaptive=True, show=show)
    return Reasoning(effort, budget if isinstance(budget, int) else None, show=show)


def _format(config: Mapping[str, Any]) -> ReplyFormat | None:
    schema = config.get("responseJsonSchema")
    if isinstance(schema, Mapping):
        return ReplyFormat("schema", schema=schema)
    if config.get("responseMimeType") != _JSON:
        return None
    schema = config.get("responseSchema")
    if isinstance(schema, Mapping):
        return ReplyFormat("schema", schema=json_schema(schema))
    return ReplyFormat("json")


def _tools(value: object) -> list[Tool]:
    if isinstance(value, Mapping):
        value = [value]
    tools: list[Tool] = []
    for one in value if isinstance(value, list) else ():
        for kind, inner in camelised(one).items():
            if kind == "functionDeclarations":
                tools += [_function(camelised(declared)) for declared in inner or ()]
            else:
                tools.append(Tool(name=kind, kind=kind, rest={kind: inner}))
    return tools


def _function(declared: Mapping[str, Any]) -> Tool:
    parameters = declared.get("parametersJsonSchema")
    if parameters is None and isinstance(declared.get("parameters"), Mapping):
        parameters = json_schema(declared["parameters"])
    known = ("name", "description", "parameters", "parametersJsonSchema")
    return Tool(
        name=declared.get("name") or "",
        description=declared.get("description") or "",
        parameters=parameters,
        rest={key: item for key, item in declared.items() if key not in known},
    )


def _choice(config: Mapping[str, Any]) -> tuple[ToolChoice | None, dict[str, Any]]:
    """The choice, and what of the configuration the choice does not say."""
    rest = {key: item for key, item in config.items() if key != "functionCallingConfig"}
    calling = camelised(config.get("functionCallingConfig"))
    mode = calling.get("mode")
    if not isinstance(mode, str) or mode.upper() not in _MODES:
        return None, rest
    mode = mode.upper()
    allowed = calling.get("allowedFunctionNames") or []
    if mode == "ANY" and len(allowed) == 1:
        return ToolChoice("tool", allowed[0]), rest
    if mode == "VALIDATED" or (allowed and mode not in _NARROWING):
        rest["functionCallingConfig"] = calling
    return ToolChoice(_MODES[mode]), rest


def _allowed(tools: list[Tool], config: Mapping[str, Any]) -> list[Tool]:
    """The tools that may be called: other dialects can name one or all of those that they get."""
    calling = camelised(config.get("functionCallingConfig"))
    names = calling.get("allowedFunctionNames")
    narrows = str(calling.get("mode")).upper() in _NARROWING
    if not narrows or not isinstance(names, list) or len(names) < 2:
        return tools
    return [one for one in tools if one.kind != "function" or one.name in names]


def _system(value: object) -> list[Message]:
    if value is None:
        return []
    parts = [{"text": value}] if isinstance(value, str) else camelised(value).get("parts") or ()
    said: list[Part] = []
    for one in [parts] if isinstance(parts, Mapping) else parts:
        text = one.get("text") if isinstance(one, Mapping) else None
        if not isinstance(text, str):
            raise BadCall("The field 'systemInstruction' holds text only.", "systemInstruction")
        said.append(Text(text))
    return [Message("system", said)] if said else []


def _turns(value: object) -> list[Message]:
    contents = [value] if isinstance(value, Mapping) else value
    if not isinstance(contents, list) or not contents:
        raise BadCall("The field 'contents' must be a list of turns.", "contents")
    turns = Turns()
    for at, one in enumerate(contents):
        turns.add(one, f"contents[{at}]")
    return turns.messages
