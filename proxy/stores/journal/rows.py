"""A record of a call as a row of the database.

The rule: what is searched for has a column, the rest lies in `data`; nothing of a prompt or an
answer is in either.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.record import AttemptRecord, Record
from pipelines.usage import Usage
from proxy.stores.journal.rollups import DAY

LONGEST = 1_000
MOST = 2**63 - 1
# The year 9999.
LATEST = 253_370_764_800.0
# Distinguishes calls for which a client chose one id.
MARK = "~"

# Texts that have a column of their own, by their names in a record.
_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "key_alias": "key",
        **{
            name: name
            for name in (
                "user_id",
                "team_id",
                "organization_id",
                "end_user",
                "model",
                "model_group",
                "upstream_model",
                "deployment",
                "provider",
                "session_id",
                "trace_id",
                "provider_request_id",
                "cache",
                "error_class",
            )
        },
    }
)
# Texts that are only told again.
_TOLD = (
    "key_digest",
    "team_alias",
    "user_email",
    "route",
    "user_agent",
    "parent_span",
    "api_base",
    "requested_model",
    "cache_key",
    "mirror_of",
)
_FIRST: tuple[Any, ...] = ("first", None, None, None)
_NOTHING = Usage()
_COUNTED = tuple(
    (name, getattr(_NOTHING, name))
    for name in Usage.__dataclass_fields__
    if name not in ("prompt_tokens", "completion_tokens")
)


def row_of(record: Record) -> dict[str, Any]:
    """The row of a call, with what is written elsewhere besides: `tags`, `prompt`, `answer` and the
    amounts that only rollups have."""
    usage = record.usage
    texts = {column: _text(getattr(record, name)) for column, name in _TEXTS.items()}
    # A record whose time is no time must not stop those behind it.
    started = record.started if 0 <= record.started < LATEST else 0.0
    return {
        "id": row_id(record),
        "day": int(started // DAY),
        "started": started,
        "ended": started + record.duration,
        "operation": record.operation,
        "outcome": record.outcome,
        "status": record.status,
        **texts,
        "key_id": record.key_id or None,
        "model_group": texts["model_group"] or texts["model"],
        "streaming": record.streaming,
        "prompt_tokens": min(usage.prompt_tokens, MOST),
        "completion_tokens": min(usage.completion_tokens, MOST),
        "cost": None if record.cost is None else min(record.cost, MOST),
        "data": orjson.dumps(_data(record), default=str).decode(),
        "cached_tokens": min(usage.cached_tokens, MOST),
        "cache_write_tokens": min(usage.cache_write_tokens, MOST),
        "first_byte": record.first_byte,
        "tags": [tag for one in record.tags if (tag := _text(one))],
        "prompt": _kept(record.prompt),
        "answer": _kept(record.answer),
    }


def row_id(record: Record) -> str:
    """The id of the row: the call's own, and with its serial where the client chose it."""
    if not record.serial or record.serial == record.id:
        return record.id
    return f"{record.id}{MARK}{record.serial}"


def _data(record: Record) -> dict[str, Any]:
    usage = {
        name: value
        for name, nothing in _COUNTED
        if (value := getattr(record.usage, name)) != nothing
    }
    found = {
        "usage": usage,
        "cost_source": record.cost_source,
        "first_byte": record.first_byte,
        "fallbacks": record.fallbacks,
        "attempts": [_tried(one) for one in record.attempts],
        "error": _text(record.error),
        "client": record.client,
        "losses": list(record.losses),
        "tags": [_text(tag) for tag in record.tags],
        "overhead": record.overhead,
        "provider_status": record.provider_status,
        "metadata": _fit(orjson.dumps(record.metadata, default=str).decode())
        if record.metadata
        else None,
        "received_bytes": record.received_bytes,
        "sent_bytes": record.sent_bytes,
        **{name: _text(getattr(record, name)) for name in _TOLD},
    }
    return {name: value for name, value in found.items() if value}


def _tried(attempt: AttemptRecord) -> list[Any]:
    told = [attempt.deployment, round(attempt.seconds, 6), _text(attempt.error)]
    more = [attempt.kind, attempt.code, attempt.first_byte, attempt.cost]
    return told if more == list(_FIRST) else [*told, *more]


def _text(text: str | None) -> str | None:
    return _fit(text[:LONGEST]) if text else None


def _kept(text: str | None) -> str | None:
    return _fit(text) if text else None


def _fit(text: str) -> str:
    # PostgreSQL holds no NUL and no half of a character.
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode()
