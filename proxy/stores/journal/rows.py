"""A record of a call as a row of the database.

The rule: what is searched for has a column, the rest lies in `data`; nothing of a prompt or an
answer is in either.
"""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.record import Record
from pipelines.usage import Usage

LONGEST = 1_000
MOST = 2**63 - 1
# Distinguishes calls for which a client chose one id.
MARK = "~"

_NOTHING = Usage()
_COUNTED = tuple(
    (name, getattr(_NOTHING, name))
    for name in Usage.__dataclass_fields__
    if name not in ("prompt_tokens", "completion_tokens")
)


def row_of(record: Record) -> dict[str, Any]:
    """The row of a call."""
    usage = record.usage
    return {
        "id": row_id(record),
        "started": record.started,
        "ended": record.started + record.duration,
        "operation": record.operation,
        "outcome": record.outcome,
        "status": record.status,
        "key_id": record.key_id or None,
        "key_alias": _text(record.key),
        "user_id": _text(record.user_id),
        "team_id": _text(record.team_id),
        "organization_id": _text(record.organization_id),
        "end_user": _text(record.end_user),
        "model": _text(record.model),
        "deployment": _text(record.deployment),
        "provider": record.provider,
        "streaming": record.streaming,
        "prompt_tokens": min(usage.prompt_tokens, MOST),
        "completion_tokens": min(usage.completion_tokens, MOST),
        "cost": None if record.cost is None else min(record.cost, MOST),
        "data": orjson.dumps(_data(record), default=str).decode(),
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
        "upstream_model": _text(record.upstream_model),
        "usage": usage,
        "cost_source": record.cost_source,
        "first_byte": record.first_byte,
        "fallbacks": record.fallbacks,
        "attempts": [
            [one.deployment, round(one.seconds, 6), _text(one.error)] for one in record.attempts
        ],
        "error": _text(record.error),
        "client": record.client,
        "losses": list(record.losses),
        "tags": [_text(tag) for tag in record.tags],
    }
    return {name: value for name, value in found.items() if value}


def _text(text: str | None) -> str | None:
    if text is None:
        return None
    # PostgreSQL holds no NUL and no half of a character.
    return text[:LONGEST].replace("\0", "").encode("utf-8", "replace").decode()
