"""Gives keys new secrets.

The rule: a key stays itself when its secret changes: its id, spending and limits are kept, and the
old secret is good until its grace is over.
"""

from __future__ import annotations

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
from proxy.admin.keys_make import new_secret
from proxy.admin.session import Session
from proxy.stores.entities.kinds import Former, Key
from proxy.stores.entities.store import Taken
from proxy.stores.keys.digest import key_name
from proxy.stores.keys.rotating import EVER, ended


async def regenerate(session: Session, body: RegenerateKey) -> GeneratedKey:
    """Give a key a new secret; the old one stays good for the grace period."""
    return await _regenerated(session, body.key, body)


async def regenerate_named(session: Session, body: RegenerateKey) -> GeneratedKey:
    """Give the key that the address names a new secret."""
    return await _regenerated(session, session.path["key"], body)


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


def _bound(key: Key, until: datetime) -> datetime:
    return EVER if key.rotating is None else until


def _turned(
    key: Key, secret: str, digest: str, when: tuple[datetime, str | None]
) -> dict[str, Any]:
    now, grace = when
    until = now if grace is None else later(now, grace)
    # A secret whose end was open until its successor was handed out has this one now.
    former = ended((*key.former, Former(digest=key.digest, until=until)), now, _bound(key, until))
    turned = key.model_copy(update={"last_rotation_at": now})
    return {
        "digest": digest,
        "name": key_name(secret),
        "former": former,
        "rotating": None,
        "rotation_count": key.rotation_count + 1,
        "last_rotation_at": now,
        "key_rotation_at": with_rotation(turned, now).key_rotation_at,
    }
