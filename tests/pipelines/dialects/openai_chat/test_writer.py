"""A reply is written as chunks that every client of OpenAI's can read."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from pipelines.deltas import (
    AudioDelta,
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    ImageDelta,
    LogprobsDelta,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.frames import SseFrames
from pipelines.dialects.openai_chat.reader import ChatInterpreter
from pipelines.dialects.openai_chat.writer import ChatStreamWriter
from pipelines.errors import UpstreamError
from pipelines.usage import Usage
from tests.fakes.recordings import needs_fixtures, openai_chat_streams


def chunks(*deltas: Delta, usage: bool = False) -> list[dict[str, Any]]:
    """The chunks that are written for these deltas."""
    writer = ChatStreamWriter("m", "id", usage)
    frames = SseFrames()
    got = frames.feed(writer.write(deltas) + writer.close())
    assert frames.done
    return [value for _, value in got]


def read_back(raw: bytes) -> list[Delta]:
    """What a client of ours reads from these bytes."""
    reader, frames = ChatInterpreter("us"), SseFrames()
    deltas = [one for name, value in frames.feed(raw) for one in reader.event(name, value)]
    return deltas + reader.end(frames.done)


def test_id_model_and_time_are_the_same_on_every_chunk() -> None:
    got = chunks(Begin("c", "real", 9), TextDelta("a"), TextDelta("b"), Finish("stop"))
    assert {(one["id"], one["model"], one["created"]) for one in got} == {("c", "m", 9)}


def test_the_role_stands_in_the_first_delta_of_each_choice_only() -> None:
    got = chunks(TextDelta("a"), TextDelta("b"), TextDelta("c", 1), Finish("stop"))
    deltas = [one["choices"][0]["delta"] for one in got]
    assert deltas[0] == {"role": "assistant", "content": "a"}
    assert deltas[1] == {"content": "b"}
    assert deltas[2] == {"role": "assistant", "content": "c"}
    assert got[-1]["choices"][0]["finish_reason"] == "stop"


def test_usage_comes_once_and_only_where_it_was_asked_for() -> None:
    deltas = (TextDelta("a"), Finish("stop"), Consumed(Usage(3, 4, reasoning_tokens=2)))
    assert all("usage" not in one for one in chunks(*deltas))
    got = chunks(*deltas, usage=True)
    assert [one["usage"] for one in got[:-1]] == [None, None]
    assert got[-1]["choices"] == []
    assert got[-1]["usage"]["total_tokens"] == 7
    assert got[-1]["usage"]["completion_tokens_details"]["reasoning_tokens"] == 2


def test_a_call_begins_with_its_name_and_goes_on_with_its_arguments() -> None:
    got = chunks(ToolBegin(0, "c", "f", "sig"), ToolArguments(0, "{}"), Finish("tool_calls"))
    begun, more = (one["choices"][0]["delta"]["tool_calls"][0] for one in got[:2])
    assert begun["function"] == {"name": "f", "arguments": ""}
    assert begun["extra_content"]["google"]["thought_signature"] == "sig"
    assert more == {"index": 0, "function": {"arguments": "{}"}}


DELTAS = st.lists(
    st.one_of(
        st.builds(TextDelta, st.text(min_size=1)),
        st.builds(ThoughtDelta, st.text(min_size=1)),
        st.builds(RefusalDelta, st.text(min_size=1)),
    ),
    max_size=8,
)


@given(DELTAS)
def test_what_is_written_is_read_back_as_it_was(said: list[Delta]) -> None:
    deltas: list[Delta] = [
        Begin("c", "m", 9),
        *said,
        ToolBegin(0, "a", "f"),
        ToolArguments(0, '{"x":"é"}'),
        ImageDelta("QQ==", "image/png"),
        CitationDelta("https://x", "t", start=1, end=2),
        AudioDelta({"id": "a"}),
        LogprobsDelta({"content": []}),
        Finish("tool_calls"),
        Consumed(Usage(3, 4)),
    ]
    writer = ChatStreamWriter("m", "id", True)
    assert read_back(writer.write(deltas) + writer.close()) == deltas


@needs_fixtures()
def test_recorded_streams_mean_the_same_when_they_are_written_anew() -> None:
    for recording in openai_chat_streams():
        reader, frames = ChatInterpreter("Acme"), SseFrames()
        try:
            said = [
                one
                for name, value in frames.feed(recording.whole)
                for one in reader.event(name, value)
            ]
            said += reader.end(frames.done)
        except UpstreamError:
            continue
        writer = ChatStreamWriter("m", "id", True)
        again = read_back(writer.write(said) + writer.close())
        assert spoken(again) == spoken(said), recording.name


def spoken(deltas: list[Delta]) -> tuple[str, str, list[str], list[str]]:
    """The words, the thoughts, the calls and the reasons of a reply."""
    calls: dict[int, str] = {}
    for one in deltas:
        if isinstance(one, ToolBegin):
            calls[one.index] = f"{one.id} {one.name} "
        elif isinstance(one, ToolArguments):
            calls[one.index] += one.text
    return (
        "".join(one.text for one in deltas if isinstance(one, TextDelta)),
        "".join(one.text for one in deltas if isinstance(one, ThoughtDelta)),
        [orjson.dumps(call).decode() for _, call in sorted(calls.items())],
        [one.reason for one in deltas if isinstance(one, Finish)],
    )


def test_the_entries_of_streamed_lists_are_numbered_for_each_choice() -> None:
    # OpenAI's own client joins them by their index, and fails where one has none.
    got = chunks(
        CitationDelta(url="https://a.example"),
        ThoughtDelta(signature="s", family="anthropic"),
        CitationDelta(url="https://b.example"),
        CitationDelta(url="https://c.example", choice=1),
    )
    deltas = [one["choices"][0]["delta"] for one in got]
    numbers = [(name, one[name][0]["index"]) for one in deltas for name in one if name[-1] == "s"]
    assert numbers == [
        ("annotations", 0),
        ("thinking_blocks", 0),
        ("annotations", 1),
        ("annotations", 0),
    ]
