"""What is written is read by OpenTelemetry's own classes."""

from __future__ import annotations

import time

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from proxy.telemetry.otlp_wire import (
    CLIENT,
    SERVER,
    Event,
    Span,
    Value,
    encode_request,
    encode_span,
    rejected,
)

VALUES: dict[str, Value] = {
    "text": "ä" * 300,
    "empty": "",
    "yes": True,
    "no": False,
    "small": 7,
    "large": 2**40,
    "negative": -5,
    "double": 0.25,
    "list": ["a", "b"],
}


def a_span(**fields: object) -> Span:
    given: dict[str, object] = {
        "trace": "4bf92f3577b34da6a3ce929d0e0e4736",
        "id": "00f067aa0ba902b7",
        "parent": "",
        "name": "chat m",
        "kind": SERVER,
        "begin": 1_793_000_000_123_456_789,
        "end": 1_793_000_001_000_000_000,
        "attributes": {},
    }
    return Span(**{**given, **fields})  # type: ignore[arg-type]


def read(*spans: Span, resource: dict[str, Value] | None = None) -> ExportTraceServiceRequest:
    body = encode_request(map(encode_span, spans), resource or {}, "headgate")
    found: ExportTraceServiceRequest = ExportTraceServiceRequest.FromString(body)
    return found


def value_of(found: object) -> object:
    kind = found.WhichOneof("value")  # type: ignore[attr-defined]
    value = getattr(found, kind)
    return [value_of(one) for one in value.values] if kind == "array_value" else value


def test_every_kind_of_value_arrives() -> None:
    (sent,) = read(a_span(attributes=VALUES)).resource_spans[0].scope_spans[0].spans
    assert {one.key: value_of(one.value) for one in sent.attributes} == VALUES


def test_ids_names_kinds_and_times_arrive() -> None:
    parent = "a" * 16
    request = read(a_span(), a_span(parent=parent, kind=CLIENT, remote=True), resource={"r": "x"})
    (owner,) = request.resource_spans
    assert [(one.key, one.value.string_value) for one in owner.resource.attributes] == [("r", "x")]
    assert owner.scope_spans[0].scope.name == "headgate"
    first, second = owner.scope_spans[0].spans
    assert first.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert first.span_id.hex() == "00f067aa0ba902b7"
    assert (first.name, first.kind, first.parent_span_id) == ("chat m", SERVER, b"")
    assert first.start_time_unix_nano == 1_793_000_000_123_456_789
    assert first.end_time_unix_nano == 1_793_000_001_000_000_000
    assert (first.status.code, first.flags) == (0, 1)
    assert (second.parent_span_id.hex(), second.kind, second.flags) == (parent, CLIENT, 0x301)


def test_errors_and_events_arrive() -> None:
    event = Event("exception", 5, {"exception.message": "no"})
    (sent,) = read(a_span(error="it broke", events=[event])).resource_spans[0].scope_spans[0].spans
    assert (sent.status.code, sent.status.message) == (2, "it broke")
    assert (sent.events[0].name, sent.events[0].time_unix_nano) == ("exception", 5)
    assert sent.events[0].attributes[0].value.string_value == "no"


def test_an_end_before_the_begin_is_none_and_a_broken_text_is_mended() -> None:
    (sent,) = read(a_span(end=5, name="a\ud800b")).resource_spans[0].scope_spans[0].spans
    assert sent.end_time_unix_nano == sent.start_time_unix_nano
    assert sent.name == "a?b"


@pytest.mark.parametrize("count", [0, 1, 127, 128, 70_000])
def test_the_answer_says_how_many_were_not_accepted(count: int) -> None:
    partial = ExportTracePartialSuccess(rejected_spans=count, error_message="too old")
    answer = ExportTraceServiceResponse(partial_success=partial)
    assert rejected(answer.SerializeToString()) == count


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"partialSuccess":{}}', b"\n", b"\x0a\x02\x08"])
def test_any_other_answer_accepts_all(answer: bytes) -> None:
    assert rejected(answer) == 0


def test_a_span_takes_little_time() -> None:
    span = a_span(attributes={f"gen_ai.name.{n}": f"value {n}" for n in range(30)})
    encode_span(span)
    begin = time.perf_counter()
    for _ in range(100):
        encode_span(span)
    assert (time.perf_counter() - begin) / 100 < 0.001
