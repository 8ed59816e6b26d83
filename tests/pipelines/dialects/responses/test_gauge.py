"""A reply that passes as it is, is watched: for its first word, its end, its usage, its errors."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.conversation import Conversation
from pipelines.dialects.responses.gauge import ResponsesStreamGauge, ResponsesWholeGauge
from pipelines.errors import Rejected, StreamBroken, UpstreamFailed
from pipelines.usage import Usage
from tests.builders import a_call


def event(kind: str, **fields: Any) -> bytes:
    """One event."""
    value = orjson.dumps({"type": f"response.{kind}", **fields})
    return b"event: response." + kind.encode() + b"\ndata: " + value + b"\n\n"


CREATED = event("created", response={"id": "resp_1", "error": None})
WORDS = event("output_text.delta", delta='say "error" and response.completed')
USAGE = {"input_tokens": 3, "output_tokens": 4}
COMPLETED = event("completed", response={"status": "completed", "usage": USAGE})
FAILED = event("failed", response={"error": {"code": "server_error", "message": "no"}})


def test_the_first_events_wait_for_one_that_says_something() -> None:
    gauge = ResponsesStreamGauge("Acme", 5)
    assert gauge.watch(CREATED) == b""
    assert gauge.watch(WORDS) == CREATED + WORDS
    assert gauge.watch(WORDS) == WORDS
    assert gauge.usage == Usage(5, 1, estimated=True)
    assert gauge.watch(COMPLETED) == COMPLETED
    assert gauge.close() == b""
    assert gauge.usage == Usage(3, 4)


def test_an_event_without_its_blank_line_counts() -> None:
    gauge = ResponsesStreamGauge("Acme", 5)
    gauge.watch(WORDS)
    assert gauge.watch(COMPLETED.rstrip()) == b""
    assert gauge.close().rstrip() == COMPLETED.rstrip()


def test_an_error_after_words_is_a_fault_and_before_them_an_error() -> None:
    gauge = ResponsesStreamGauge("Acme", 5)
    assert gauge.watch(WORDS + FAILED) == WORDS
    assert isinstance(gauge.fault, StreamBroken)
    with pytest.raises(UpstreamFailed):
        ResponsesStreamGauge("Acme", 5).watch(CREATED + FAILED)


def test_an_end_that_is_missing_is_told() -> None:
    gauge = ResponsesStreamGauge("Acme", 5)
    gauge.watch(WORDS)
    with pytest.raises(StreamBroken):
        gauge.close()
    silent = ResponsesStreamGauge("Acme", 5)
    silent.watch(CREATED)
    with pytest.raises(UpstreamFailed):
        silent.close()


def test_a_whole_reply_must_be_an_answer() -> None:
    gauge = ResponsesWholeGauge("Acme", 5)
    gauge.watch(orjson.dumps({"output": [], "usage": USAGE}))
    assert (gauge.usage, gauge.close()) == (Usage(3, 4), b"")
    for raw in (b"<html>", b"[]", b"{}"):
        with pytest.raises(UpstreamFailed):
            ResponsesWholeGauge("Acme", 5).watch(raw)
    with pytest.raises(Rejected):
        error = {"type": "invalid_request_error", "message": "no"}
        ResponsesWholeGauge("Acme", 5).watch(orjson.dumps({"error": error}))


@pytest.mark.parametrize(("store", "maker"), [(True, "d1"), (False, ""), (None, "")])
def test_the_finished_response_is_told_with_the_deployment_that_keeps_it(
    store: bool | None, maker: str
) -> None:
    response: dict[str, Any] = {"id": "resp_1", "status": "completed", "store": store, "output": []}
    told = Conversation("x", True)
    gauge = ResponsesStreamGauge("Acme", 5, told, "d1")
    gauge.watch(CREATED + WORDS)
    before = told.final
    gauge.watch(event("completed", response=response))
    assert (before, told.final, told.maker) == (None, response, maker)
    told = Conversation("x", True)
    ResponsesWholeGauge("Acme", 5, told, "d1").watch(orjson.dumps(response))
    assert (told.final, told.maker) == (response, maker)


def test_a_stream_that_breaks_ends_under_its_own_id_after_its_last_number() -> None:
    told = Conversation("x", True)
    gauge = ResponsesStreamGauge("Acme", 5, told, "d1")
    gauge.watch(CREATED + event("output_text.delta", delta="a", sequence_number=7))
    assert told.fails is not None
    data = told.fails(StreamBroken("It broke.")).partition(b"\ndata: ")[2]
    last = orjson.loads(data)
    assert (last["type"], last["sequence_number"]) == ("response.failed", 8)
    assert (last["response"]["id"], last["response"]["status"]) == ("resp_1", "failed")


def test_a_type_that_is_no_word_passes() -> None:
    odd = b'data: {"type": {"a": 1}}\n\n'
    assert ResponsesStreamGauge("Acme", 5).watch(odd) == odd


def test_the_code_of_a_failure_is_kept() -> None:
    gauge = ResponsesStreamGauge("Acme", 5)
    error = {"code": "context_length_exceeded", "message": "too long"}
    gauge.watch(WORDS + event("failed", response={"error": error}))
    assert gauge.fault is not None
    assert gauge.fault.code == "context_length_exceeded"


def test_a_stream_that_is_cut_short_is_kept_as_far_as_it_came() -> None:
    told = Conversation("own", keeps=True)
    gauge = ResponsesStreamGauge("Acme", 5, told, "d1", keeps=True)
    item = {"id": "msg_1", "type": "message", "content": []}
    gauge.watch(CREATED)
    gauge.watch(event("output_item.added", output_index=0, item=item))
    for one in ("a", "b"):
        gauge.watch(event("output_text.delta", output_index=0, content_index=0, delta=one))
    tail = gauge.cut_short(a_call())
    assert b"response.incomplete" in tail
    assert told.final is not None
    assert told.final["id"] == "resp_1"
    assert told.final["output"][0]["content"] == [{"text": "ab"}]
    assert told.maker == ""
    gauge.watch(COMPLETED)
    assert gauge.cut_short(a_call()) == b""
