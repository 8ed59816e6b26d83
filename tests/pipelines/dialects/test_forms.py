"""A reply is told in its dialect's other form, and nothing of it is lost."""

from __future__ import annotations

import orjson
import pytest

from pipelines.call import Call
from pipelines.dialects.forms import Rewritten, final_response, rewritten
from pipelines.errors import UpstreamError
from pipelines.events import Data, End, Media
from pipelines.operations import CHAT, COHERE, GENERATE, MESSAGES, OLLAMA_CHAT, Operation
from pipelines.recording import Stored
from pipelines.registry import DIALECTS
from tests.builders import KNOWN_USAGE, a_body, a_head, a_stream, sse

SAID = "Wörter, 世界!"
PROMPTS = {
    "chat": a_body(max_tokens=9),
    "messages": a_body(max_tokens=9),
    "cohere-chat": a_body(),
    "ollama-chat": a_body(),
    "generate": orjson.dumps({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
}


def asked(operation: Operation, streams: bool) -> Call:
    body = orjson.loads(PROMPTS[operation.name])
    if operation is GENERATE:
        call = Call(operation, orjson.dumps(body), [], path_model="gpt")
        call.path_streams = streams
        return call
    return Call(operation, orjson.dumps({**body, "stream": streams}), [])


def a_stored(raw: bytes, media: Media, form: str) -> Stored:
    return Stored(200, [], media, raw, [len(raw)], [0.5], form=form, usage=KNOWN_USAGE)


@pytest.mark.parametrize("operation", [CHAT, MESSAGES, COHERE, OLLAMA_CHAT, GENERATE])
def test_a_reply_goes_from_stream_to_whole_and_back(operation: Operation) -> None:
    dialect = DIALECTS[operation.dialect]
    chat = a_stored(a_stream(SAID), Media.SSE, "stream")
    # Written by way of the hub, so that every dialect has a stream of its own.
    source = DIALECTS["openai-chat"]
    whole, streamed = asked(operation, False), asked(operation, True)
    bridge = Rewritten(dialect, streamed, "1")
    bridge._reader = Rewritten(source, streamed, "1")._reader
    bridge._dialect = _Reading(dialect, source)  # type: ignore[assignment]
    bridge.head(a_head())
    stream = bridge.read(chat.body) + bridge.tail(KNOWN_USAGE)
    kept = a_stored(stream, dialect.media, "stream")
    one = rewritten(kept, dialect, whole, "2", "whole")
    assert one is not None
    assert one.media is Media.JSON
    assert SAID in orjson.dumps(orjson.loads(one.body)).decode()
    back = rewritten(one, dialect, streamed, "3", "stream")
    assert back is not None
    assert (back.media, back.form) == (dialect.media, "stream")
    assert SAID in back.body.decode()


class _Reading:
    """Frames of one dialect, everything else of another."""

    def __init__(self, dialect: object, source: object) -> None:
        self._dialect, self._source = dialect, source

    def __getattr__(self, name: str) -> object:
        return getattr(self._source if name == "frames" else self._dialect, name)


def test_usage_that_was_left_out_is_added() -> None:
    kept = a_stored(a_stream("a", usage=False), Media.SSE, "stream")
    found = rewritten(kept, DIALECTS["openai-chat"], asked(CHAT, False), "1", "whole")
    assert found is not None
    assert orjson.loads(found.body)["usage"]["total_tokens"] == 21


def test_usage_that_was_told_is_not_told_twice() -> None:
    kept = a_stored(a_stream("a"), Media.SSE, "stream+usage")
    call = Call(CHAT, a_body(stream=True, stream_options={"include_usage": True}), [])
    found = rewritten(kept, DIALECTS["openai-chat"], call, "1", "stream+usage")
    assert found is not None
    assert found.body.count(b'"total_tokens"') == 1


def test_the_pieces_and_their_times_stay() -> None:
    raw = a_stream("a", "b", usage=False)
    cut = raw.index(b"\n\n") + 2
    kept = Stored(200, [], Media.SSE, raw, [cut, len(raw) - cut], [1.0, 2.0], form="stream")
    call = Call(CHAT, a_body(stream=True, stream_options={"include_usage": True}), [])
    found = rewritten(kept, DIALECTS["openai-chat"], call, "1", "stream+usage")
    assert found is not None
    assert found.offsets == [1.0, 2.0, 2.0]
    assert b'"a"' in found.pieces[0]
    assert b'"b"' in found.pieces[1]


def test_what_makes_no_sense_is_none() -> None:
    for raw, media in ((b"{", Media.JSON), (b"data: {}\n\n", Media.SSE)):
        kept = a_stored(raw, media, "stream")
        assert rewritten(kept, DIALECTS["openai-chat"], asked(CHAT, False), "1", "whole") is None


def test_a_running_reply_is_rewritten_event_by_event() -> None:
    change = Rewritten(DIALECTS["openai-chat"], asked(CHAT, False), "1")
    events = [*change.take(a_head()), *change.take(Data(a_stream("a")))]
    assert len(events) == 1
    data, end = change.take(End(KNOWN_USAGE))
    assert type(data) is Data
    assert orjson.loads(data.raw)["choices"][0]["message"]["content"] == "a"
    assert end == End(KNOWN_USAGE)


def test_a_running_reply_that_fails_is_told() -> None:
    change = Rewritten(DIALECTS["openai-chat"], asked(CHAT, False), "1")
    change.take(a_head())
    with pytest.raises(UpstreamError):
        change.take(End(KNOWN_USAGE))


def test_the_finished_response_is_found_in_both_forms() -> None:
    whole = a_stored(b'{"id":"resp_1"}', Media.JSON, "whole")
    done = {"type": "response.completed", "response": {"id": "resp_2"}}
    stream = a_stored(sse({"type": "x"}, done), Media.SSE, "stream")
    assert final_response(whole) == {"id": "resp_1"}
    assert final_response(stream) == {"id": "resp_2"}
    assert final_response(a_stored(sse({"type": "x"}), Media.SSE, "stream")) is None
    assert final_response(a_stored(b"[", Media.JSON, "whole")) is None
