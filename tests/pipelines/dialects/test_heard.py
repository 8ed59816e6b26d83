"""An answer is kept as it was said, whatever its dialect, as far as there is room for it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.dialects.base import Dialect
from pipelines.dialects.heard import Heard
from pipelines.events import Media
from pipelines.operations import OPERATIONS
from pipelines.output import generates
from pipelines.redaction import Redaction, preset
from pipelines.registry import DIALECTS
from tests.builders import DONE, SECRET, a_chunk, a_completion, a_stream, sse

CHAT = DIALECTS["openai-chat"]
NO_RULES = Redaction()


def said(raw: bytes, dialect: Dialect = CHAT, media: Media = Media.SSE, cut: int = 1_000) -> Any:
    """What is kept of a reply that comes in reads of `cut` bytes."""
    heard = Heard(dialect, media)
    for at in range(0, len(raw), cut):
        heard.take(raw[at : at + cut])
    found = heard.told(NO_RULES)
    return None if found is None else orjson.loads(found)


@pytest.mark.parametrize("cut", [7, 1_000])
def test_a_streamed_answer_is_kept_as_one_message(cut: int) -> None:
    (message,) = said(a_stream("Hel", "lo"), cut=cut)
    assert message == {"role": "assistant", "content": "Hello", "finish_reason": "stop"}


def test_a_whole_answer_is_kept_like_a_streamed_one() -> None:
    (message,) = said(a_completion("hello"), media=Media.JSON)
    assert message == {"role": "assistant", "content": "hello", "finish_reason": "stop"}


def test_tool_calls_and_thoughts_are_kept() -> None:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    first = a_chunk(None)
    first["choices"][0]["delta"] = {"reasoning_content": "hm", "tool_calls": [call]}
    parts = [first]
    for piece in ('{"a":', "1}"):
        chunk = a_chunk(None)
        told = {"index": 0, "function": {"arguments": piece}}
        chunk["choices"][0]["delta"] = {"tool_calls": [told]}
        parts.append(chunk)
    (message,) = said(sse(*parts, a_chunk(None, "tool_calls")) + DONE)
    assert message["reasoning_content"] == "hm"
    assert message["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    ]
    assert (message["content"], message["finish_reason"]) == (None, "tool_calls")


def test_a_stream_of_anthropics_is_understood() -> None:
    events = [
        {
            "type": "message_start",
            "message": {"id": "m", "model": "c", "usage": {"input_tokens": 1}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
        {"type": "message_stop"},
    ]
    (message,) = said(sse(*events), DIALECTS["anthropic-messages"])
    assert (message["content"], message["finish_reason"]) == ("Hi", "stop")


def test_lines_and_arrays_are_understood() -> None:
    lines = b'{"message":{"role":"assistant","content":"Hi"},"done":false}\n'
    (message,) = said(lines, DIALECTS["ollama-chat"], Media.NDJSON)
    assert message["content"] == "Hi"
    part = {"candidates": [{"index": 0, "content": {"parts": [{"text": "Hi"}], "role": "model"}}]}
    whole = b"[" + orjson.dumps(part) + b",\r\n" + orjson.dumps(part) + b"]"
    for raw in (whole, whole[:-1], whole[:-1] + b",\r\n"):
        (message,) = said(raw, DIALECTS["gemini-array"], Media.ARRAY)
        assert message["content"] == "HiHi"


@pytest.mark.parametrize("raw", [b"", b"{", b"[", b"null", b"5", b"data: {\n\n", b"data: 1\n\n"])
@pytest.mark.parametrize("media", [Media.SSE, Media.JSON])
def test_of_what_is_no_answer_nothing_is_kept(raw: bytes, media: Media) -> None:
    assert said(raw, media=media) is None


@pytest.mark.parametrize(
    "name", sorted(one.dialect for one in OPERATIONS if generates(Call(one, b"", [])))
)
@pytest.mark.parametrize("raw", [b'data: {"choices": 5, "type": [], "delta": 7}\n\n', b"[[1]]"])
def test_no_dialect_falls_over_a_senseless_answer(name: str, raw: bytes) -> None:
    for media in (Media.SSE, Media.JSON):
        assert said(raw, DIALECTS[name], media) in (None, [])


def test_what_was_said_before_a_reply_broke_is_kept() -> None:
    raw = sse(a_chunk("Hel")) + b'data: {"error": {"message": "broken"}}\n\n'
    assert said(raw)[0]["content"] == "Hel"


def test_of_an_endless_answer_no_more_is_kept_than_there_is_room_for() -> None:
    heard = Heard(CHAT, Media.SSE)
    raw = sse(*(a_chunk("word " * 20) for _ in range(100)))
    for _ in range(100):
        heard.take(raw)
    found = heard.told(NO_RULES)
    assert found is not None
    assert 10_000 < len(found) < 70_000
    assert "left out" in found


def test_of_a_monstrous_document_nothing_is_kept() -> None:
    heard = Heard(CHAT, Media.JSON)
    for _ in range(80):
        heard.take(b" " * 65_536)
    assert heard.told(NO_RULES) is None


def test_an_answer_is_cleaned_also_where_a_rule_fits_two_pieces_of_it() -> None:
    heard = Heard(CHAT, Media.SSE)
    heard.take(a_stream("ann@", "example.org has ", SECRET[:9], SECRET[9:]))
    found = heard.told(Redaction((preset("email"),)))
    assert found is not None
    assert orjson.loads(found)[0]["content"] == "[email] has ****"


def test_choices_stay_apart_and_are_not_endless() -> None:
    parts = []
    for number in range(40):
        chunk = a_chunk(f"c{number}")
        chunk["choices"][0]["index"] = number
        parts.append(chunk)
    messages = said(sse(*parts))
    assert [one["content"] for one in messages] == [f"c{number}" for number in range(16)]
