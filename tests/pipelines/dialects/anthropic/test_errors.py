"""Errors are understood and told in Anthropic's shape."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.dialects.anthropic.dialect import ANTHROPIC_MESSAGES
from pipelines.dialects.anthropic.parse import parse
from pipelines.dialects.base import OwnStatuses
from pipelines.errors import Denied, Overloaded, ShuttingDown, UnknownModel, Unsupported
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


def test_a_lack_of_capacity_is_told_with_their_own_status() -> None:
    assert isinstance(ANTHROPIC_MESSAGES, OwnStatuses)
    full = Overloaded("full", 503)
    assert ANTHROPIC_MESSAGES.status(full) == 529
    assert orjson.loads(ANTHROPIC_MESSAGES.error(full))["error"]["type"] == "overloaded_error"
    assert ANTHROPIC_MESSAGES.status(Overloaded("slow down", 429)) == 429
    assert ANTHROPIC_MESSAGES.status(ShuttingDown()) == 503


def test_the_id_of_the_call_stands_in_the_body_where_it_is_known() -> None:
    error = UnknownModel("x")
    assert "request_id" not in orjson.loads(ANTHROPIC_MESSAGES.error(error))
    error.call_id = "call-1"
    assert orjson.loads(ANTHROPIC_MESSAGES.error(error))["request_id"] == "call-1"


def test_a_conversation_that_only_anthropic_holds_is_refused_so_that_their_sdk_recovers() -> None:
    body = {"model": "m", "max_tokens": 5, "messages": [], "thread": {"type": "create"}}
    with pytest.raises(Unsupported) as caught:
        parse(body)
    told = orjson.loads(ANTHROPIC_MESSAGES.error(caught.value))["error"]
    assert told["details"]["error_code"] == "thread_unsupported_request"
    assert told["type"] == "invalid_request_error"
    assert caught.value.elsewhere
    assert parse({**body, "thread": None}).messages == []


@pytest.mark.parametrize(
    "body, kept",
    [
        (
            b'{"error":{"details":{"error_code":"thread_not_found","x":1}}}',
            {"error_code": "thread_not_found"},
        ),
        (b'{"error":{"details":"error_code"}}', None),
        (b'{"error":{"message":"\\"error_code\\""}}', None),
        (b'["error_code"]', None),
        (b'"error_code" {', None),
    ],
)
def test_the_code_by_which_their_sdk_recovers_is_passed_on(body: bytes, kept: object) -> None:
    error = ANTHROPIC_MESSAGES.upstream_error(400, [], body, a_deployment())
    assert error.details == kept
    assert orjson.loads(ANTHROPIC_MESSAGES.error(error))["error"].get("details") == kept
