"""Records as the journal gets them, for the tests of those who tell them on."""

from __future__ import annotations

from typing import Any

from pipelines.record import AttemptRecord, Record
from pipelines.usage import Usage

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def a_call(**fields: Any) -> Record:
    """A streamed call that was answered by its second attempt."""
    given: dict[str, Any] = {
        "id": "call-1",
        "serial": "0" * 31 + "1",
        "operation": "chat",
        "outcome": "ok",
        "status": 200,
        "started": 1_793_000_000.5,
        "duration": 2.0,
        "first_byte": 0.75,
        "streaming": True,
        "requested_model": "gpt",
        "model": "gpt",
        "upstream_model": "claude-sonnet",
        "provider": "bedrock",
        "deployment": "d2",
        "api_base": "https://bedrock.example:8443/v1",
        "usage": Usage(100, 40, cached_tokens=60, reasoning_tokens=10),
        "cost": 1_234_000,
        "cost_source": "table",
        "key": "alice's key",
        "team_id": "t1",
        "team_alias": "Team One",
        "end_user": "bob",
        "tags": ("prod",),
        "route": "/chat/completions",
        "fallbacks": 1,
        "attempts": (
            AttemptRecord(
                "d1", 0.25, "overloaded", "first", "rate_limit_exceeded",
                began=0.125, provider="openai", model="gpt-4o", provider_status=429,
            ),
            AttemptRecord(
                "d2", 1.5, None, "fallback", None, 0.25, 1_234_000,
                began=0.5, provider="bedrock", model="claude-sonnet",
            ),
        ),
    }  # fmt: skip
    return Record(**{**given, **fields})
