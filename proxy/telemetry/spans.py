"""Makes the spans of a call from its record, by OpenTelemetry's conventions for generative AI.

The rule: the call is the gateway's own span (SERVER) and carries what the whole call consumed; each
attempt is a child of it towards one provider (CLIENT), so that nothing is counted twice. Names
without a convention begin with `headgate.`. The conventions:
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-spans.md
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

import orjson

from pipelines.record import AttemptRecord, Record
from pipelines.traces import attempt_span, call_span, parent_of, trace_id_of
from pipelines.usage import Usage
from proxy.telemetry.otlp_wire import CLIENT, SERVER, Span, Value

NANO = 1_000_000_000
SECURE_PORT = 443
PLAIN_PORT = 80
# Who answers where no provider was asked.
OURSELVES = "headgate"

# The conventions' names of operations; others keep the gateway's own.
OPERATIONS: Mapping[str, str] = MappingProxyType(
    {
        "messages": "chat",
        "responses": "chat",
        "cohere-chat": "chat",
        "ollama-chat": "chat",
        "completions": "text_completion",
        "ollama-generate": "text_completion",
        "generate": "generate_content",
        "generate-array": "generate_content",
        "embed-content": "embeddings",
        "embed-batch": "embeddings",
        "ollama-embed": "embeddings",
        "ollama-embeddings": "embeddings",
    }
)
# The conventions' names of providers; others keep the gateway's own.
PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "azure": "azure.ai.openai",
        "azure_ai": "azure.ai.inference",
        "bedrock": "aws.bedrock",
        "bedrock_mantle": "aws.bedrock",
        "codestral": "mistral_ai",
        "gemini": "gcp.gemini",
        "mistral": "mistral_ai",
        "moonshot": "moonshot_ai",
        "vertex_ai": "gcp.vertex_ai",
        "vertex_ai_beta": "gcp.vertex_ai",
        "watsonx": "ibm.watsonx.ai",
        "xai": "x_ai",
    }
)


def spans_of(record: Record) -> list[Span]:
    """The span of the call, then those of its attempts."""
    serial = record.serial or record.id
    trace, parent = trace_id_of(record.trace_id or serial), ""
    if record.parent_span:
        trace, parent, _ = parent_of(record.parent_span)
    begin = int(record.started * NANO)
    model = record.requested_model or record.model or ""
    operation = OPERATIONS.get(record.operation, record.operation)
    call = Span(
        trace=trace,
        id=call_span(serial),
        parent=parent,
        name=f"{operation} {model}".rstrip(),
        kind=SERVER,
        begin=begin,
        end=begin + int(record.duration * NANO),
        attributes=_of_call(record, operation, model),
        error=_failure(record),
        remote=bool(parent),
    )
    attempts = [_of_attempt(one, call, operation, serial) for one in record.attempts]
    if attempts and record.api_base:
        attempts[-1].attributes.update(_server(record.api_base))
    return [call, *attempts]


def told_of_caller(record: Record) -> dict[str, Value]:
    """Who called, by `headgate.` names, and only what is known."""
    return {
        name: value
        for name, value in (
            ("headgate.key_alias", record.key),
            ("headgate.key_id", record.key_id),
            ("headgate.user_id", record.user_id),
            ("headgate.team_id", record.team_id),
            ("headgate.team_alias", record.team_alias),
            ("headgate.organization_id", record.organization_id),
            ("headgate.end_user", record.end_user),
        )
        if value
    }


def user_of(record: Record) -> str:
    """For whom the call was made: who the client says, the end user, or the key's user."""
    said = record.metadata.get("trace_user_id")
    return (said if isinstance(said, str) else "") or record.end_user or record.user_id or ""


def tags_of(record: Record) -> list[str]:
    """The call's labels: the caller's and those in its metadata, each once."""
    said = record.metadata.get("tags")
    listed = said if isinstance(said, list) else []
    return list(dict.fromkeys([*record.tags, *(one for one in listed if isinstance(one, str))]))


def as_text(value: object) -> str:
    """A value of a call's metadata as text; JSON where it is none."""
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def _of_call(record: Record, operation: str, model: str) -> dict[str, Value]:
    provider = record.provider or OURSELVES
    found: dict[str, Value] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": PROVIDERS.get(provider, provider),
        "http.response.status_code": record.status,
        "headgate.call_id": record.id,
        "headgate.outcome": record.outcome,
    }
    if model:
        found["gen_ai.request.model"] = model
    if record.upstream_model:
        found["gen_ai.response.model"] = record.upstream_model
    if record.streaming:
        found["gen_ai.request.stream"] = True
        if record.first_byte is not None:
            found["gen_ai.response.time_to_first_chunk"] = record.first_byte
    if record.session_id:
        found["gen_ai.conversation.id"] = record.session_id
    found.update(_used(record.usage))
    if record.cost is not None:
        found["headgate.cost_usd"] = record.cost / NANO
        found["headgate.cost_source"] = record.cost_source
    if record.error_class or record.outcome not in ("ok", "client_gone"):
        found["error.type"] = record.error_class or record.outcome
    found.update(told_of_caller(record))
    user = user_of(record)
    if user:
        found["user.id"] = user
    _more(record, found)
    return found


def _more(record: Record, found: dict[str, Value]) -> None:
    named: tuple[tuple[str, Value | None], ...] = (
        ("http.route", record.route),
        ("client.address", record.client),
        ("user_agent.original", record.user_agent),
        ("headgate.deployment", record.deployment),
        ("headgate.model_group", record.model_group),
        ("headgate.provider_request_id", record.provider_request_id),
        ("headgate.mirror_of", record.mirror_of),
        ("headgate.tags", tags_of(record)),
        ("headgate.losses", record.losses),
        ("headgate.fallbacks", record.fallbacks),
        ("headgate.overhead", record.overhead),
        ("headgate.usage_estimated", record.usage.estimated),
    )
    found.update({name: value for name, value in named if value})
    if record.cache != "bypass":
        found["headgate.cache"] = record.cache
    for name, value in record.metadata.items():
        if name != "tags":
            found[f"headgate.metadata.{name}"] = as_text(value)


def _used(usage: Usage) -> dict[str, Value]:
    # Both totals hold the parts that are named beside them, which is our own convention too.
    return {
        name: count
        for name, count in (
            ("gen_ai.usage.input_tokens", usage.prompt_tokens),
            ("gen_ai.usage.output_tokens", usage.completion_tokens),
            ("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens),
            ("gen_ai.usage.cache_creation.input_tokens", usage.cache_write_tokens),
            ("gen_ai.usage.reasoning.output_tokens", usage.reasoning_tokens),
            ("gen_ai.usage.audio.input_tokens", usage.audio_input_tokens),
            ("gen_ai.usage.audio.output_tokens", usage.audio_output_tokens),
            ("gen_ai.usage.image.input_tokens", usage.image_input_tokens),
        )
        if count
    }


def _of_attempt(attempt: AttemptRecord, call: Span, operation: str, serial: str) -> Span:
    begin = call.begin + int(attempt.began * NANO)
    provider = attempt.provider or OURSELVES
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": PROVIDERS.get(provider, provider),
        "headgate.deployment": attempt.deployment,
        "headgate.attempt": attempt.kind,
    }
    if attempt.model:
        attributes["gen_ai.request.model"] = attempt.model
    if attempt.first_byte is not None:
        attributes["gen_ai.response.time_to_first_chunk"] = attempt.first_byte
    if attempt.cost is not None:
        attributes["headgate.cost_usd"] = attempt.cost / NANO
    if attempt.provider_status is not None:
        attributes["http.response.status_code"] = attempt.provider_status
    if attempt.error is not None:
        attributes["error.type"] = attempt.code or attempt.error_class or "_OTHER"
    return Span(
        trace=call.trace,
        id=attempt_span(serial, attempt.deployment, attempt.began),
        parent=call.id,
        name=f"{operation} {attempt.model}".rstrip(),
        kind=CLIENT,
        begin=begin,
        end=begin + int(attempt.seconds * NANO),
        attributes=attributes,
        error=attempt.error,
    )


def _failure(record: Record) -> str | None:
    if record.outcome in ("ok", "client_gone"):
        return None
    return record.error or ""


def _server(address: str) -> dict[str, Value]:
    try:
        found = urlsplit(address)
        host, port = found.hostname, found.port
    except ValueError:
        return {}
    if not host:
        return {}
    usual = PLAIN_PORT if found.scheme == "http" else SECURE_PORT
    return {"server.address": host, "server.port": port or usual}
