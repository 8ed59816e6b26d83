"""The length of a reply is found and shortened in each client's own words."""

from __future__ import annotations

import orjson
import pytest

from pipelines.call import Call
from pipelines.operations import CHAT, EMBEDDINGS, GENERATE, MESSAGES, Operation
from pipelines.output import asked_output, choices, generates, shortened


def a_call(operation: Operation = CHAT, **body: object) -> Call:
    fields = {"model": "m", **dict.fromkeys(operation.requires, "x"), **body}
    return Call(operation, orjson.dumps(fields), [])


@pytest.mark.parametrize(
    ("call", "asked"),
    [
        (a_call(), None),
        (a_call(max_tokens=7), 7),
        (a_call(max_completion_tokens=8, max_tokens=7), 8),
        (a_call(max_tokens="7"), None),
        (a_call(max_tokens=True), None),
        (a_call(MESSAGES, max_tokens=9), 9),
        (a_call(GENERATE, generationConfig={"maxOutputTokens": 5}), 5),
        (a_call(GENERATE, generationConfig="odd"), None),
    ],
)
def test_the_length_is_found(call: Call, asked: int | None) -> None:
    assert asked_output(call) == asked


def test_a_shortened_call_says_it_where_the_client_said_it() -> None:
    assert shortened(a_call(max_tokens=700), 16).json["max_tokens"] == 16
    assert "max_completion_tokens" not in shortened(a_call(max_tokens=700), 16).json
    assert shortened(a_call(), 16).json["max_completion_tokens"] == 16
    gemini = shortened(a_call(GENERATE, generationConfig={"topK": 1}), 16)
    assert gemini.json["generationConfig"] == {"topK": 1, "maxOutputTokens": 16}


def test_a_shortened_call_is_another_and_its_bytes_say_the_same() -> None:
    call = a_call(max_tokens=700, stream=True)
    short = shortened(call, 16)
    assert call.json["max_tokens"] == 700
    assert orjson.loads(short.raw) == short.json
    assert (short.streaming, short.model) == (True, "m")


def test_several_replies_at_once_are_counted() -> None:
    assert choices(a_call()) == 1
    assert choices(a_call(n=3)) == 3
    assert choices(a_call(n=2, best_of=5)) == 5
    assert choices(a_call(GENERATE, generationConfig={"candidateCount": 4})) == 4


def test_only_what_generates_has_a_length() -> None:
    assert generates(a_call())
    assert not generates(a_call(EMBEDDINGS))
