"""OpenRouter's details are put together from their pieces and go back as they came."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.deltas import Finish, ThoughtDelta
from pipelines.dialects.frames import SseFrames
from pipelines.dialects.openai_chat.details import FAMILY, Details, details_of
from pipelines.dialects.openai_chat.reader import ChatInterpreter
from pipelines.prompt import Thought
from tests.fakes.recordings import fixtures_folder, needs_fixtures

CASSETTE = (
    "given/openrouter/chat_openrouter_reasoning_details_round-trip_accumulates_reasoning_details_while_"
    "streaming_tool_calls.vcr.json"
)


def collected(*chunks: list[dict[str, Any]]) -> list[Any]:
    """The list that these chunks make."""
    details = Details()
    for chunk in chunks:
        details.take(chunk)
    return [one for delta in details.taken(0) for one in orjson.loads(delta.data)]


def test_pieces_of_one_place_are_joined_and_others_follow() -> None:
    first = {"type": "reasoning.text", "text": "a", "format": "f", "index": 0}
    assert collected(
        [first],
        [{"type": "reasoning.text", "text": "b", "index": 0}],
        [{"type": "reasoning.text", "signature": "s", "index": 0}],
        [{"type": "reasoning.encrypted", "data": "x", "index": 1}],
    ) == [
        {**first, "text": "ab", "signature": "s"},
        {"type": "reasoning.encrypted", "data": "x", "index": 1},
    ]


@pytest.mark.parametrize("pieces", [None, "x", [1], {}])
def test_what_is_no_list_of_details_is_passed_over(pieces: Any) -> None:
    assert collected(pieces) == []


def test_they_are_given_once_and_before_the_end() -> None:
    reader = ChatInterpreter("OpenRouter")
    detail = {"type": "reasoning.encrypted", "data": "x", "index": 0}
    message = {"role": "assistant", "content": "hi", "reasoning_details": [detail]}
    deltas = reader.document({"choices": [{"index": 0, "message": message}]})
    assert isinstance(deltas[-2], ThoughtDelta)
    assert isinstance(deltas[-1], Finish)
    assert details_of([Thought(data=deltas[-2].data, family=FAMILY)]) == [detail]


@needs_fixtures()
def test_a_recorded_second_turn_holds_what_is_read_from_the_first() -> None:
    recording = orjson.loads((fixtures_folder() / CASSETTE).read_bytes())
    first, second = recording["interactions"][:2]
    frames, reader = SseFrames(), ChatInterpreter("OpenRouter")
    deltas = [
        delta
        for name, value in frames.feed(first["response"]["text"].encode())
        for delta in reader.event(name, value)
    ]
    found = [one for one in deltas if isinstance(one, ThoughtDelta) and one.data]
    thoughts = [Thought(data=one.data, family=one.family) for one in found]
    assert details_of(thoughts) == second["request"]["json"]["messages"][1]["reasoning_details"]
