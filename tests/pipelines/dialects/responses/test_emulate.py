"""Tools that only OpenAI knows are plain functions for others, and come back as what they were."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.dialects.responses.emulate import (
    GRAMMAR,
    Offered,
    as_functions,
    custom_input,
    offered,
    shell_action,
)

PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"},
}
PLAIN = {"type": "function", "name": "f", "parameters": {}}
SPACE = {"type": "namespace", "name": "mcp", "tools": [PLAIN, {"type": "web_search"}]}
SHELL = {"type": "local_shell"}


def changed(**fields: Any) -> dict[str, Any]:
    return dict(as_functions({"model": "m", "input": "hi", **fields}))


def test_a_body_of_plain_functions_is_left_alone() -> None:
    body = {"input": [{"type": "function_call", "name": "f"}], "tools": [PLAIN]}
    assert as_functions(body) is body
    assert offered(body["tools"]) == {}


def test_a_custom_tool_is_a_function_with_one_text_and_its_grammar_is_told_and_described() -> None:
    got = changed(tools=[PATCH, PLAIN], tool_choice={"type": "custom", "name": "apply_patch"})
    tool, plain = got["tools"]
    assert (tool["type"], tool["name"], plain) == ("function", "apply_patch", PLAIN)
    assert tool["description"].startswith("Edits files.")
    assert "start: x" in tool["description"]
    assert tool["parameters"]["required"] == ["input"]
    assert got["tool_choice"] == {"type": "function", "name": "apply_patch"}
    assert got[GRAMMAR] is True
    assert GRAMMAR not in changed(tools=[{"type": "custom", "name": "c"}])


def test_the_functions_of_a_namespace_carry_its_name() -> None:
    assert changed(tools=[SPACE])["tools"] == [{**PLAIN, "name": "mcp__f"}]
    assert offered([SPACE]) == {"mcp__f": Offered("function", "f", "mcp")}


def test_the_local_shell_is_a_function() -> None:
    (tool,) = changed(tools=[SHELL])["tools"]
    assert (tool["type"], tool["name"]) == ("function", "local_shell")
    assert offered([SHELL, PATCH]) == {
        "local_shell": Offered("local_shell", "local_shell"),
        "apply_patch": Offered("custom", "apply_patch"),
    }


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": 'a"b'},
            ("p", {"input": 'a"b'}),
        ),
        (
            {
                "type": "local_shell_call",
                "call_id": "c",
                "action": {"type": "exec", "command": ["ls"], "env": {}, "timeout_ms": 5},
            },
            ("local_shell", {"command": ["ls"], "timeout_ms": 5}),
        ),
        (
            {
                "type": "function_call",
                "call_id": "c",
                "name": "f",
                "namespace": "mcp",
                "arguments": "{}",
            },
            ("mcp__f", {}),
        ),
    ],
)
def test_earlier_calls_are_calls_of_functions(
    item: dict[str, Any], expected: tuple[str, dict[str, Any]]
) -> None:
    (got,) = changed(input=[item])["input"]
    assert (got["type"], got["call_id"]) == ("function_call", "c")
    assert (got["name"], orjson.loads(got["arguments"])) == expected


def test_earlier_results_are_results_of_functions() -> None:
    items = [
        {"type": "custom_tool_call_output", "call_id": "c", "output": "x"},
        {"type": "local_shell_call_output", "id": "d", "output": "y"},
    ]
    assert changed(input=items)["input"] == [
        {"type": "function_call_output", "call_id": "c", "output": "x"},
        {"type": "function_call_output", "call_id": "d", "output": "y"},
    ]


def test_allowed_tools_are_the_only_ones_that_are_offered() -> None:
    choice = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "f"}],
    }
    got = changed(tools=[PLAIN, {**PLAIN, "name": "g"}], tool_choice=choice)
    assert (got["tools"], got["tool_choice"]) == ([PLAIN], "required")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [('{"input":"a"}', "a"), ('{"input":1}', '{"input":1}'), ("no json", "no json"), ("[]", "[]")],
)
def test_what_a_custom_tool_is_given_is_the_text_or_else_all_of_it(
    arguments: str, expected: str
) -> None:
    assert custom_input(arguments) == expected


def test_what_the_shell_is_to_do_always_has_its_shape() -> None:
    assert shell_action("") == {"type": "exec", "command": [], "env": {}}
    assert shell_action('{"command":"ls","timeout_ms":5}') == {
        "type": "exec",
        "command": ["bash", "-lc", "ls"],
        "env": {},
        "timeout_ms": 5,
    }
