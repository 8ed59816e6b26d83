"""Google's errors, both ways.

The rule: Google tells a bad key with status 400 and the time to wait in the body's details; both
are read there. Source: https://ai.google.dev/gemini-api/docs/troubleshooting and
https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.dialects.upstream_errors import (
    Complaint,
    classify,
    complaint_of,
    read_complaint,
    retry_after,
    status_in,
)
from pipelines.errors import GatewayError, UpstreamError
from pipelines.events import Headers

_STATUSES: Mapping[int, str] = MappingProxyType(
    {
        400: "INVALID_ARGUMENT",
        401: "UNAUTHENTICATED",
        403: "PERMISSION_DENIED",
        404: "NOT_FOUND",
        408: "DEADLINE_EXCEEDED",
        413: "INVALID_ARGUMENT",
        415: "INVALID_ARGUMENT",
        429: "RESOURCE_EXHAUSTED",
        500: "INTERNAL",
        502: "UNAVAILABLE",
        503: "UNAVAILABLE",
        504: "DEADLINE_EXCEEDED",
    }
)
_BAD_KEYS = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED"})
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


def upstream_error(status: int, headers: Headers, body: bytes, provider: str) -> UpstreamError:
    """What a provider's error reply means."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return classify(status, read_complaint(body), provider, retry_after(headers))
    return _classified(status, value, provider, retry_after(headers))


def fault_in(value: object, provider: str) -> UpstreamError:
    """What an error inside a reply means."""
    status = status_in(value, 502) if isinstance(value, Mapping) else 502
    return _classified(status, value, provider, None)


def _classified(status: int, value: object, provider: str, wait: float | None) -> UpstreamError:
    details = _details(value)
    if any(str(one.get("reason")) in _BAD_KEYS for one in details):
        status = 401
    for one in details:
        found = _SECONDS.fullmatch(str(one.get("retryDelay") or ""))
        if found is not None and wait is None:
            wait = float(found[1])
    said = complaint_of(value)
    # Google's code is the status again.
    code = "" if said.code.isdigit() else said.code
    return classify(status, Complaint(said.message, code, said.kind, said.param), provider, wait)


def _details(value: object) -> list[Mapping[str, Any]]:
    if isinstance(value, list) and value:
        value = value[0]
    error = value.get("error") if isinstance(value, Mapping) else None
    details = error.get("details") if isinstance(error, Mapping) else None
    if not isinstance(details, list):
        return []
    return [one for one in details if isinstance(one, Mapping)]


def error_object(error: GatewayError) -> dict[str, Any]:
    """An error of the gateway in Google's shape."""
    known = _STATUSES.get(error.status)
    other = "INVALID_ARGUMENT" if error.status < 500 else "INTERNAL"
    said = {"code": error.status, "message": error.message, "status": known or other}
    return {"error": said}
