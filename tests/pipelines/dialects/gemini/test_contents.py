"""The hub's messages into Gemini's turns."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.dialects.gemini.contents import SENTINEL, contents
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_chat.parse import parse
from pipelines.errors import BadCall, Unsupported
from pipelines.prompt import Image, Message, Text, Thought, ToolCall, ToolResult


def turns(age: float, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    prompt = parse({"model": "m", "messages": list(messages)})
    return contents(prompt.messages, age, Losses("Google"))


def call(id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": f"do_{id}"}, **more}


ASKED = {"role": "user", "content": "hi"}
CALLED = {"role": "assistant", "content": None, "tool_calls": [call("a"), call("b")]}
ANSWERED = [
    {"role": "tool", "tool_call_id": "b", "content": "two"},
    {"role": "tool", "tool_call_id": "a", "content": "one"},
]


def test_results_stand_in_one_turn_in_the_order_of_their_calls() -> None:
    said = turns(2.5, ASKED, CALLED, *ANSWERED, {"role": "user", "content": "and?"})
    assert said[1:] == [
        {"role": "model", "parts": [
            {"functionCall": {"name": "do_a", "args": {}}},
            {"functionCall": {"name": "do_b", "args": {}}},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "do_a", "response": {"result": "one"}}},
            {"functionResponse": {"name": "do_b", "response": {"result": "two"}}},
        ]},
        {"role": "user", "parts": [{"text": "and?"}]},
    ]  # fmt: skip


def test_the_third_generation_gets_ids_and_the_sentinel() -> None:
    _, model, results = turns(3, ASKED, CALLED, *ANSWERED)
    first, second = model["parts"]
    assert (first["functionCall"]["id"], first["thoughtSignature"]) == ("a", SENTINEL)
    assert "thoughtSignature" not in second
    assert results["parts"][0]["functionResponse"]["id"] == "a"


def test_a_signature_goes_back_as_it_was() -> None:
    extra = {"extra_content": {"google": {"thought_signature": "S=="}}}
    turn = {"role": "assistant", "tool_calls": [call("a", **extra), call("b")]}
    parts = turns(3, ASKED, turn)[1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == ["S==", None]


def test_a_thoughts_signature_stands_beside_the_answer() -> None:
    message = Message(
        "assistant", [Thought("hm", "S", family="gemini"), Text("yes"), Thought(family="x")]
    )
    losses = Losses("Google")
    said = contents([Message("user", [Text("hi")]), message], 3, losses)
    assert said[1]["parts"] == [
        {"text": "hm", "thought": True},
        {"text": "yes", "thoughtSignature": "S"},
    ]
    assert losses.told == ["dropped:reasoning"]


def test_turns_of_one_role_are_one_and_the_user_begins() -> None:
    assert turns(3, {"role": "assistant", "content": "yo"}, ASKED, ASKED) == [
        {"role": "user", "parts": [{"text": " "}]},
        {"role": "model", "parts": [{"text": "yo"}]},
        {"role": "user", "parts": [{"text": "hi"}, {"text": "hi"}]},
    ]
    assert turns(3) == [{"role": "user", "parts": [{"text": " "}]}]


@pytest.mark.parametrize(
    ("part", "there"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/webp;base64,AA=="}},
         {"inlineData": {"mimeType": "image/webp", "data": "AA=="}}),
        ({"type": "image_url", "image_url": {"url": "https://a.example/b.png?x=1"}},
         {"fileData": {"mimeType": "image/png", "fileUri": "https://a.example/b.png?x=1"}}),
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
         {"inlineData": {"mimeType": "audio/mp3", "data": "AA=="}}),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,AA=="}},
         {"inlineData": {"mimeType": "application/pdf", "data": "AA=="}}),
    ],
)  # fmt: skip
def test_parts_that_are_no_text(part: dict[str, Any], there: dict[str, Any]) -> None:
    assert turns(3, {"role": "user", "content": [part]}) == [{"role": "user", "parts": [there]}]


@pytest.mark.parametrize("age", [2.5, 3])
def test_pictures_in_results(age: float) -> None:
    losses = Losses("Google")
    result = ToolResult("a", [Text("see"), Image(data="AA==", mime="image/png")], error=True)
    asked = [Message("assistant", [ToolCall("a", "look", "")]), Message("tool", [result])]
    parts = contents(asked, age, losses)[2]["parts"]
    blob = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    assert parts[0]["functionResponse"]["response"] == {"error": "see"}
    if age >= 3:
        assert parts[0]["functionResponse"]["parts"] == [blob]
    else:
        assert parts[1] == blob
        assert losses.told == ["emulated:images in tool results"]


def test_what_makes_no_sense_is_an_error() -> None:
    with pytest.raises(BadCall):
        turns(3, ASKED, {"role": "tool", "tool_call_id": "z", "content": "?"})
    with pytest.raises(Unsupported):
        file = {"type": "file", "file": {"file_id": "file-1"}}
        turns(3, {"role": "user", "content": [file]})
