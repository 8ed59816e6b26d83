"""Gemini's body into the hub."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.dialects.gemini.parse import parse
from pipelines.errors import BadCall
from pipelines.prompt import Message, Reasoning, ReplyFormat, Text, Tool, ToolChoice

CONTENTS = [{"role": "user", "parts": [{"text": "hi"}]}]


def parsed(**body: Any) -> Any:
    return parse({"model": "m", "contents": CONTENTS, **body}, False)


def test_the_fields_of_a_body_in_either_spelling() -> None:
    prompt = parsed(
        system_instruction={"parts": [{"text": "Be kind."}]},
        generation_config={
            "max_output_tokens": 5, "topK": 2.0, "response_mime_type": "application/json",
            "response_schema": {"type": "STRING"}, "speechConfig": {},
            "thinking_config": {"thinking_budget": -1, "include_thoughts": True},
        },
        tools=[{"function_declarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
        safetySettings=[],
    )  # fmt: skip
    assert prompt.messages == [Message("system", [Text("Be kind.")]), Message("user", [Text("hi")])]
    assert (prompt.sampling.max_tokens, prompt.sampling.top_k) == (5, 2)
    assert prompt.format == ReplyFormat("schema", {"type": "string"})
    assert prompt.reasoning == Reasoning(adaptive=True, show=True)
    assert prompt.tools == [Tool("f", parameters={"type": "object"})]
    assert prompt.rest == {"safetySettings": [], "generationConfig": {"speechConfig": {}}}


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto")),
        ({"mode": "none"}, ToolChoice("none")),
        ({"mode": "ANY"}, ToolChoice("required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("tool", "f")),
        ({}, None),
    ],
)
def test_tool_choices(calling: dict[str, Any], choice: ToolChoice | None) -> None:
    assert parsed(toolConfig={"functionCallingConfig": calling}).tool_choice == choice


@pytest.mark.parametrize(
    "body",
    [
        {"contents": []},
        {"contents": "hi"},
        {"systemInstruction": {"parts": [{"inlineData": {}}]}},
        {"generationConfig": {"temperature": "warm"}},
        {"generationConfig": {"stopSequences": "x"}},
    ],
)
def test_a_wrong_shape_is_an_error(body: dict[str, Any]) -> None:
    with pytest.raises(BadCall):
        parsed(**body)


@pytest.mark.parametrize(("mode", "kept"), [("ANY", {}), ("VALIDATED", {"toolConfig"})])
def test_several_tools_that_may_be_called_are_all_that_is_left(mode: str, kept: set[str]) -> None:
    declared = [{"name": name} for name in ("a", "b", "c")]
    prompt = parsed(
        tools=[{"functionDeclarations": declared}, {"googleSearch": {}}],
        toolConfig={"functionCallingConfig": {"mode": mode, "allowedFunctionNames": ["a", "c"]}},
    )
    assert [tool.name for tool in prompt.tools] == ["a", "c", "googleSearch"]
    assert prompt.tool_choice == ToolChoice("required" if mode == "ANY" else "auto")
    assert prompt.rest.keys() == set(kept)
