"""What is written for Cohere's clients is read back as the same answer."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.deltas import (
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.cohere.reader import CohereReader
from pipelines.dialects.cohere.writer import CohereStreamWriter, CohereWholeWriter
from pipelines.dialects.frames import SseFrames
from pipelines.usage import Usage

REPLY: list[Delta] = [
    Begin("id"),
    ThoughtDelta("hm"),
    TextDelta("a"),
    TextDelta("b"),
    ToolBegin(0, "c", "f"),
    ToolArguments(0, '{"x":'),
    ToolArguments(0, "1}"),
    ToolBegin(1, "d", "g"),
    Finish("tool_calls"),
    Consumed(Usage(7, 3, cached_tokens=2, reasoning_tokens=1)),
]


def streamed(*deltas: Delta) -> list[dict[str, Any]]:
    writer = CohereStreamWriter("own")
    raw = b"".join(writer.write([one]) for one in deltas) + writer.close()
    frames = SseFrames()
    found = [value for _, value in frames.feed(raw)]
    assert frames.done
    return found


def document(*deltas: Delta) -> dict[str, Any]:
    writer = CohereWholeWriter("own")
    assert writer.write(deltas) == b""
    value: dict[str, Any] = orjson.loads(writer.close())
    return value


def test_a_stream_is_read_back_as_it_was_said() -> None:
    reader = CohereReader("Cohere")
    assert [one for value in streamed(*REPLY) for one in reader.event("", value)] == REPLY
    assert reader.end(True) == []


def test_a_document_is_read_back_as_it_was_said() -> None:
    said = CohereReader("Cohere").document(document(*REPLY))
    assert said[:3] == [Begin("id"), ThoughtDelta("hm"), TextDelta("ab")]
    assert said[3:5] == [ToolBegin(0, "c", "f"), ToolArguments(0, '{"x":1}')]
    assert said[-2:] == REPLY[-2:]


def test_one_block_is_open_at_a_time() -> None:
    events = streamed(ThoughtDelta("h"), TextDelta("a"), ToolBegin(0, "c", "f"), Finish("stop"))
    assert [(one["type"], one.get("index")) for one in events] == [
        ("message-start", None),
        ("content-start", 0),
        ("content-delta", 0),
        ("content-end", 0),
        ("content-start", 1),
        ("content-delta", 1),
        ("content-end", 1),
        ("tool-call-start", 0),
        ("tool-call-end", 0),
        ("message-end", None),
    ]


def test_the_words_of_a_custom_tool_become_an_object() -> None:
    said: list[Delta] = [ToolBegin(0, "c", "sql", custom=True), ToolArguments(0, "SELECT 1")]
    reader = CohereReader("Cohere")
    read = [one for value in streamed(*said, Finish("stop")) for one in reader.event("", value)]
    assert ToolArguments(0, '{"input":"SELECT 1"}') in read
    call = document(*said)["message"]["tool_calls"][0]
    assert call["function"]["arguments"] == '{"input":"SELECT 1"}'


def test_a_refusal_is_text_and_only_the_first_choice_is_told() -> None:
    said: list[Delta] = [RefusalDelta("no"), TextDelta("other", 1), Finish("length", choice=1)]
    assert document(*said)["message"]["content"] == [{"type": "text", "text": "no"}]
    assert streamed(*said)[-1]["delta"]["finish_reason"] == "COMPLETE"


def test_citations_stand_with_the_answer() -> None:
    cited = CitationDelta("https://x", "t", "words", 0, 5)
    assert document(TextDelta("words"), cited)["message"]["citations"] == [
        {
            "start": 0,
            "end": 5,
            "text": "words",
            "sources": [
                {
                    "type": "document",
                    "id": "https://x",
                    "document": {"title": "t", "url": "https://x"},
                }
            ],
            "type": "TEXT_CONTENT",
        }
    ]
    kinds = [one["type"] for one in streamed(TextDelta("words"), cited)]
    assert kinds[-4:] == ["citation-start", "citation-end", "content-end", "message-end"]


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        (Finish("stop"), "COMPLETE"),
        (Finish("stop", "x"), "STOP_SEQUENCE"),
        (Finish("length"), "MAX_TOKENS"),
        (Finish("tool_calls"), "TOOL_CALL"),
        (Finish("content_filter"), "ERROR_TOXIC"),
    ],
)
def test_the_end_has_cohere_s_words(finish: Finish, word: str) -> None:
    assert document(finish)["finish_reason"] == word


@given(
    st.lists(
        st.one_of(
            st.builds(TextDelta, st.text(min_size=1)),
            st.builds(ThoughtDelta, st.text(min_size=1)),
        )
    )
)
def test_any_words_come_back(said: list[Delta]) -> None:
    reader = CohereReader("Cohere")
    found = [one for value in streamed(*said, Finish("stop")) for one in reader.event("", value)]
    assert [one for one in found if isinstance(one, TextDelta | ThoughtDelta)] == said
