"""Makes spans that Langfuse shows as a trace with a generation.

The rule: the call is the generation, with all that was used and paid; attempts are plain spans
below it; what belongs to the trace is told with each of them, as Langfuse asks for. Its names:
https://langfuse.com/integrations/native/opentelemetry#property-mapping
https://langfuse.com/docs/observability/features/token-and-cost-tracking
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import orjson

from pipelines.record import Record
from pipelines.traces import trace_id_of
from pipelines.usage import Usage
from proxy.config.tracing import Receiver
from proxy.telemetry.otlp_wire import Span, Value
from proxy.telemetry.spans import NANO, as_text, spans_of, tags_of, told_of_caller, user_of

# What has a place of its own in Langfuse, and need not be told among the rest.
PLACED = frozenset(
    {
        "trace_id",
        "existing_trace_id",
        "parent_observation_id",
        "trace_name",
        "trace_user_id",
        "trace_version",
        "trace_release",
        "trace_metadata",
        "session_id",
        "generation_name",
        "generation_id",
        "version",
        "tags",
    }
)
_SPAN_ID = re.compile(r"[0-9a-f]{16}")


class Langfuse:
    """Spans of records, as Langfuse reads them."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def __call__(self, record: Record) -> list[Span]:
        """The generation, then its attempts."""
        spans = spans_of(record)
        call, *attempts = spans
        _place(record, spans)
        name = _said(record, "generation_name")
        if name:
            call.name = name
        call.attributes.update(self._generation(record))
        for attempt in attempts:
            attempt.attributes["langfuse.observation.type"] = "span"
        # A trace that is the client's own keeps the name that it has.
        is_ours = not call.parent and not _said(record, "existing_trace_id")
        shared = self._of_trace(record, call.name if is_ours else "")
        for span in spans:
            span.attributes.update(shared)
        return spans

    def _of_trace(self, record: Record, name: str) -> dict[str, Value]:
        found: dict[str, Value] = {
            "langfuse.trace.name": _said(record, "trace_name") or name,
            "langfuse.user.id": user_of(record),
            "langfuse.session.id": record.session_id,
            "langfuse.trace.tags": list(dict.fromkeys([*tags_of(record), *self._receiver.tags])),
            "langfuse.release": _said(record, "trace_release")
            or self._receiver.resource.get("langfuse.release", ""),
            "langfuse.version": _said(record, "version") or _said(record, "trace_version"),
        }
        given = record.metadata.get("trace_metadata")
        if isinstance(given, dict):
            for key, value in given.items():
                found[f"langfuse.trace.metadata.{key}"] = as_text(value)
        return {key: value for key, value in found.items() if value}

    def _generation(self, record: Record) -> dict[str, Value]:
        found: dict[str, Value] = {"langfuse.observation.type": "generation"}
        model = record.upstream_model or record.model
        if model:
            found["langfuse.observation.model.name"] = model
        if record.usage.total_tokens:
            found["langfuse.observation.usage_details"] = _dumped(_usage(record.usage))
        if record.cost is not None:
            found["langfuse.observation.cost_details"] = _dumped({"total": record.cost / NANO})
        if record.streaming and record.first_byte is not None:
            began = datetime.fromtimestamp(record.started + record.first_byte, UTC)
            found["langfuse.observation.completion_start_time"] = began.isoformat()
        if self._receiver.telling:
            if record.prompt is not None:
                found["langfuse.observation.input"] = record.prompt
            if record.answer is not None:
                found["langfuse.observation.output"] = record.answer
        if record.outcome not in ("ok", "client_gone"):
            found["langfuse.observation.level"] = "ERROR"
            found["langfuse.observation.status_message"] = record.error or record.outcome
        elif record.outcome == "client_gone" or record.fallbacks or record.losses:
            found["langfuse.observation.level"] = "WARNING"
        for key, value in _metadata(record).items():
            found[f"langfuse.observation.metadata.{key}"] = value
        return found


def _place(record: Record, spans: list[Span]) -> None:
    """Put the spans into the trace, and below the observation, that the client asks for."""
    said = _said(record, "existing_trace_id") or record.trace_id
    trace = trace_id_of(said) if said else spans[0].trace
    if trace != spans[0].trace:
        # The caller's span belongs to another trace than the one that is asked for.
        spans[0].parent = ""
        for span in spans:
            span.trace = trace
    above = _said(record, "parent_observation_id")
    if _SPAN_ID.fullmatch(above):
        spans[0].parent = above
    spans[0].remote = bool(spans[0].parent)


def _metadata(record: Record) -> dict[str, str]:
    found = {name.removeprefix("headgate."): str(x) for name, x in told_of_caller(record).items()}
    said = {
        "call_id": record.id,
        "provider": record.provider,
        "deployment": record.deployment,
        "cost_source": record.cost_source if record.cost is not None else "",
        "cache": record.cache,
        "outcome": record.outcome,
    }
    found.update({name: value for name, value in said.items() if value})
    for name, told in record.metadata.items():
        if name not in PLACED:
            found[name] = as_text(told)
    return found


def _usage(usage: Usage) -> dict[str, int]:
    """Langfuse adds the parts up, so that each token is told once."""
    parts = {
        "input": usage.prompt_tokens
        - usage.cached_tokens
        - usage.cache_write_tokens
        - usage.audio_input_tokens,
        "input_cached_tokens": usage.cached_tokens,
        "input_cache_creation": usage.cache_write_tokens,
        "input_audio_tokens": usage.audio_input_tokens,
        "output": usage.completion_tokens - usage.reasoning_tokens - usage.audio_output_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
        "output_audio_tokens": usage.audio_output_tokens,
    }
    found = {name: max(0, count) for name, count in parts.items()}
    kept = {name: n for name, n in found.items() if n or name in ("input", "output")}
    return {**kept, "total": usage.total_tokens}


def _said(record: Record, name: str) -> str:
    value = record.metadata.get(name)
    return value if isinstance(value, str) else ""


def _dumped(value: object) -> str:
    return orjson.dumps(value).decode()
