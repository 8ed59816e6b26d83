"""A call as LiteLLM's spend logs show it.

The rule: sums are US dollars, moments ISO 8601 in UTC; a prompt or an answer is never in it, but
asked for by itself where it was kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import orjson
from pydantic import Field

from proxy.admin.fields import Answer
from proxy.admin.money import maybe_usd, usd
from proxy.stores.journal.rollups import CACHED
from proxy.stores.journal.rows import MARK

_CALL_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "chat": "acompletion",
        "completions": "atext_completion",
        "embeddings": "aembedding",
        "rerank": "arerank",
        "moderations": "amoderation",
        "messages": "anthropic_messages",
        "responses": "aresponses",
        "generate": "agenerate_content",
    }
)


class SpendLog(Answer):
    """One call."""

    request_id: str
    call_type: str
    api_key: str = ""
    spend: float = 0.0
    total_tokens: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    startTime: datetime
    endTime: datetime
    completionStartTime: datetime | None = None
    model: str = ""
    model_id: str | None = None
    model_group: str | None = None
    api_base: str = ""
    user: str = ""
    metadata: dict[str, Any] = Field(default_factory=dict)
    cache_hit: str = "False"
    cache_key: str = ""
    request_tags: list[str] = Field(default_factory=list)
    team_id: str | None = None
    organization_id: str | None = None
    end_user: str | None = None
    requester_ip_address: str | None = None
    custom_llm_provider: str | None = None
    messages: dict[str, Any] = Field(default_factory=dict)
    response: dict[str, Any] = Field(default_factory=dict)
    proxy_server_request: str | None = None
    session_id: str | None = None
    request_duration_ms: int | None = None
    status: str = "success"
    litellm_call_id: str | None = None


def call_type(operation: str) -> str:
    """What LiteLLM calls an operation."""
    return _CALL_TYPES.get(operation, operation)


def shown_call(row: Mapping[str, Any], digests: Mapping[str, str]) -> SpendLog:
    """A row of the journal; `digests` are the hashed keys by their ids."""
    data: Mapping[str, Any] = row["data"]
    failed, first = row["outcome"] != "ok", data.get("first_byte")
    id = row["id"].partition(MARK)[0]
    return SpendLog(
        request_id=id,
        call_type=call_type(row["operation"]),
        api_key=digests.get(row["key_id"] or "", data.get("key_digest", "")),
        spend=usd(row["cost"] or 0),
        total_tokens=row["prompt_tokens"] + row["completion_tokens"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        startTime=_moment(row["started"]),
        endTime=_moment(row["ended"]),
        completionStartTime=None if first is None else _moment(row["started"] + first),
        model=row["upstream_model"] or row["model"] or "",
        model_id=row["deployment"],
        model_group=row["model_group"],
        user=row["user_id"] or "",
        metadata=_metadata(row, data),
        request_tags=data.get("tags") or [],
        team_id=row["team_id"],
        organization_id=row["organization_id"],
        end_user=row["end_user"],
        requester_ip_address=data.get("client"),
        custom_llm_provider=row["provider"],
        cache_hit=_cache_hit(row["cache"]),
        cache_key=data.get("cache_key", ""),
        session_id=row["session_id"],
        api_base=data.get("api_base") or "",
        request_duration_ms=round((row["ended"] - row["started"]) * 1000),
        status="failure" if failed else "success",
        litellm_call_id=id,
    )


def shown_text(text: str | None) -> Any:
    """A prompt or an answer as it was kept: as JSON where it is some."""
    if text is None:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _metadata(row: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    failed = row["outcome"] != "ok"
    error = {
        "error_code": str(row["status"]),
        "error_class": row["error_class"],
        "error_message": data.get("error"),
    }
    return {
        "user_api_key_alias": row["key_alias"],
        "user_api_key_user_id": row["user_id"],
        "user_api_key_team_id": row["team_id"],
        "user_api_key_org_id": row["organization_id"],
        "user_api_key": data.get("key_digest"),
        "user_api_key_team_alias": data.get("team_alias"),
        "user_api_key_user_email": data.get("user_email"),
        "user_agent": data.get("user_agent"),
        "requester_ip_address": data.get("client"),
        "spend_logs_metadata": shown_text(data.get("metadata")),
        "litellm_overhead_time_ms": _milliseconds(data.get("overhead")),
        "provider_request_id": row["provider_request_id"],
        "trace_id": row["trace_id"],
        "status": "failure" if failed else "success",
        "outcome": row["outcome"],
        "error_information": error if failed else None,
        "usage_object": {
            "prompt_tokens": row["prompt_tokens"],
            "completion_tokens": row["completion_tokens"],
            **data.get("usage", {}),
        },
        "attempted_retries": max(0, len(data.get("attempts", ())) - 1),
        "attempted_fallbacks": data.get("fallbacks", 0),
        # What is unknown is null here, where `spend` must be a number.
        "cost": maybe_usd(row["cost"]),
        "cost_source": data.get("cost_source", "unknown"),
    }


def _cache_hit(state: str | None) -> str:
    return "True" if state in CACHED else "False"


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
