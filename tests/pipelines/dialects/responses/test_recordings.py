"""Recorded replies are understood in full, and what is written from others is read back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.deltas import Delta
from pipelines.dialects.frames import SseFrames
from pipelines.dialects.openai_chat.reader import ChatInterpreter
from pipelines.dialects.responses.dialect import OPENAI_RESPONSES
from pipelines.dialects.responses.gauge import ResponsesStreamGauge, ResponsesWholeGauge
from pipelines.dialects.responses.reader import ResponsesInterpreter
from pipelines.dialects.responses.writer import ResponsesWriter
from pipelines.errors import BadCall, Denied, StreamBroken, UpstreamError
from pipelines.operations import RESPONSES
from tests.fakes.recordings import Recording, needs_fixtures, openai_chat_streams, recordings
from tests.pipelines.dialects.cuts import one_by_one, spread
from tests.pipelines.dialects.responses.saying import Said, answers, held, read, read_stream, said

pytestmark = needs_fixtures()
BODY = {"model": "m", "input": "hi"}


def _named(some: list[Recording]) -> list[Any]:
    return [pytest.param(one, id=one.name) for one in some]


@pytest.mark.parametrize("recording", _named(answers()))
def test_every_answer_is_understood(recording: Recording) -> None:
    got = said(read(recording))
    text, thought, calls, tokens = held(recording)
    assert (got.text, got.thought) == (text, thought)
    assert list(got.calls) == calls
    assert len(got.reasons) == 1
    if got.usage is not None:
        assert (got.usage.prompt_tokens, got.usage.completion_tokens) == tokens


@pytest.mark.parametrize("recording", _named(answers()))
def test_every_answer_passes_its_gauge_untouched(recording: Recording) -> None:
    if not recording.streamed:
        whole = ResponsesWholeGauge("OpenAI", 1)
        assert whole.watch(recording.whole) is recording.whole
        return
    gauge = ResponsesStreamGauge("OpenAI", 1)
    out = b"".join(map(gauge.watch, recording.chunks)) + gauge.close()
    assert out == recording.whole
    assert gauge.usage == said(read(recording)).usage


@pytest.mark.parametrize("recording", _named([one for one in answers() if one.streamed]))
def test_a_cut_anywhere_changes_nothing(recording: Recording) -> None:
    expected = read_stream([recording.whole])
    for pieces in spread(recording.whole, 8):
        assert read_stream(pieces) == expected
    if len(recording.whole) < 6000:
        assert read_stream(one_by_one(recording.whole)) == expected


@pytest.mark.parametrize("recording", _named(answers()))
def test_every_answer_is_written_and_read_back_the_same(recording: Recording) -> None:
    deltas = read(recording)
    for streaming in (True, False):
        writer = ResponsesWriter(BODY, "m", "1", streaming)
        raw = writer.write(deltas) + writer.close()
        if streaming:
            again = read_stream([raw])
        else:
            again = ResponsesInterpreter("OpenAI").document(orjson.loads(raw))
        assert _comparable(said(again)) == _comparable(said(deltas))


def _comparable(one: Said) -> Said:
    # Where no usage was told, the writer says nought.
    return replace(one, usage=None)


def _chat(recording: Recording) -> list[Delta]:
    reader, frames = ChatInterpreter("Acme"), SseFrames()
    deltas: list[Delta] = []
    for name, value in frames.feed(recording.whole) + frames.close():
        deltas += reader.event(name, value)
    return deltas + reader.end(frames.done)


@pytest.mark.parametrize("recording", _named(openai_chat_streams()))
def test_every_chat_stream_becomes_one_that_reads_the_same(recording: Recording) -> None:
    try:
        deltas = _chat(recording)
    except UpstreamError:
        pytest.skip("the recording is an error")
    deltas = [one for one in deltas if not getattr(one, "choice", 0)]
    writer = ResponsesWriter(BODY, "m", "1", True)
    raw = b"".join(writer.write([one]) for one in deltas) + writer.close()
    again = said(read_stream([raw]))
    before = said(deltas)
    assert replace(again, reasons=()) == replace(before, usage=again.usage, reasons=())
    if before.usage is not None and again.usage is not None:
        assert again.usage.total_tokens == before.usage.total_tokens


def test_an_error_after_the_first_events_is_told_before_anything_is_passed_on() -> None:
    (recording,) = [one for one in recordings() if one.name == "openai/openai-error.1.chunks.txt"]
    with pytest.raises(Denied):
        read(recording)
    gauge = ResponsesStreamGauge("OpenAI", 1)
    with pytest.raises(Denied):
        for chunk in recording.chunks:
            assert gauge.watch(chunk) == b""


def test_a_stream_that_was_cut_is_broken() -> None:
    recording = next(one for one in answers() if one.streamed)
    at = recording.whole.index(b"event: response.completed")
    with pytest.raises(StreamBroken):
        read_stream([recording.whole[:at]])
    gauge = ResponsesStreamGauge("OpenAI", 1)
    assert gauge.watch(recording.whole[:at]) == recording.whole[:at]
    with pytest.raises(StreamBroken):
        gauge.close()


def test_recorded_calls_are_understood_or_refused_by_name() -> None:
    asked = [
        one.request
        for one in recordings()
        if one.endpoint == "responses" and one.request and "input" in one.request
    ]
    refused = [field for field in map(_refused, asked) if field is not None]
    assert all(refused)
    assert len(asked) - len(refused) > 50


def _refused(body: dict[str, Any]) -> str | None:
    """The field for which a call is refused, None where it is understood."""
    try:
        OPENAI_RESPONSES.parse(Call(RESPONSES, json.dumps(body).encode(), []))
    except BadCall as error:
        return error.param or ""
    return None
