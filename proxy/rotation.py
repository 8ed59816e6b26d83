"""Changes the secrets of keys that ask for it, and hands out the new ones.

The rule: nothing is rotated where nobody takes the new secret; an old secret's end begins only when
the webhook has taken the new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import orjson

from pipelines.clock import Clock
from pipelines.errors import StoreUnavailable, UpstreamError
from pipelines.periods import seconds_of
from proxy.config.rotation import RotationSettings
from proxy.signing import signed
from proxy.stores.entities.kinds import Key
from proxy.stores.entities.store import Actor, EntityStore, Query, Taken
from proxy.stores.keys.digest import key_name
from proxy.stores.keys.rotating import Maker, NotDue, begun, handed, is_due
from proxy.telemetry.logging import get_logger

EVERY = 60.0
ROTATOR = Actor("auto_rotate")
EVENT = "key_rotated"

_PAGE = 500
# How the two look in a row; whoever says so elsewhere is looked at and left alone.
_MARKS = ('"auto_rotate":true', '"rotating":{')

Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[None]]


class KeyRotation:
    """Rotates each key when its time has come, once, however many processes do this; `post` sends a
    body to an address and raises UpstreamError where it was not accepted (2xx)."""

    def __init__(
        self,
        entities: EntityStore,
        settings: RotationSettings | None,
        maker: Maker,
        post: Post,
        clock: Clock,
    ) -> None:
        self._entities = entities
        self._settings = settings
        self._maker = maker
        self._post = post
        self._clock = clock

    async def run(self) -> None:
        """Look every minute; runs until it is cancelled, or has said that no key can be rotated."""
        while True:
            try:
                if self._settings is None:
                    if await self._is_told():
                        return
                else:
                    await self.once(self._settings)
            except StoreUnavailable as error:
                get_logger(__name__).warning("no key is rotated just now", reason=error.message)
            await self._clock.sleep(EVERY)

    async def once(self, settings: RotationSettings) -> int:
        """Rotate what is due, up to the first that is not accepted; gives how many were handed out.
        Raises StoreUnavailable."""
        count = 0
        for id in await self._due():
            try:
                count += await self._rotate(id, settings)
            except (NotDue, Taken):
                continue
            except UpstreamError as error:
                # The rest waits for the next turn, rather than for as many failures.
                get_logger(__name__).warning(
                    "a new key was not accepted; the old one stays in use",
                    key_id=id,
                    reason=error.message,
                )
                break
        return count

    async def _rotate(self, id: str, settings: RotationSettings) -> int:
        entities, maker, now = self._entities, self._maker, self._now()
        begin = partial(begun, now=now, grace=settings.grace, maker=maker)
        key = await entities.change(Key, id, begin, ROTATOR)
        if key is None or key.rotating is None:
            return 0
        nonce = key.rotating.nonce
        until = now + timedelta(seconds=seconds_of(settings.grace))
        body = _told(key, maker.secret(id, nonce), nonce, until)
        await self._post(settings.url, body, signed(settings.secret, body, self._clock.time()))
        end = partial(handed, nonce=nonce, until=until, maker=maker, now=now)
        await entities.change(Key, id, end, ROTATOR)
        get_logger(__name__).info("a key was rotated", key_id=id, alias=key.alias)
        return 1

    async def _is_told(self) -> bool:
        due = await self._due()
        if due:
            get_logger(__name__).warning(
                "keys with auto_rotate are due and none is rotated:"
                " headgate_settings.rotation_webhook is not set",
                keys=len(due),
            )
        return bool(due)

    async def _due(self) -> list[str]:
        now = self._now()
        found: dict[str, None] = {}
        for mark in _MARKS:
            after: str | None = None
            while True:
                query = Query({}, {"data": mark}, "id", descending=False, after=after, limit=_PAGE)
                page = await self._entities.find(Key, query)
                found |= dict.fromkeys(key.id for key in page if is_due(key, now))
                if len(page) < _PAGE:
                    break
                after = page[-1].id
        return list(found)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.time(), UTC)


def _told(key: Key, secret: str, nonce: str, until: datetime) -> bytes:
    return orjson.dumps(
        {
            "event": EVENT,
            # The same for every try, and of no use to find the secret.
            "id": hashlib.sha256(nonce.encode()).hexdigest()[:32],
            "key_id": key.id,
            "key_alias": key.alias,
            "key": secret,
            "key_name": key_name(secret),
            "token": key.digest,
            "user_id": key.user_id,
            "team_id": key.team_id,
            "organization_id": key.organization_id,
            "old_key_name": key.name,
            "old_key_expires_at": until,
            "rotation_interval": key.rotation_interval,
        }
    )
