"""What is written for Anthropic's clients is read back as the same answer."""

from __future__ import annotations

import orjson
import pytest

from pipelines.deltas import (
    Begin,
    Consumed,
    Delta,
    Finish,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.anthropic.whole import MessagesWholeWriter
from pipelines.dialects.anthropic.writer import MessagesStreamWriter
from pipelines.dialects.frames import SseFrames
from pipelines.dialects.openai_chat.reader import ChatInterpreter
from pipelines.errors import UpstreamError
from pipelines.usage import Usage
from tests.fakes.recordings import Recording, needs_fixtures, openai_chat_streams
from tests.pipelines.dialects.anthropic.given import read, summed


def written(*deltas: Delta, thoughts: bool = True) -> list[dict[str, object]]:
    """The events for these deltas, each written alone."""
    writer = MessagesStreamWriter("m", "msg_x", 5, thoughts)
    raw = b"".join(writer.write([one]) for one in deltas) + writer.close()
    return [value for _, value in SseFrames().feed(raw)]


def kinds(events: list[dict[str, object]]) -> list[object]:
    """The types of these events."""
    return [one["type"] for one in events]


@needs_fixtures()
@pytest.mark.parametrize("one", openai_chat_streams(), ids=lambda one: one.name)
def test_a_chat_recording_is_read_back_as_the_same_answer(one: Recording) -> None:
    try:
        deltas = read(one.whole, True, ChatInterpreter("Acme"))
    except UpstreamError:
        pytest.skip("the recording is an error")
    writer, whole = MessagesStreamWriter("m", "i", 5, True), MessagesWholeWriter("m", "i", True)
    expected = summed(deltas)
    streamed = summed(
        read(b"".join(map(writer.write, ([d] for d in deltas))) + writer.close(), True)
    )
    document = summed(read(whole.write(deltas) + whole.close(), False))
    for got in (streamed, document):
        calls, wanted = got.pop("calls"), expected["calls"]
        assert [(*c[:2], orjson.loads(c[2])) for c in calls] == [
            (*c[:2], orjson.loads(c[2])) for c in wanted
        ]
        for name in ("text", "thought", "reason"):
            assert got[name] == expected[name]
        usage = expected["usage"]
        if usage is not None and usage.cached_tokens < usage.prompt_tokens:
            assert got["usage"].prompt_tokens == usage.prompt_tokens
            assert got["usage"].completion_tokens == usage.completion_tokens


def test_the_message_starts_before_anything_even_a_call() -> None:
    events = written(ToolBegin(0, "t", "f"), Finish("tool_calls"))
    assert kinds(events) == [
        "message_start", "ping", "content_block_start", "content_block_delta",
        "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    assert events[3]["delta"] == {"type": "input_json_delta", "partial_json": "{}"}


def test_calls_whose_arguments_interleave_follow_one_another() -> None:
    deltas = (
        Begin("c"),
        ToolBegin(0, "a", "f"), ToolArguments(0, '{"x"'),
        ToolBegin(1, "b", "g"), ToolArguments(1, '{"y"'),
        ToolArguments(0, ":1}"), ToolArguments(1, ":2}"),
        TextDelta("then"), Finish("tool_calls"),
    )  # fmt: skip
    writer = MessagesStreamWriter("m", "i", 5, True)
    raw = b"".join(writer.write([one]) for one in deltas) + writer.close()
    got = summed(read(raw, True))
    assert got["calls"] == [["a", "f", '{"x":1}'], ["b", "g", '{"y":2}']]
    assert got["text"] == "then"
    assert raw.count(b"event: content_block_stop") == raw.count(b"event: content_block_start") == 3


def test_the_reason_waits_for_the_usage_and_leaves_out_what_was_cached() -> None:
    usage = Usage(18, 7, cached_tokens=10, cache_write_tokens=5)
    events = written(TextDelta("hi"), Finish("length"), Consumed(usage))
    assert events[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "max_tokens", "stop_sequence": None},
        "usage": {
            "input_tokens": 3,
            "cache_creation_input_tokens": 5,
            "cache_read_input_tokens": 10,
            "output_tokens": 7,
        },
    }


def test_a_stop_with_calls_is_tool_use() -> None:
    assert written(ToolBegin(0, "t", "f"), Finish("stop"))[-2]["delta"] == {
        "stop_reason": "tool_use",
        "stop_sequence": None,
    }


def test_thoughts_are_shown_only_to_who_asked_and_foreign_signatures_never() -> None:
    thought = (ThoughtDelta("hm"), ThoughtDelta(signature="s", family="gemini"))
    assert kinds(written(*thought, thoughts=False)) == [
        "message_start", "ping", "message_delta", "message_stop",
    ]  # fmt: skip
    assert b"signature_delta" not in orjson.dumps(written(*thought))
    own = written(ThoughtDelta("hm"), ThoughtDelta(signature="s", family="anthropic"))
    assert own[4]["delta"] == {"type": "signature_delta", "signature": "s"}


def test_the_words_of_a_custom_tool_become_an_object() -> None:
    events = written(
        ToolBegin(0, "t", "sql", custom=True),
        ToolArguments(0, 'SELECT "a"'),
        ToolArguments(0, "\nFROM b"),
        ToolBegin(1, "u", "empty", custom=True),
        Finish("tool_calls"),
    )
    words = ["", ""]
    for one in events:
        if one["type"] == "content_block_delta":
            words[int(str(one["index"]))] += one["delta"]["partial_json"]  # type: ignore[index]
    assert [orjson.loads(one) for one in words] == [{"input": 'SELECT "a"\nFROM b'}, {"input": ""}]
