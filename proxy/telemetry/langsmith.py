"""Makes spans that LangSmith shows as runs.

The rule: the call is a run of an LLM, with all that was used; attempts are chains below it; the
session, which LangSmith calls a thread, is told with each of them. A span whose parent never comes
is dropped there without a word, so that the call is a root, whatever `traceparent` says. Its names:
https://docs.langchain.com/langsmith/trace-with-opentelemetry
https://docs.langchain.com/langsmith/threads
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipelines.record import Record
from pipelines.traces import parent_of, trace_id_of
from proxy.config.tracing import Receiver
from proxy.telemetry.otlp_wire import Event, Span, Value
from proxy.telemetry.spans import as_text, spans_of, tags_of, told_of_caller, user_of

# What has a place of its own in LangSmith, and need not be told among the rest.
PLACED = frozenset(
    {
        "trace_id",
        "session_id",
        "run_name",
        "generation_name",
        "project_name",
        "trace_name",
        "tags",
        "id",
        "parent_run_id",
        "dotted_order",
    }
)
# By which a client puts the call below a run of its own, in LangSmith's ids.
_LINKS: Mapping[str, str] = MappingProxyType(
    {
        "id": "langsmith.span.id",
        "trace_id": "langsmith.trace.id",
        "parent_run_id": "langsmith.span.parent_id",
        "dotted_order": "langsmith.span.dotted_order",
    }
)
_KINDS = frozenset({"embeddings"})


class LangSmith:
    """Spans of records, as LangSmith reads them."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def __call__(self, record: Record) -> list[Span]:
        """The run of the call, then those of its attempts."""
        spans = spans_of(record)
        call, *attempts = spans
        call.parent, call.remote, trace = "", False, _trace(record)
        shared = _shared(record)
        for span in spans:
            span.trace = trace
            span.attributes.update(shared)
            if span.error is not None:
                message = span.error or record.outcome
                span.events.append(Event("exception", span.end, {"exception.message": message}))
        for attempt in attempts:
            attempt.attributes["langsmith.span.kind"] = "chain"
        call.attributes.update(self._run(record, call))
        if "parent_run_id" not in record.metadata:
            return spans
        said = record.metadata.items()
        call.attributes.update({_LINKS[name]: str(x) for name, x in said if name in _LINKS})
        # What is below it would have to be told its place in the same way.
        return [call]

    def _run(self, record: Record, call: Span) -> dict[str, Value]:
        kind = call.attributes["gen_ai.operation.name"]
        found: dict[str, Value] = {
            "langsmith.span.kind": "embedding" if kind in _KINDS else "llm",
            "gen_ai.usage.total_tokens": record.usage.total_tokens,
        }
        said = {
            "langsmith.trace.name": self._name(record),
            "langsmith.span.tags": ",".join(tags_of(record)),
            "gen_ai.system": record.provider,
        }
        found.update({name: value for name, value in said.items() if value})
        if record.usage.reasoning_tokens:
            found["gen_ai.usage.details.reasoning_tokens"] = record.usage.reasoning_tokens
        if self._receiver.telling:
            if record.prompt is not None:
                found["gen_ai.prompt"] = record.prompt
            if record.answer is not None:
                found["gen_ai.completion"] = record.answer
        for name, told in _metadata(record).items():
            found[f"langsmith.metadata.{name}"] = told
        return found

    def _name(self, record: Record) -> str:
        for name in ("run_name", "generation_name", "trace_name"):
            value = record.metadata.get(name)
            if isinstance(value, str) and value:
                return value
        return self._receiver.name


def _trace(record: Record) -> str:
    parent = parent_of(record.parent_span)[0] if record.parent_span else ""
    said = "" if record.trace_id == parent else record.trace_id
    return trace_id_of(said or record.serial or record.id)


def _shared(record: Record) -> dict[str, Value]:
    found: dict[str, Value] = {}
    if record.session_id:
        found["langsmith.metadata.session_id"] = record.session_id
    project = record.metadata.get("project_name")
    if isinstance(project, str) and project:
        found["langsmith.trace.session_name"] = project
    return found


def _metadata(record: Record) -> dict[str, str]:
    found = {name.removeprefix("headgate."): str(x) for name, x in told_of_caller(record).items()}
    found["call_id"], found["outcome"] = record.id, record.outcome
    user = user_of(record)
    if user:
        found["user_id"] = user
    if record.parent_span:
        found["traceparent"] = record.parent_span
    if record.cost is not None:
        found["cost_usd"] = f"{record.cost / 1e9:.9f}"
    for name, told in record.metadata.items():
        if name not in PLACED:
            found[name] = as_text(told)
    return found
