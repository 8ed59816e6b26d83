"""What a provider's error reply means, whatever its shape.

The rule: the status decides first, then a code, and only last the words. The shapes are those of
recorded traffic: `{"error": {...}}`, `{"error": "..."}`, `{"message"}`, `{"detail"}`, lists of
them, plain text and HTML.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from pipelines.errors import (
    ContentRefused,
    ContextTooLong,
    Denied,
    ModelNotFound,
    Overloaded,
    Rejected,
    UpstreamError,
    UpstreamFailed,
)
from pipelines.events import Headers
from pipelines.redact import redact

LEVELS = 8

_TOO_LONG = re.compile(
    r"maximum context length|context[ _]length|prompt is too long|input token count"
    r"|input is too long|too many (?:input |prompt )?tokens|exceeds? the (?:max|context)",
    re.IGNORECASE,
)
# https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
# https://platform.openai.com/docs/guides/error-codes
_FILTERED = re.compile(
    r"content management policy|content[ _-]filter|content[ _-]policy|safety system"
    r"|blocked by (?:our|the) safety|ResponsibleAIPolicyViolation|usage policies"
    r"|flagged as potentially|violat\w+ (?:our|the) (?:content|usage|safety)",
    re.IGNORECASE,
)
_FILTER_CODES = frozenset(
    {"content_policy_violation", "content_filter", "responsible_ai_policy_violation"}
)
_OVERLOADED = frozenset({498, 503, 529})
_TRY_AGAIN = frozenset({408, 409, 425})
_NO_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "enforced_spend_limit"})


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a provider said: its words, and its code, type and field where it named them."""

    message: str = ""
    code: str = ""
    kind: str = ""
    param: str | None = None


def upstream_error(status: int, headers: Headers, body: bytes, provider: str) -> UpstreamError:
    """The error that a reply with a status of 300 or more stands for."""
    return classify(status, read_complaint(body), provider, retry_after(headers))


def classify(
    status: int, complaint: Complaint, provider: str, wait: float | None = None
) -> UpstreamError:
    """The error for a status and what was said; `wait` is in seconds."""
    error = _classify(status, complaint, provider, wait)
    error.provider_status = status
    return error


def _classify(
    status: int, complaint: Complaint, provider: str, wait: float | None
) -> UpstreamError:
    said = f": {complaint.message}" if complaint.message else "."
    if status in (401, 403):
        return Denied(
            f"{provider} refused the gateway's credential ({status}). The operator of the gateway "
            "needs to check the key of this model."
        )
    if status == 402 or complaint.code in _NO_CREDIT:
        return Denied(f"The gateway's account at {provider} has no credit left ({status}).")
    if status == 429:
        return Overloaded(f"{provider} is limiting the rate{said}", 429, wait)
    if status in _OVERLOADED:
        return Overloaded(f"{provider} is overloaded ({status}); please try again.", 503, wait)
    if status in _TRY_AGAIN or status == 504:
        return UpstreamFailed(f"{provider} did not answer in time ({status}).", 504)
    if status >= 500:
        return UpstreamFailed(f"{provider} failed with status {status}.", 502)
    if status < 400:
        return UpstreamFailed(f"{provider} answered with a redirect ({status}); not followed.")
    return _rejected(status, complaint, said, provider)


def _rejected(status: int, complaint: Complaint, said: str, provider: str) -> Rejected:
    code, words = complaint.code or None, complaint.message
    kind = Rejected
    if status == 404:
        kind, code = ModelNotFound, code or "model_not_found"
    elif code == "context_length_exceeded" or (status != 413 and _TOO_LONG.search(words)):
        kind, code = ContextTooLong, "context_length_exceeded"
    elif code in _FILTER_CODES or _FILTERED.search(words):
        kind, code = ContentRefused, code or "content_filter"
    return kind(f"{provider} rejected the request{said}", status, code, complaint.param)


def read_complaint(body: bytes) -> Complaint:
    """What the body of an error reply says."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body[:500].decode("utf-8", "replace").strip()
        return Complaint() if text.startswith("<") else Complaint(redact(text))
    return complaint_of(value)


def complaint_of(value: object, levels: int = LEVELS) -> Complaint:
    """What a decoded error body, or the value of its `error` field, says."""
    if isinstance(value, str):
        return Complaint(redact(value))
    if not levels:
        return Complaint()
    if isinstance(value, list):
        return complaint_of(value[0], levels - 1) if value else Complaint()
    if not isinstance(value, dict):
        return Complaint()
    inner = value.get("error") or value.get("errors")
    if isinstance(inner, dict | list):
        return complaint_of(inner, levels - 1)
    words = inner if isinstance(inner, str) else None
    message = words or _first(value, "message", "Message", "detail", "msg", "title")
    if not isinstance(message, str):
        return complaint_of(message, levels - 1)
    param = value.get("param")
    return Complaint(
        message=redact(message),
        code=_word(value.get("code") or value.get("error_code")),
        kind=_word(value.get("type")),
        param=param if isinstance(param, str) else None,
    )


def status_in(value: Mapping[str, Any], default: int) -> int:
    """The HTTP status that an error inside a stream names, or the default."""
    error = value.get("error")
    if isinstance(error, dict):
        for name in ("code", "status_code", "status"):
            code = error.get(name)
            if isinstance(code, str) and re.fullmatch("[45][0-9]{2}", code):
                code = int(code)
            if isinstance(code, int) and 400 <= code < 600:
                return code
    return default


def no_answer(value: Mapping[str, Any], provider: str) -> UpstreamError:
    """The error of a reply with status 200 that is no answer."""
    if not value.get("error"):
        return UpstreamFailed(f"{provider} answered with something that is no answer.")
    return classify(status_in(value, 502), complaint_of(dict(value)), provider)


def retry_after(headers: Headers) -> float | None:
    """How many seconds the provider asks to wait, by `retry-after-ms` or `retry-after`."""
    named = dict(headers)
    millis = named.get(b"retry-after-ms")
    if millis is not None and _is_number(millis):
        return float(millis) / 1000
    wait = named.get(b"retry-after")
    if wait is None:
        return None
    if _is_number(wait):
        return max(0.0, float(wait))
    try:
        moment = parsedate_to_datetime(wait.decode("latin-1"))
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - time.time())


def _is_number(value: bytes) -> bool:
    return re.fullmatch(rb"\d{1,9}(?:\.\d{1,9})?", value) is not None


def _first(value: Mapping[str, Any], *names: str) -> object:
    return next((value[name] for name in names if value.get(name)), "")


def _word(value: object) -> str:
    return redact(str(value)) if isinstance(value, str | int) else ""
