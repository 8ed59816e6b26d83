"""Puts an exporter of spans together for one receiver.

The rule: this is the only module that knows all forms of spans.
"""

from __future__ import annotations

from collections.abc import Callable

from pipelines.clock import Clock
from pipelines.record import Record
from proxy.config.tracing import Receiver
from proxy.telemetry.exporting import Exporter, Pace
from proxy.telemetry.langfuse import Langfuse
from proxy.telemetry.langsmith import LangSmith
from proxy.telemetry.messages import input_messages, output_messages
from proxy.telemetry.otlp import Otlp, Post
from proxy.telemetry.otlp_wire import Span
from proxy.telemetry.spans import spans_of


def tracer(
    receiver: Receiver,
    post: Post,
    clock: Clock,
    successes: bool = True,
    failures: bool = True,
) -> Exporter:
    """An exporter to this receiver, of the calls that went well, those that did not, or both; it
    must be run, and closed at the end."""
    pace = Pace(
        most=receiver.most,
        batch=receiver.batch,
        every=receiver.every,
        patience=receiver.patience,
        sample=receiver.sample,
        follows=receiver.follows,
        successes=successes,
        failures=failures,
    )
    return Exporter(receiver.form, Otlp(receiver, _spans(receiver), post), clock, pace)


class Plain:
    """Spans of records, by the conventions and nothing else."""

    def __init__(self, receiver: Receiver) -> None:
        self._telling = receiver.telling

    def __call__(self, record: Record) -> list[Span]:
        """The call, then its attempts."""
        spans = spans_of(record)
        if self._telling:
            told = spans[0].attributes
            if record.prompt is not None:
                told["gen_ai.input.messages"] = input_messages(record.prompt)
            if record.answer is not None:
                whole = record.outcome == "ok"
                told["gen_ai.output.messages"] = output_messages(record.answer, whole)
        return spans


def _spans(receiver: Receiver) -> Callable[[Record], list[Span]]:
    if receiver.form == "langfuse":
        return Langfuse(receiver)
    if receiver.form == "langsmith":
        return LangSmith(receiver)
    return Plain(receiver)
