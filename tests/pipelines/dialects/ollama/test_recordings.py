"""Every recorded reply of Ollama is read as it was meant, and every chat is written for its SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ollama
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.call import Call
from pipelines.deltas import (
    Consumed,
    Delta,
    Finish,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.bridge import Bridge, Interpreter
from pipelines.dialects.frames import Frames, LineFrames, SseFrames
from pipelines.dialects.ollama.dialect import OLLAMA_CHAT
from pipelines.dialects.ollama.gauge import OllamaStreamGauge, OllamaWholeGauge
from pipelines.dialects.ollama.reader import OllamaInterpreter
from pipelines.dialects.ollama.whole import OllamaWholeWriter
from pipelines.dialects.ollama.writer import OllamaStreamWriter
from pipelines.dialects.openai_chat.reader import ChatInterpreter
from pipelines.dialects.openai_chat.writer import ChatStreamWriter
from pipelines.errors import UpstreamError
from pipelines.operations import OLLAMA_CHAT as CHAT
from tests.builders import a_deployment
from tests.fakes.recordings import Recording, needs_fixtures, openai_chat_streams, recordings
from tests.pipelines.dialects.cuts import at, spread

pytestmark = needs_fixtures()

OURS = [one for one in recordings() if one.endpoint in ("ollama-chat", "ollama-generate")]
ANSWERS = [one for one in OURS if one.status == 200]
STREAMS = [one for one in ANSWERS if one.whole.count(b"\n") > 1]
CHATS = openai_chat_streams()


def lines(one: Recording) -> list[dict[str, Any]]:
    """The recorded objects."""
    return [orjson.loads(line) for line in one.whole.splitlines() if line.strip()]


def framed(reader: Interpreter, frames: Frames, pieces: Sequence[bytes]) -> list[Delta]:
    """What these reads mean."""
    found = [
        d for raw in pieces for name, value in frames.feed(raw) for d in reader.event(name, value)
    ]
    found += [d for name, value in frames.close() for d in reader.event(name, value)]
    return found + reader.end(frames.done)


def read(one: Recording) -> list[Delta]:
    """What the reply means."""
    reader = OllamaInterpreter("Ollama")
    if one in STREAMS:
        return framed(reader, LineFrames(), one.chunks)
    return reader.document(orjson.loads(one.whole))


def heard(deltas: list[Delta]) -> dict[str, Any]:
    """What a client must get of a reply."""
    calls: dict[int, list[str]] = {}
    spent = None
    for one in deltas:
        if isinstance(one, ToolBegin):
            calls[one.index] = [one.id, one.name, ""]
        elif isinstance(one, ToolArguments):
            calls[one.index][2] += one.text
        elif isinstance(one, Consumed):
            spent = (one.usage.prompt_tokens, one.usage.completion_tokens)
    return {
        "text": "".join(one.text for one in deltas if isinstance(one, TextDelta)),
        "thought": "".join(one.text for one in deltas if isinstance(one, ThoughtDelta)),
        "calls": [(id, name, orjson.loads(words or "{}")) for id, name, words in calls.values()],
        "finish": [one.reason for one in deltas if isinstance(one, Finish)],
        "usage": spent,
    }


def written(said: list[Delta], streamed: bool) -> bytes:
    """These deltas, written for a client."""
    make = OllamaStreamWriter if streamed else OllamaWholeWriter
    writer = make("m", True)
    return b"".join(writer.write([one]) for one in said) + writer.close()


def read_by_the_sdk(raw: bytes) -> dict[str, Any]:
    """What the official SDK makes of the lines."""
    found = [ollama.ChatResponse.model_validate_json(line) for line in raw.splitlines()]
    last = found[-1]
    assert [one.done for one in found] == [False] * (len(found) - 1) + [True]
    return {
        "text": "".join(one.message.content or "" for one in found),
        "thought": "".join(one.message.thinking or "" for one in found),
        "calls": [
            (call.function.name, dict(call.function.arguments))
            for one in found
            for call in one.message.tool_calls or ()
        ],
        "usage": (last.prompt_eval_count, last.eval_count),
        "reason": last.done_reason,
    }


def test_there_are_recordings_of_every_kind() -> None:
    assert len(ANSWERS) >= 9
    assert len(STREAMS) >= 3


@pytest.mark.parametrize("one", ANSWERS, ids=lambda one: one.name)
def test_a_recorded_reply_is_read_whole(one: Recording) -> None:
    said = [{**value, **value.get("message", {})} for value in lines(one)]
    got = heard(read(one))
    assert got["text"] == "".join(
        part.get("content") or part.get("response") or "" for part in said
    )
    assert got["thought"] == "".join(part.get("thinking", "") for part in said)
    calls = [call for part in said for call in part.get("tool_calls", ())]
    assert [(name, args) for _, name, args in got["calls"]] == [
        (call["function"]["name"], call["function"]["arguments"]) for call in calls
    ]
    assert got["finish"] == ["tool_calls" if calls else said[-1]["done_reason"]]
    assert got["usage"] == (said[-1].get("prompt_eval_count", 0), said[-1]["eval_count"])


@pytest.mark.parametrize("one", STREAMS, ids=lambda one: one.name)
def test_a_recorded_stream_passes_the_gauge_untouched_wherever_it_is_cut(one: Recording) -> None:
    for pieces in spread(one.whole, 12):
        gauge = OllamaStreamGauge("Ollama", 7)
        given = b"".join(gauge.watch(piece) for piece in pieces) + gauge.close()
        assert given.strip() == one.whole.strip()
        usage = gauge.usage
        assert (usage.prompt_tokens, usage.completion_tokens) == heard(read(one))["usage"]


@pytest.mark.parametrize("one", [one for one in ANSWERS if one not in STREAMS], ids=str)
def test_a_recorded_document_passes_the_gauge_untouched(one: Recording) -> None:
    gauge = OllamaWholeGauge("Ollama", 7, ("message", "response"))
    assert gauge.watch(one.whole) is one.whole
    assert not gauge.usage.estimated


@pytest.mark.parametrize("one", ANSWERS, ids=lambda one: one.name)
def test_a_reply_that_is_written_anew_means_the_same(one: Recording) -> None:
    said = read(one)
    raw = written(said, True)
    assert heard(framed(OllamaInterpreter("us"), LineFrames(), [raw])) == heard(said)
    assert heard(OllamaInterpreter("us").document(orjson.loads(written(said, False)))) == heard(
        said
    )


@pytest.mark.parametrize("one", CHATS, ids=lambda one: one.name)
def test_a_chat_of_others_is_read_by_our_reader_and_the_sdk(one: Recording) -> None:
    try:
        said = framed(ChatInterpreter("Acme"), SseFrames(), one.chunks)
    except UpstreamError:
        pytest.skip("the recorded stream is an error")
    before = heard(said)
    raw = written(said, True)
    after = heard(framed(OllamaInterpreter("us"), LineFrames(), [raw]))
    ids = [(name, args) for _, name, args in before["calls"]]
    assert (after["text"], after["thought"]) == (before["text"], before["thought"])
    assert [(name, args) for _, name, args in after["calls"]] == ids
    assert after["usage"] == (before["usage"] or (0, 0))
    for found in (read_by_the_sdk(raw), read_by_the_sdk(written(said, False))):
        assert (found["text"], found["thought"]) == (before["text"], before["thought"])
        assert found["calls"] == ids
        assert found["usage"] == after["usage"]
        reason = (before["finish"] or ["stop"])[0]
        assert found["reason"] == ("stop" if reason == "tool_calls" else reason)


@pytest.mark.parametrize("one", STREAMS, ids=lambda one: one.name)
def test_a_stream_reaches_openais_clients_wherever_it_is_cut(one: Recording) -> None:
    expected = heard(read(one))
    for pieces in spread(one.whole, 8):
        writer = ChatStreamWriter("m", "id", True)
        bridge = Bridge("Ollama", OllamaInterpreter("Ollama"), LineFrames(), writer, 7)
        raw = b"".join(bridge.watch(piece) for piece in pieces) + bridge.close()
        got = heard(framed(ChatInterpreter("us"), SseFrames(), [raw]))
        assert {**got, "calls": expected["calls"]} == expected


@pytest.mark.parametrize("one", [one for one in OURS if one.request], ids=lambda one: one.name)
def test_a_recorded_request_is_forwarded_as_it_came(one: Recording) -> None:
    assert one.request is not None
    if "messages" not in one.request:
        return
    raw = orjson.dumps(one.request)
    call = Call(CHAT, raw, [])
    assert OLLAMA_CHAT.forward(call, a_deployment(model=one.request["model"])) is raw
    assert OLLAMA_CHAT.parse(call).messages


@given(
    st.lists(st.text(min_size=1), min_size=1, max_size=6), st.lists(st.integers(0, 400), max_size=6)
)
def test_what_is_written_is_read_again_wherever_it_is_cut(
    words: list[str], cuts: list[int]
) -> None:
    said: list[Delta] = [TextDelta(word) for word in words]
    said += [ToolBegin(0, "a", "f"), ToolArguments(0, '{"x":"\\n"}'), Finish("tool_calls")]
    raw = written(said, True)
    pieces = at(raw, *(cut for cut in cuts if cut < len(raw)))
    got = heard(framed(OllamaInterpreter("us"), LineFrames(), pieces))
    assert got["text"] == "".join(words)
    assert got["calls"] == [("a", "f", {"x": "\n"})]
