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
from pipelines.errors import GatewayError, UpstreamError, UpstreamFailed
from pipelines.events import Headers

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
        "overloaded_error": 529,
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
    advice = dict(headers).get(b"x-should-retry")
    if advice in (b"true", b"false"):
        error.retryable = advice == b"true"
    return error


def _out_of_credit(status: int, complaint: Complaint, body: bytes) -> bool:
    if status == 429:
        # A spending limit: the same call fails until the operator raises it.
        return b'"enforced_spend_limit_reached"' in body
    return status == 400 and "credit balance is too low" in complaint.message


def error_body(error: GatewayError) -> bytes:
    """The body of an error reply."""
    return orjson.dumps(
        {"type": "error", "error": {"type": _type(error), "message": error.message}}
    )


def error_events(error: GatewayError) -> bytes:
    """The event that ends a stream which failed; nothing follows it."""
    return b"event: error\ndata: " + error_body(error) + b"\n\n"


def _type(error: GatewayError) -> str:
    known = _TYPES.get(error.status)
    if known is not None:
        return known
    return "invalid_request_error" if error.status < 500 else "api_error"
