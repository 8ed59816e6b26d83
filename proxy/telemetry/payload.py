"""Writes the record of a call as LiteLLM's `StandardLoggingPayload`.

The rule: LiteLLM's names, filled where the gateway knows; what it alone knows is under `headgate`.
https://docs.litellm.ai/docs/proxy/logging_spec
"""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.record import Record

NANO = 1_000_000_000


def payload(record: Record, telling: bool = True) -> dict[str, Any]:
    """The record's fields; `telling` adds the prompt and the answer where they are kept."""
    usage, ended = record.usage, record.started + record.duration
    first = record.started if record.first_byte is None else record.started + record.first_byte
    cost = None if record.cost is None else record.cost / NANO
    return {
        "id": record.id,
        "trace_id": record.trace_id or record.session_id or record.id,
        "session_id": record.session_id or None,
        "call_type": record.operation,
        "stream": record.streaming,
        "status": "success" if record.outcome == "ok" else "failure",
        "custom_llm_provider": record.provider,
        "model": record.upstream_model or record.model or "",
        "model_group": record.model_group or record.model,
        "model_id": record.deployment,
        "api_base": record.api_base,
        "cache_hit": record.cache in ("hit", "joined"),
        "cache_key": record.cache_key or None,
        "startTime": record.started,
        "endTime": ended,
        "completionStartTime": first,
        "response_time": record.duration,
        "response_cost": cost,
        "total_tokens": usage.total_tokens,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "request_tags": list(record.tags),
        "end_user": record.end_user or "",
        "requester_ip_address": record.client or None,
        "user_agent": record.user_agent or None,
        "metadata": _metadata(record),
        "hidden_params": {
            "model_id": record.deployment,
            "cache_key": record.cache_key or None,
            "api_base": record.api_base,
            "response_cost": cost,
            "litellm_overhead_time_ms": _milliseconds(record.overhead),
            "litellm_model_name": record.upstream_model,
        },
        "messages": _json(record.prompt) if telling else None,
        "response": _json(record.answer) if telling else None,
        "error_str": record.error,
        "error_information": _error(record),
        "headgate": _own(record),
    }


def _metadata(record: Record) -> dict[str, Any]:
    return {
        "user_api_key_hash": record.key_digest or None,
        "user_api_key_alias": record.key,
        "user_api_key_user_id": record.user_id,
        "user_api_key_user_email": record.user_email,
        "user_api_key_team_id": record.team_id,
        "user_api_key_team_alias": record.team_alias,
        "user_api_key_org_id": record.organization_id,
        "user_api_key_end_user_id": record.end_user,
        "user_api_key_request_route": record.route,
        "requester_ip_address": record.client or None,
        "requester_metadata": dict(record.metadata),
    }


def _error(record: Record) -> dict[str, Any] | None:
    if record.outcome == "ok":
        return None
    return {
        "error_code": str(record.status),
        "error_class": record.error_class,
        "llm_provider": record.provider,
        "error_message": record.error,
        "provider_status": record.provider_status,
    }


def _own(record: Record) -> dict[str, Any]:
    usage = record.usage
    return {
        "outcome": record.outcome,
        "status": record.status,
        "cost_source": record.cost_source,
        "requested_model": record.requested_model,
        "provider_request_id": record.provider_request_id or None,
        "received_bytes": record.received_bytes,
        "sent_bytes": record.sent_bytes,
        "fallbacks": record.fallbacks,
        "losses": list(record.losses),
        "cache": record.cache,
        "cached_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "attempts": [
            {
                "deployment": one.deployment,
                "provider": one.provider,
                "kind": one.kind,
                "began": one.began,
                "seconds": one.seconds,
                "error": one.error,
                "code": one.code,
                "cost": None if one.cost is None else one.cost / NANO,
            }
            for one in record.attempts
        ],
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _json(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return orjson.loads(text)
    except ValueError:
        return text
