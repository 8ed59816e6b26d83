"""Anthropic's errors, both ways.

The rule: their type stands for a status and our status for a type; a header of theirs that says
whether to try again wins. Source: https://docs.anthropic.com/en/api/errors
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.dialects.upstream_errors import (
    Complaint,
    classify,
    complaint_of,
    read_complaint,
    retry_after,
)
from pipelines.errors import GatewayError, Overloaded, Unsupported, UpstreamError, UpstreamFailed
from pipelines.events import Headers

OVERLOADED = 529

_STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "invalid_request_error": 400,
        "authentication_error": 401,
        "billing_error": 402,
        "permission_error": 403,
        "not_found_error": 404,
        "request_too_large": 413,
        "rate_limit_error": 429,
        "api_error": 500,
        "timeout_error": 504,
        "overloaded_error": OVERLOADED,
    }
)
_TYPES: Mapping[int, str] = MappingProxyType(
    {status: kind for kind, status in _STATUSES.items()} | {503: "overloaded_error"}
)
_NO_CREDIT = "insufficient_quota"


def error_in(value: Mapping[str, Any], provider: str) -> UpstreamError:
    """The error that a message of a reply with status 200 stands for."""
    if not value.get("error"):
        return UpstreamFailed(f"{provider} answered with something that is no answer.")
    complaint = complaint_of(dict(value))
    return classify(_STATUSES.get(complaint.kind, 502), complaint, provider)


def upstream_error(status: int, headers: Headers, body: bytes, provider: str) -> UpstreamError:
    """The error that a reply with a status of 300 or more stands for."""
    complaint = read_complaint(body)
    if _out_of_credit(status, complaint, body):
        complaint = replace(complaint, code=_NO_CREDIT)
    error = classify(status, complaint, provider, retry_after(headers))
    error.details = _details(body)
    advice = dict(headers).get(b"x-should-retry")
    if advice in (b"true", b"false"):
        error.retryable = advice == b"true"
    return error


def no_threads() -> Unsupported:
    """The error for a call within a conversation that the provider is to hold: their SDK's threads
    and tool runners send the whole conversation again when it has these details."""
    error = Unsupported("conversations that it holds (thread)", "The provider of this model")
    error.details = {"error_code": "thread_unsupported_request", "unsupported": ["model"]}
    return error


def _details(body: bytes) -> dict[str, Any] | None:
    """What their SDK recovers by: the code of the details, and what was not supported."""
    if b'"error_code"' not in body:
        return None
    try:
        details = orjson.loads(body)["error"]["details"]
        kept = {key: details[key] for key in ("error_code", "unsupported") if key in details}
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return kept or None


def _out_of_credit(status: int, complaint: Complaint, body: bytes) -> bool:
    if status == 429:
        # A spending limit: the same call fails until the operator raises it.
        return b'"enforced_spend_limit_reached"' in body
    return status == 400 and "credit balance is too low" in complaint.message


def error_body(error: GatewayError) -> bytes:
    """The body of an error reply."""
    told: dict[str, Any] = {"type": _type(error), "message": error.message}
    if error.details:
        told["details"] = error.details
    body: dict[str, Any] = {"type": "error", "error": told}
    if error.call_id:
        body["request_id"] = error.call_id
    return orjson.dumps(body)


def error_events(error: GatewayError) -> bytes:
    """The event that ends a stream which failed; nothing follows it."""
    return b"event: error\ndata: " + error_body(error) + b"\n\n"


def status(error: GatewayError) -> int:
    """The status of the reply that tells an error: theirs for a lack of capacity is 529."""
    return OVERLOADED if isinstance(error, Overloaded) and error.status == 503 else error.status


def _type(error: GatewayError) -> str:
    known = _TYPES.get(error.status)
    if known is not None:
        return known
    return "invalid_request_error" if error.status < 500 else "api_error"
