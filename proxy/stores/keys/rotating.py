"""How a key comes to a new secret by itself.

The rule: the new secret is good before anybody is told it, and the old one until its holder has
the new; whatever stops the gateway in between, one of the two that he may hold is good.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

from pipelines.periods import seconds_of
from proxy.stores.entities.kinds import Former, Key, Rotating
from proxy.stores.keys.digest import digest, key_name

EVER = datetime(9999, 12, 31, tzinfo=UTC)
FIRST_WAIT = 60
LONGEST_WAIT = 3600

_NONCE_BYTES = 32
_PURPOSE = "headgate key rotation"


class NotDue(Exception):
    """Nothing is to be done for a key, or another process does it."""


class Maker:
    """Makes the secrets that rotations hand out: the same one again after a crash, so that none has
    to be kept. Whoever has the database alone cannot make them."""

    def __init__(self, master_key: str, pepper: str | None = None) -> None:
        self._root = "\0".join((master_key, pepper or "")).encode()
        self._pepper = pepper

    def secret(self, id: str, nonce: str) -> str:
        """The secret of a key for one rotation: sk- and 43 characters."""
        words = "\0".join((_PURPOSE, id, nonce)).encode()
        made = hmac.new(self._root, words, hashlib.sha256).digest()
        return f"sk-{base64.urlsafe_b64encode(made).decode().rstrip('=')}"

    def digest(self, secret: str) -> str:
        """The digest under which a key with this secret is kept."""
        return digest(secret, self._pepper)

    def made(self, key: Key, nonce: str) -> bool:
        """Whether the key's secret is the one of this rotation."""
        return hmac.compare_digest(self.digest(self.secret(key.id, nonce)), key.digest)


def next_rotation(key: Key, now: datetime) -> datetime | None:
    """When a key's secret is to be changed next; None where it never is."""
    if not (key.auto_rotate and key.rotation_interval):
        return None
    begin = key.last_rotation_at or now
    return begin + timedelta(seconds=seconds_of(key.rotation_interval))


def is_due(key: Key, now: datetime) -> bool:
    """Whether the key is to get a new secret now, or to be handed the one it has got."""
    if key.blocked or (key.expires is not None and key.expires <= now):
        return False
    if key.rotating is not None:
        return key.rotating.again_at <= now
    due = key.key_rotation_at
    return key.auto_rotate and due is not None and due <= now


def begun(key: Key, now: datetime, grace: str, maker: Maker) -> Key:
    """The key with a new secret beside its own, both good until `handed`; the same one again where
    that was begun before. Nobody else hands it out for the next minute, or longer after several
    tries. Raises NotDue."""
    if not is_due(key, now):
        raise NotDue
    turn = key.rotating
    tries = turn.tries if turn else 0
    again_at = now + timedelta(seconds=min(FIRST_WAIT * 2**tries, LONGEST_WAIT))
    if turn is not None and maker.made(key, turn.nonce):
        later = turn.model_copy(update={"tries": tries + 1, "again_at": again_at})
        return key.model_copy(update={"rotating": later})
    nonce = secrets.token_hex(_NONCE_BYTES)
    first = turn is None
    # What was begun under another master key may have been handed out all the same.
    own = Former(digest=key.digest, until=EVER if first else _after(now, grace))
    return key.model_copy(
        update={
            "digest": maker.digest(maker.secret(key.id, nonce)),
            "former": _newest_last((*ended(key.former, now), own)),
            "rotating": Rotating(nonce=nonce, tries=tries + 1, again_at=again_at),
        }
    )


def handed(key: Key, nonce: str, until: datetime, maker: Maker, now: datetime) -> Key:
    """The key after its new secret was handed out; the old one is good `until` then. Raises NotDue
    where it has got another one since."""
    if key.rotating is None or key.rotating.nonce != nonce:
        raise NotDue
    rotated = key.model_copy(update={"last_rotation_at": now})
    return key.model_copy(
        update={
            "name": key_name(maker.secret(key.id, nonce)),
            "former": ended(key.former, now, until),
            "rotating": None,
            "rotation_count": key.rotation_count + 1,
            "last_rotation_at": now,
            "key_rotation_at": next_rotation(rotated, now),
        }
    )


def ended(former: tuple[Former, ...], now: datetime, until: datetime = EVER) -> tuple[Former, ...]:
    """Those former secrets that are still good, none of them for longer than `until`."""
    bounded = (Former(digest=one.digest, until=min(one.until, until)) for one in former)
    return tuple(one for one in bounded if one.until > now)


def _after(now: datetime, grace: str) -> datetime:
    return now + timedelta(seconds=seconds_of(grace))


def _newest_last(former: tuple[Former, ...]) -> tuple[Former, ...]:
    # The last one is found at once.
    return tuple(sorted(former, key=lambda one: one.until))
