"""From the body of a key call to the fields of a key.

The rule: only what was sent is set; what LiteLLM keeps in the metadata is found there too, and what
a key has no field for goes into its settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from proxy.admin.fields import later
from proxy.admin.keys_bodies import FOR_EVER, KeyBody
from proxy.admin.limits import LIMITS, limits_of
from proxy.stores.entities.kinds import Key
from proxy.stores.keys.rotating import next_rotation

_LISTS = frozenset(
    {"models", "tags", "guardrails", "allowed_routes", "allowed_ips", "access_group_ids"}
)
_DICTS = frozenset({"permissions", "aliases"})
_SAME = frozenset({"user_id", "team_id", "organization_id", "key_type", "rotation_interval"})
_BOOLS = frozenset({"blocked", "auto_rotate"})
# Said by the call and kept nowhere.
_PASSING = frozenset(
    {
        "key",
        "new_key",
        "new_master_key",
        "grace_period",
        "send_invite_email",
        "spend",
        "duration",
        "metadata",
        "key_alias",
    }
)


def fields_of(body: KeyBody, now: datetime, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a key that this body sets; `settings` are the key's own until now."""
    sent = body.model_fields_set
    found = limits_of(body)
    found |= {name: tuple(getattr(body, name) or ()) for name in sent & _LISTS}
    found |= {name: dict(getattr(body, name) or {}) for name in sent & _DICTS}
    found |= {name: getattr(body, name) for name in sent & _SAME}
    found |= {name: bool(getattr(body, name)) for name in sent & _BOOLS}
    if "key_alias" in sent:
        found["alias"] = body.key_alias
    if "metadata" in sent:
        found["metadata"] = dict(body.metadata or {})
    if "duration" in sent:
        found["expires"] = _expiry(body.duration, now)
    rest = sent - LIMITS - _LISTS - _DICTS - _SAME - _BOOLS - _PASSING
    if rest:
        dumped = body.model_dump(mode="json", include=set(rest))
        merged = {**settings, **dumped}
        found["settings"] = {name: one for name, one in merged.items() if one is not None}
    return found


def with_rotation(key: Key, now: datetime) -> Key:
    """The key with the date of its next rotation, where it has none that fits."""
    return key.model_copy(update={"key_rotation_at": next_rotation(key, now)})


def _expiry(duration: str | None, now: datetime) -> datetime | None:
    if duration is None or duration == FOR_EVER:
        return None
    return later(now, duration)
