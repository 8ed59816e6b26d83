"""Tools that Anthropic's clients run themselves are functions to everybody else."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.dialects.anthropic.parse import parse
from pipelines.dialects.anthropic.render import render
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_chat.render import render as render_chat
from pipelines.errors import Unsupported
from pipelines.prompt import Prompt
from tests.builders import a_deployment

BASH = {"type": "bash_20250124", "name": "bash", "cache_control": {"type": "ephemeral"}}
EDITOR = {
    "type": "text_editor_20250728",
    "name": "str_replace_based_edit_tool",
    "max_characters": 9,
}
OLD_EDITOR = {"type": "text_editor_20250124", "name": "str_replace_editor"}
MEMORY = {"type": "memory_20250818", "name": "memory"}
COMPUTER = {
    "type": "computer_20250124",
    "name": "computer",
    "display_width_px": 1,
    "display_height_px": 1,
}


def a_prompt(*tools: dict[str, Any]) -> Prompt:
    """A prompt with these tools."""
    said = [{"role": "user", "content": "a"}]
    return parse({"model": "m", "max_tokens": 5, "messages": said, "tools": list(tools)})


def functions(*tools: dict[str, Any]) -> list[dict[str, Any]]:
    """The functions that an OpenAI-compatible provider is given for them."""
    body = render_chat(a_prompt(*tools), a_deployment(), Losses("Acme"))
    assert all(one["type"] == "function" for one in body["tools"])
    return [one["function"] for one in body["tools"]]


def test_within_the_family_each_goes_out_as_it_came() -> None:
    tools: list[dict[str, Any]] = [BASH, EDITOR, OLD_EDITOR, MEMORY, COMPUTER]
    assert render(a_prompt(*tools), a_deployment(), Losses("Acme"))["tools"] == tools


def test_for_others_each_is_a_function_of_the_same_name_with_its_schema() -> None:
    bash, editor, old, memory = functions(BASH, EDITOR, OLD_EDITOR, MEMORY)
    assert bash["name"] == "bash"
    assert set(bash["parameters"]["properties"]) == {"command", "restart"}
    assert editor["name"] == "str_replace_based_edit_tool"
    assert editor["parameters"]["properties"]["command"]["enum"] == [
        "view", "create", "str_replace", "insert",
    ]  # fmt: skip
    assert "undo_edit" in old["parameters"]["properties"]["command"]["enum"]
    assert {"old_path", "insert_text"} <= set(memory["parameters"]["properties"])
    assert all(one["description"] for one in (bash, editor, old, memory))


def test_a_tool_of_the_clients_own_is_a_function_with_or_without_its_type() -> None:
    named = {"type": "custom", "name": "f", "input_schema": {"type": "object"}}
    plain = {"name": "f", "input_schema": {"type": "object"}}
    assert functions(named) == functions(plain)


@pytest.mark.parametrize(
    "kind", ["computer_20250124", "web_search_20250305", "code_execution_20250825"]
)
def test_what_no_other_model_could_call_is_refused_by_name(kind: str) -> None:
    with pytest.raises(Unsupported, match=f"Acme does not support the tool '{kind}'"):
        functions({"type": kind, "name": "x"})
