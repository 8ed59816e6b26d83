"""Gives keys new secrets.

The rule: a key stays itself when its secret changes: its id, spending and limits are kept, and the
old secret is good until its grace is over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from proxy.admin.errors import NotAllowed, NotFound, Refusal
from proxy.admin.fields import later
from proxy.admin.keys_answers import GeneratedKey, generated
from proxy.admin.keys_bodies import RegenerateKey
from proxy.admin.keys_change import changed
from proxy.admin.keys_fields import with_rotation
from proxy.admin.keys_found import NOT_FOUND, demand_change, visible_key
from proxy.admin.keys_grants import covers
from proxy.admin.keys_make import key_name, new_secret
from proxy.admin.session import Session
from proxy.stores.entities.kinds import Former, Key
from proxy.stores.entities.store import Actor, EntityStore, Query, Taken

ROTATOR = Actor("auto_rotate")
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Rotated:
    """A key that got a new secret by itself; whoever is told hands it to its holder."""

    key: Key
    secret: str = field(repr=False)


async def regenerate(session: Session, body: RegenerateKey) -> GeneratedKey:
    """Give a key a new secret; the old one stays good for the grace period."""
    return await _regenerated(session, body.key, body)


async def regenerate_named(session: Session, body: RegenerateKey) -> GeneratedKey:
    """Give the key that the address names a new secret."""
    return await _regenerated(session, session.path["key"], body)


async def rotate_due(
    entities: EntityStore, now: datetime, digest: Callable[[str], str], grace: str = "1d"
) -> list[Rotated]:
    """Give every key whose rotation is due a new secret, once, however many workers call this.

    The old secrets stay good for `grace`. Raises StoreUnavailable.
    """
    found: list[Rotated] = []
    after: str | None = None
    while True:
        query = Query(sort="id", descending=False, after=after, limit=_PAGE)
        page = await entities.find(Key, query)
        for key in page:
            if _is_due(key, now):
                found += await _rotate(entities, key, (now, grace), digest)
        if len(page) < _PAGE:
            return found
        after = page[-1].id


async def _rotate(
    entities: EntityStore, key: Key, when: tuple[datetime, str], digest: Callable[[str], str]
) -> list[Rotated]:
    now, grace = when
    secret = new_secret()

    def alter(found: Key) -> Key:
        # Another worker may have been faster.
        if not _is_due(found, now):
            raise _Done
        fields = _turned(found, secret, digest(secret), (now, grace))
        return found.model_copy(update={**fields, "updated_at": now})

    try:
        written = await entities.change(Key, key.id, alter, ROTATOR)
    except _Done:
        return []
    return [Rotated(written, secret)] if written is not None else []


class _Done(Exception):
    pass


def _is_due(key: Key, now: datetime) -> bool:
    due = key.key_rotation_at
    return key.auto_rotate and not key.blocked and due is not None and due <= now


async def _regenerated(session: Session, named: str | None, body: RegenerateKey) -> GeneratedKey:
    if body.new_master_key is not None:
        raise Refusal("The master key is set in the configuration only.", "new_master_key")
    key = session.key if named is None else await visible_key(session, named)
    if key is None:
        raise NotFound(NOT_FOUND, "key")
    await demand_change(session, key, "/key/regenerate")
    mine = session.key
    if mine is not None and not session.reach.admin and not covers(mine, key):
        raise NotAllowed("Your key has less than this key, and so may not renew it.")
    secret = body.new_key or new_secret()
    fields = _turned(key, secret, session.digest(secret), (session.now, body.grace_period))
    try:
        written = await changed(session, key, body, fields)
    except Taken:
        raise Refusal("A key with this secret exists already.", "new_key") from None
    return await generated(session, written, secret, body.model_dump(exclude_unset=True))


def _turned(
    key: Key, secret: str, digest: str, when: tuple[datetime, str | None]
) -> dict[str, Any]:
    now, grace = when
    former = tuple(one for one in key.former if one.until > now)
    if grace is not None:
        former += (Former(digest=key.digest, until=later(now, grace)),)
    turned = key.model_copy(update={"last_rotation_at": now})
    return {
        "digest": digest,
        "name": key_name(secret),
        "former": former,
        "rotation_count": key.rotation_count + 1,
        "last_rotation_at": now,
        "key_rotation_at": with_rotation(turned, now).key_rotation_at,
    }
