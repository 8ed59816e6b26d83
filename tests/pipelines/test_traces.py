"""An id of a trace or a span is the same whoever asks for it, and is what W3C allows."""

from __future__ import annotations

import re

from pipelines.traces import (
    attempt_span,
    call_span,
    handed_on,
    parent_of,
    trace_id_of,
    traceparent,
)
from tests.builders import a_call, a_deployment, an_exchange

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_a_trace_id_stands_for_itself_and_so_does_a_uuid() -> None:
    assert trace_id_of(TRACE) == TRACE
    assert trace_id_of("4BF92F35-77B3-4DA6-A3CE-929D0E0E4736") == TRACE


def test_any_other_text_becomes_the_id_that_langfuse_makes_from_it() -> None:
    # sha256("my trace")[:32], as Langfuse.create_trace_id(seed=...) has it.
    found = trace_id_of("my trace")
    assert re.fullmatch(r"[0-9a-f]{32}", found)
    assert found == trace_id_of("my trace") != trace_id_of("your trace")
    assert trace_id_of("0" * 32) != "0" * 32
    assert trace_id_of("\ud800")


def test_calls_and_attempts_have_spans_of_their_own() -> None:
    spans = [
        call_span("a"),
        call_span("b"),
        attempt_span("a", "one", 0.001),
        attempt_span("a", "one", 0.5),
        attempt_span("a", "two", 0.5),
    ]
    assert len(set(spans)) == 5
    assert all(re.fullmatch(r"[0-9a-f]{16}", span) for span in spans)


def test_a_branch_of_a_call_knows_its_attempts_by_the_same_ids() -> None:
    assert attempt_span("a+2", "one", 0.5) == attempt_span("a", "one", 0.5)


def test_what_is_handed_on_can_be_read_again() -> None:
    header = traceparent(TRACE, "00f067aa0ba902b7")
    assert header == f"00-{TRACE}-00f067aa0ba902b7-01"
    assert parent_of(header) == (TRACE, "00f067aa0ba902b7", True)
    assert parent_of(traceparent(TRACE, "00f067aa0ba902b7", sampled=False))[2] is False


def test_a_provider_is_told_the_span_of_its_own_attempt() -> None:
    exchange = an_exchange(deployment=a_deployment())
    exchange.serial = TRACE
    exchange.attempts[0].started = exchange.arrived + 0.25
    span = attempt_span(TRACE, a_deployment().id, 0.25)
    assert handed_on(exchange) == f"00-{TRACE}-{span}-01"
    exchange.serial += "+2"
    assert handed_on(exchange) == f"00-{TRACE}-{span}-01"


def test_a_provider_is_told_the_trace_that_the_client_began() -> None:
    header = b"00-%s-00f067aa0ba902b7-00" % TRACE.encode()
    call = a_call(headers=[(b"traceparent", header), (b"x-litellm-trace-id", b"mine")])
    told = handed_on(an_exchange(call, deployment=a_deployment()))
    assert told.startswith(f"00-{TRACE}-")
    assert told.endswith("-00")
    assert "00f067aa0ba902b7" not in told
