"""What the operator gives new keys, and the most that he lets any key have.

The rule: what is sent over a bound is refused, also to administrators; what is left open gets the
default, else the bound.
"""

from __future__ import annotations

from collections.abc import Collection
from math import inf
from typing import Any

from pipelines.periods import seconds_of
from proxy.admin.errors import DetailedRefusal
from proxy.admin.fields import later
from proxy.admin.keys_bodies import FOR_EVER, GenerateKey, KeyBody
from proxy.admin.money import nano
from proxy.admin.session import Session
from proxy.stores.entities.kinds import Key

_DURATIONS = frozenset({"budget_duration", "duration"})
_RATES = ("max_parallel_requests", "tpm_limit", "rpm_limit")
_BUDGET = frozenset({"max_budget", "budget_duration"})
_OWNERS = frozenset({"user_id", "team_id"})


def with_defaults(session: Session, body: GenerateKey) -> GenerateKey:
    """The body with the operator's defaults where nothing was sent. Who is no administrator owns
    his keys himself, and his own key's limits go before the defaults."""
    defaults = session.settings.new_keys.defaults
    missing = {name: one for name, one in defaults.items() if not getattr(body, name)}
    # A zero was sent, and is a limit.
    missing = {name: one for name, one in missing.items() if getattr(body, name) != 0}
    if not session.reach.admin:
        missing = {name: one for name, one in missing.items() if name not in _OWNERS}
        missing = {name: one for name, one in missing.items() if not _inherited(session, name)}
    if not missing:
        return body
    return GenerateKey.model_validate({**body.model_dump(exclude_unset=True), **missing})


def check_bounds(session: Session, body: KeyBody) -> None:
    """Raises DetailedRefusal where a field is over the bound that is set for all keys."""
    for name, most in session.settings.new_keys.bounds.items():
        sent = getattr(body, name)
        if sent is not None and _size(name, sent) > _size(name, most):
            raise DetailedRefusal(
                f"{name} is over max limit set in config - user_value={sent}; max_value={most}",
                name,
            )


def bounded(session: Session, key: Key, names: Collection[str] | None = None) -> Key:
    """The key with the bounds as its limits where it has none or more; `names` are the fields that
    this is about (None: all)."""
    bounds = session.settings.new_keys.bounds
    asked = {name: one for name, one in bounds.items() if names is None or name in names}
    if not asked:
        return key
    changes: dict[str, Any] = {}
    if "max_budget" in asked:
        changes["max_budget"] = _least(key.max_budget, nano(asked["max_budget"]))
    for name in _RATES:
        if name in asked:
            changes[name] = _least(getattr(key, name), asked[name])
    # A budget that is the maker's own would come anew where his does not.
    if "budget_duration" in asked and not _inherited(session, "budget_duration"):
        own, most = key.budget_duration, asked["budget_duration"]
        is_longer = own is None or seconds_of(own) > seconds_of(most)
        changes["budget_duration"] = most if is_longer else own
    if "duration" in asked:
        end = later(session.now, asked["duration"])
        changes["expires"] = min(key.expires or end, end)
    return key.model_copy(update=changes)


def _inherited(session: Session, name: str) -> bool:
    mine = session.key
    if mine is None or session.reach.admin:
        return False
    if name in _BUDGET:
        return mine.max_budget is not None
    return bool(getattr(mine, "expires" if name == "duration" else name))


def _least(own: int | None, most: int) -> int:
    return most if own is None else min(own, most)


def _size(name: str, value: Any) -> float:
    if name not in _DURATIONS:
        return float(value)
    return inf if value == FOR_EVER else seconds_of(value)
