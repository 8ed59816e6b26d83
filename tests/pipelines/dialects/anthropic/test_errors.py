"""Errors are understood and told in Anthropic's shape."""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.dialects.anthropic.dialect import ANTHROPIC_MESSAGES
from pipelines.errors import (
    Denied,
    Overloaded,
    UnknownModel,
)
from tests.builders import a_deployment


def test_errors_have_anthropics_shape_and_nothing_follows_them() -> None:
    error = UnknownModel("x")
    body = orjson.loads(ANTHROPIC_MESSAGES.error(error))
    assert body["error"]["type"] == "not_found_error"
    assert ANTHROPIC_MESSAGES.error_events(error).startswith(b"event: error\ndata: {")
    assert b"[DONE]" not in ANTHROPIC_MESSAGES.error_events(error)


def test_a_providers_refusal_is_understood() -> None:
    def meant(status: int, error: dict[str, Any], *headers: tuple[bytes, bytes]) -> Any:
        body = orjson.dumps({"type": "error", "error": error})
        return ANTHROPIC_MESSAGES.upstream_error(status, list(headers), body, a_deployment())

    assert isinstance(meant(529, {"type": "overloaded_error"}), Overloaded)
    assert not meant(529, {"type": "overloaded_error"}, (b"x-should-retry", b"false")).retryable
    limit = {"type": "rate_limit_error", "details": {"error_code": "enforced_spend_limit_reached"}}
    assert isinstance(meant(429, limit), Denied)
    long = {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 1 maximum"}
    assert meant(400, long).code == "context_length_exceeded"
