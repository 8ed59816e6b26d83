"""Tells of keys that expire soon, and of those that got a new secret.

The rule: nothing is known of a secret here but its last letters.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

from proxy.alerts.alert import Alert, word
from proxy.stores.entities.kinds import Key
from proxy.stores.entities.store import EntityStore, Query

SOON = timedelta(days=7)
VERY_SOON = timedelta(days=1)
LATELY = timedelta(hours=1)
WEEK = 7 * 86_400.0

_PAGE = 500


async def key_alerts(entities: EntityStore, now: float) -> AsyncIterator[Alert]:
    """What is to be told of keys at `now`, in seconds since 1970. Raises StoreUnavailable."""
    after: str | None = None
    moment = datetime.fromtimestamp(now, UTC)
    while True:
        query = Query(sort="id", descending=False, after=after, limit=_PAGE)
        page = await entities.find(Key, query)
        for key in page:
            for alert in of_key(key, moment):
                yield alert
        if len(page) < _PAGE:
            return
        after = page[-1].id


def of_key(key: Key, now: datetime) -> Iterator[Alert]:
    """What is to be told of one key."""
    last = key.last_rotation_at
    if last is not None and now - LATELY <= last <= now:
        yield _alert("key_rotated", key, f"A key was rotated at {last:%Y-%m-%d %H:%M UTC}", last)
    expires = key.expires
    if expires is None or key.blocked or not now < expires <= now + SOON:
        return
    urgent = expires <= now + VERY_SOON
    words = f"A key expires at {expires:%Y-%m-%d %H:%M UTC}"
    yield _alert("key_expiring", key, words, expires, urgent)


def _alert(kind: str, key: Key, words: str, at: datetime, urgent: bool = False) -> Alert:
    name = word(key.alias or key.name or key.id)
    lines = [words, f"Key: `{name}`"]
    if key.team_id or key.user_id:
        lines.append(f"Owner: `{word(key.team_id or key.user_id or '')}`")
    return Alert(
        kind=kind,
        cause=f"{kind}:{key.id}:{at.timestamp():.0f}:{'now' if urgent else 'soon'}",
        message="\n".join(lines),
        level="Medium" if urgent else "Low",
        quiet=WEEK,
        group="key",
        about={
            "key_alias": key.alias,
            "key_id": key.id,
            "user_id": key.user_id,
            "team_id": key.team_id,
            "organization_id": key.organization_id,
        },
    )
