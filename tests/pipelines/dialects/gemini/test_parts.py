"""The turns of a body."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.dialects.gemini.parts import Turns
from pipelines.errors import BadCall
from pipelines.prompt import Audio, File, Image, Opaque, Text, Thought, ToolCall, ToolResult


def turn(*parts: dict[str, Any], role: str = "user") -> list[Any]:
    turns = Turns()
    turns.add({"role": role, "parts": list(parts)}, "contents[0]")
    return [part for message in turns.messages for part in message.parts]


def test_calls_without_ids_are_paired_by_name_in_order() -> None:
    turns = Turns()
    call = {"functionCall": {"name": "look", "args": {}}}
    turns.add({"role": "model", "parts": [call, call]}, "contents[0]")
    answer = {"functionResponse": {"name": "look", "response": {"error": "dark"}}}
    turns.add({"role": "user", "parts": [answer, answer, {"text": "go on"}]}, "contents[1]")
    assert [one.role for one in turns.messages] == ["assistant", "tool", "user"]
    asked, answered, _ = turns.messages
    assert [p.id for p in asked.parts if isinstance(p, ToolCall)] == ["call_0", "call_1"]
    results = [p for p in answered.parts if isinstance(p, ToolResult)]
    assert [p.id for p in results] == ["call_0", "call_1"]
    assert results[0].error
    assert results[0].parts == [Text("dark")]


def test_every_kind_of_part() -> None:
    assert turn(
        {"text": "a", "thoughtSignature": "S"},
        {"text": "b", "thought": True},
        {"inline_data": {"mime_type": "image/png", "data": "AA=="}},
        {"inlineData": {"mimeType": "audio/wav", "data": "AA=="}},
        {"inlineData": {"mimeType": "application/pdf", "data": "AA=="}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://a.example/b"}},
        {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
        role="model",
    ) == [
        Text("a"),
        Thought(signature="S", family="gemini"),
        Thought("b", family="gemini"),
        Image(data="AA==", mime="image/png"),
        Audio("AA==", "wav"),
        File(data="AA==", mime="application/pdf"),
        Image(url="https://a.example/b", mime="image/png"),
        File(mime="video/mp4", file_id="gs://b/v"),
        Opaque("codeExecutionResult", "gemini", {"codeExecutionResult": {"outcome": "OUTCOME_OK"}}),
    ]


@pytest.mark.parametrize(
    ("part", "role"),
    [
        ({"somethingNew": {}}, "user"),
        ({"functionResponse": {"name": "look", "response": {}}}, "user"),
        ({"text": "hi"}, "system"),
    ],
)
def test_what_makes_no_sense_is_an_error(part: dict[str, Any], role: str) -> None:
    with pytest.raises(BadCall):
        turn(part, role=role)
