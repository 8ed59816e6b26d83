"""Tools that only OpenAI's own servers know, as plain functions for everybody else, and back.

The rule: a call comes back in the form in which its tool was offered; what of a tool cannot be said
of a function is told as a loss.
Source: https://platform.openai.com/docs/guides/function-calling#custom-tools
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson

SHELL = "local_shell"
# Told as a loss: a function's argument cannot be held to a grammar.
GRAMMAR = "tools.custom.format"

_JOINT = "__"


@dataclass(frozen=True, slots=True)
class Offered:
    """How a tool was offered: as a `function`, `custom` or `local_shell`, by which name and in
    which namespace."""

    kind: str
    name: str
    namespace: str = ""


def as_functions(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body with plain functions in place of custom tools, namespaces and the local shell."""
    tools, items = body.get("tools"), body.get("input")
    changed: dict[str, Any] = {}
    if isinstance(tools, list) and any(_kind(one) in _TOOLS for one in tools):
        changed["tools"] = [new for one in tools for new in _tools(one)]
        if any(_definition(one) for one in tools):
            changed[GRAMMAR] = True
    if isinstance(items, list) and any(_is_special(one) for one in items):
        changed["input"] = [_item(one) if isinstance(one, Mapping) else one for one in items]
    choice = body.get("tool_choice")
    if _kind(choice) == "custom":
        changed["tool_choice"] = {**choice, "type": "function"}  # type: ignore[dict-item]
    elif _kind(choice) == "allowed_tools":
        changed |= _allowed(choice, changed.get("tools") or tools)  # type: ignore[arg-type]
    return {**body, **changed} if changed else body


def offered(tools: object) -> Mapping[str, Offered]:
    """How the tools were offered whose calls must not come back as calls of plain functions."""
    found: dict[str, Offered] = {}
    for one in tools if isinstance(tools, list) else ():
        kind = _kind(one)
        if kind == "custom":
            found[str(one.get("name"))] = Offered(kind, str(one.get("name")))
        elif kind == SHELL:
            found[SHELL] = Offered(SHELL, SHELL)
        elif kind == "namespace":
            space = str(one.get("name"))
            for inner in _inner(one):
                name = str(inner.get("name"))
                found[_joined(space, name)] = Offered(_kind(inner), name, space)
    return found


def custom_input(arguments: str) -> str:
    """What a custom tool is given, out of the arguments of the function in its place."""
    value = _object(arguments)
    words = value.get("input") if value is not None else None
    return words if isinstance(words, str) else arguments


def shell_action(arguments: str) -> dict[str, Any]:
    """What the local shell is to do, out of the arguments of the function in its place."""
    value = _object(arguments) or {}
    command = value.get("command")
    if isinstance(command, str):
        command = ["bash", "-lc", command]
    action: dict[str, Any] = {"type": "exec", "command": command or [], "env": {}}
    for name in ("timeout_ms", "working_directory"):
        if value.get(name) is not None:
            action[name] = value[name]
    return action


def _object(words: str) -> dict[str, Any] | None:
    try:
        value = orjson.loads(words)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _kind(one: object) -> str:
    return str(one.get("type") or "") if isinstance(one, Mapping) else ""


def _joined(space: str, name: str) -> str:
    return f"{space}{_JOINT}{name}"


def _inner(space: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for one in space.get("tools") or ():
        if _kind(one) in ("function", "custom"):
            yield one


def _tools(one: Any) -> Iterable[Any]:
    kind = _kind(one)
    if kind == "custom":
        return [_custom(one)]
    if kind == SHELL:
        return [_SHELL_TOOL]
    if kind != "namespace":
        return [one]
    space = str(one.get("name"))
    plain = (_custom(inner) if _kind(inner) == "custom" else inner for inner in _inner(one))
    return [{**inner, "name": _joined(space, str(inner.get("name")))} for inner in plain]


def _definition(one: object) -> str:
    form = one.get("format") if isinstance(one, Mapping) and _kind(one) == "custom" else None
    if not isinstance(form, Mapping):
        return ""
    held = form.get("grammar") if isinstance(form.get("grammar"), Mapping) else form
    return str(held.get("definition") or "")  # type: ignore[union-attr]


def _custom(one: Mapping[str, Any]) -> dict[str, Any]:
    words, grammar = str(one.get("description") or ""), _definition(one)
    if grammar:
        words += f"\n\nThe input must follow this grammar:\n{grammar}"
    told = {"type": "string", "description": "The whole input of the tool, as it is."}
    return {
        "type": "function",
        "name": one.get("name"),
        "description": words.strip(),
        "parameters": _parameters({"input": told}, "input"),
    }


def _parameters(properties: dict[str, Any], required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [required],
        "additionalProperties": False,
    }


def _is_special(one: object) -> bool:
    return _kind(one) in _ITEMS or (isinstance(one, Mapping) and bool(one.get("namespace")))


def _item(one: Mapping[str, Any]) -> Mapping[str, Any]:
    kind, id = _kind(one), one.get("call_id") or one.get("id")
    name = str(one.get("name") or "")
    if one.get("namespace"):
        name = _joined(str(one["namespace"]), name)
    if kind == "function_call":
        return {**one, "name": name}
    call = {"type": "function_call", "call_id": id, "name": name}
    if kind == "custom_tool_call":
        said = {"input": one.get("input") or ""}
        return {**call, "arguments": orjson.dumps(said).decode()}
    if kind == "local_shell_call":
        action = one.get("action")
        action = action if isinstance(action, Mapping) else {}
        said = {key: value for key, value in action.items() if key != "type" and value}
        return {**call, "name": SHELL, "arguments": orjson.dumps(said).decode()}
    if kind in ("custom_tool_call_output", "local_shell_call_output"):
        return {"type": "function_call_output", "call_id": id, "output": one.get("output")}
    return one


def _allowed(choice: Mapping[str, Any], tools: object) -> dict[str, Any]:
    names = {one.get("name") for one in choice.get("tools") or () if isinstance(one, Mapping)}
    kept = [one for one in tools if one.get("name") in names] if isinstance(tools, list) else []
    return {"tools": kept, "tool_choice": choice.get("mode") or "auto"}


_TOOLS = frozenset({"custom", "namespace", SHELL})
_ITEMS = frozenset(
    {
        "custom_tool_call", "custom_tool_call_output", "local_shell_call",
        "local_shell_call_output",
    }
)  # fmt: skip
_SHELL_TOOL: Mapping[str, Any] = MappingProxyType(
    {
        "type": "function",
        "name": SHELL,
        "description": "Runs a command on the user's machine and returns its output.",
        "parameters": _parameters(
            {
                "command": {"type": "array", "items": {"type": "string"}},
                "timeout_ms": {"type": "integer"},
                "working_directory": {"type": "string"},
            },
            "command",
        ),
    }
)
