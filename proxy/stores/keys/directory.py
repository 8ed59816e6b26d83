"""From the secret in a request to a principal.

The rule: the master key is compared first, whole digests only and in constant time; nobody is let
in whom the store has not named, and whoever is named is remembered until something about him
changes.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipelines.clock import Clock
from pipelines.errors import Forbidden, Unauthenticated
from pipelines.exchange import Principal
from pipelines.parties import TASK_TAG, Party
from proxy.background import Background
from proxy.config.identity import IdentitySettings
from proxy.stores.entities.kinds import AccessGroup, Key, StoredModel
from proxy.stores.entities.store import EntityStore
from proxy.stores.keys.bearers import GROUPS, Bearers, Groups, Reader
from proxy.stores.keys.digest import digest
from proxy.stores.keys.kept import Source
from proxy.stores.keys.lookups import Answer, Lookups
from proxy.stores.keys.master import master_principal
from proxy.stores.keys.newcomers import Newcomers
from proxy.stores.keys.principals import Defaults, good_until, principal_of, widened

if TYPE_CHECKING:
    # Its library is large, and is loaded where tokens of services are configured.
    from proxy.stores.keys.services import Services, Signed

LONGEST_SECRET = 8192
STRANGERS = 10_000
STRANGER_FOR = 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """A principal with those it was built from; `base` is what it was where it has no key, and
    `refusal` the type and the words of what keeps it out."""

    principal: Principal
    bearers: Bearers
    base: Principal | None = None
    refusal: tuple[str, str] | None = None


class Directory:
    """Knows the operator's key, every key of a store of entities, and the tokens of services."""

    def __init__(
        self,
        entities: EntityStore,
        settings: IdentitySettings,
        master_key: str | None,
        clock: Clock,
        background: Background,
        services: Services | None = None,
    ) -> None:
        self._entities = entities
        self._settings = settings
        self._clock = clock
        self._services = services
        self._newcomers = Newcomers(entities, settings)
        self._groups = Groups(entities, settings.access_groups)
        self._defaults = Defaults(settings.user_budget_on_team_keys, settings.end_user_budget)
        kept, grace = settings.kept, settings.auth_grace
        self._lookups: Lookups[Found] = Lookups(kept, grace, clock, background)
        # Apart, so that whoever makes up names of users drives nobody's key out.
        self._joins: Lookups[Found] = Lookups(kept, grace, clock, background)
        self._strangers: dict[str, float] = {}
        # An empty key is one that nobody has; a digest of nothing is none that can be sent.
        self._master_digest = digest(master_key, settings.pepper) if master_key else ""
        self._master = master_principal(self._master_digest)

    async def find(self, secret: str | None) -> Principal | None:
        """Who holds this secret, or None for a stranger. Raises Unauthenticated where the key is
        expired or blocked, and StoreUnavailable."""
        if not secret or len(secret) > LONGEST_SECRET:
            return None
        name = digest(secret, self._settings.pepper)
        if hmac.compare_digest(name, self._master_digest):
            return self._master
        answer = self._lookups.known(name)
        if answer is None:
            answer = await self._asked(name, secret)
            if answer is None:
                return None
        found = answer.value
        if found.refusal is not None:
            raise _refused(found.refusal)
        return found.principal

    async def holder(self, digest: str) -> Principal | None:
        """Who holds the key with this digest, or None. Raises as `find` does."""
        if digest and digest == self._master_digest:
            return self._master
        answer = self._lookups.known(digest) or await self._asked(digest, "")
        if answer is None:
            return None
        if answer.value.refusal is not None:
            raise _refused(answer.value.refusal)
        return answer.value.principal

    async def joined(self, principal: Principal, party: Party) -> Principal:
        """The caller together with those that it calls for. Raises Forbidden where one of them is
        blocked, and StoreUnavailable."""
        name = (principal.digest, party)
        answer = self._joins.known(name)
        if answer is None:
            answer = await self._joins.find(name, lambda: self._join(principal, party))
            if answer is None:
                return principal
        found = answer.value
        if found.refusal is not None:
            raise Forbidden(found.refusal[1], None)
        return found.principal

    def callers(self) -> Iterator[Found]:
        """Everybody who is remembered: keys first, then those that they called for."""
        yield from self._lookups
        yield from self._joins

    async def follow(self) -> None:
        """Forget whatever anybody changes; runs until it is cancelled."""
        async with aclosing(self._entities.changes()) as changes:
            async for kind, id in changes:
                self.changed(kind, id)

    def changed(self, kind: str, id: str) -> None:
        """An entity was changed; ("", ""): some may have been."""
        if kind in ("", Key.kind):
            self._strangers.clear()
        if kind in ("", AccessGroup.kind, StoredModel.kind):
            self._groups.forget()
        for lookups in (self._lookups, self._joins):
            if not kind:
                lookups.missed()
                continue
            lookups.changed((kind, id))
            if kind in (AccessGroup.kind, StoredModel.kind):
                lookups.changed(GROUPS)

    async def _asked(self, name: str, secret: str) -> Answer[Found] | None:
        if self._services is not None and self._services.is_token(secret):
            signed = await self._services.signed(secret)
            return await self._lookups.find(name, lambda: self._service(signed, name))
        now = self._clock.monotonic()
        if self._strangers.get(name, 0.0) > now:
            return None
        found = await self._lookups.find(name, lambda: self._load(name))
        if found is None:
            if len(self._strangers) >= STRANGERS:
                self._strangers.clear()
            self._strangers[name] = now + STRANGER_FOR
        return found

    async def _load(self, name: str) -> Answer[Found] | None:
        reader = Reader(self._entities, self._groups)
        key = await reader.key(name)
        now = self._now()
        if key is None or not _holds(key, name, now):
            return None
        bearers = await reader.budgeted(await reader.behind(key))
        principal = principal_of(bearers, name, now, self._defaults)
        refusal = _refusal(bearers, now)
        return self._answer(Found(principal, bearers, None, refusal), name, reader.used, now)

    async def _service(self, signed: Signed, name: str) -> Answer[Found] | None:
        reader, now = Reader(self._entities, self._groups), self._now()
        base = replace(signed.principal, digest=name)
        bearers = Bearers()
        if not signed.is_admin:
            party = signed.party
            user = await self._newcomers.user(party, reader) if signed.creates_user else None
            if user is None and party.user is not None:
                user = await reader.user(party.user)
            bearers = await reader.within(replace(bearers, user=user), signed.team_id)
            if party.end_user is not None:
                end_user = await self._newcomers.end_user(party.end_user, reader)
                bearers = replace(bearers, end_user=end_user)
            bearers = await reader.budgeted(bearers)
        principal = widened(base, bearers, now, self._defaults)
        found = Found(principal, bearers, base, _refusal(bearers, now))
        answer = self._answer(found, name, reader.used, now)
        answer.until = min(answer.until, signed.expires)
        answer.ends = min(answer.ends, signed.expires)
        return answer

    async def _join(self, principal: Principal, party: Party) -> Answer[Found] | None:
        caller = await self._caller(principal)
        if caller is None:
            return None
        found, sources = caller.value, caller.sources
        reader, now = Reader(self._entities, self._groups), self._now()
        bearers = found.bearers
        if party.user is not None:
            user = await self._newcomers.user(party, reader)
            bearers = replace(bearers, user=user, member=None, is_named=True)
            team_id = bearers.team.id if bearers.team else self._newcomers.team_of(party)
            bearers = await reader.within(bearers, team_id)
            if user is not None and bearers.team is not None and bearers.member is None:
                await self._newcomers.member(user, bearers.team.id)
                bearers = await reader.within(bearers, team_id)
        if party.end_user is not None:
            end_user = await self._newcomers.end_user(party.end_user, reader)
            bearers = replace(bearers, end_user=end_user)
        task = () if party.task is None else (TASK_TAG + party.task,)
        bearers = await reader.labelled(bearers, (*party.tags, *task))
        bearers = await reader.budgeted(bearers)
        refusal = _refusal(bearers, now)
        if found.base is None:
            made = principal_of(bearers, principal.digest, now, self._defaults)
            # Whoever is named by a call lends it his limits, and never his powers.
            joined = replace(made, role=principal.role)
        else:
            joined = widened(found.base, bearers, now, self._defaults)
        answer = self._answer(
            Found(joined, bearers, found.base, refusal),
            principal.digest,
            reader.used | sources,
            now,
        )
        answer.until, answer.ends = min(answer.until, caller.until), min(answer.ends, caller.ends)
        return answer

    async def _caller(self, principal: Principal) -> Answer[Found] | None:
        if principal is self._master:
            return Answer(Found(principal, Bearers(), principal), frozenset())
        name = principal.digest
        if principal.key_id:
            return await self._lookups.find(name, lambda: self._load(name))
        return self._lookups.known(name)

    def _answer(
        self, found: Found, name: str, used: set[Source] | frozenset[Source], now: datetime
    ) -> Answer[Found]:
        until = good_until(found.bearers, name, now)
        key = found.bearers.key
        ends = [one.until for one in key.former if one.digest == name] if key else []
        ends += [key.expires] if key and key.expires else []
        is_over = key is not None and key.expires is not None and key.expires <= now
        return Answer(
            found,
            frozenset(used),
            until.timestamp() if until and not is_over else float("inf"),
            min(ends).timestamp() if ends and not is_over else float("inf"),
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.time(), UTC)


def _holds(key: Key, name: str, now: datetime) -> bool:
    return key.digest == name or any(one.digest == name and one.until > now for one in key.former)


def _refusal(bearers: Bearers, now: datetime) -> tuple[str, str] | None:
    key, user, team, above = bearers.key, bearers.user, bearers.team, bearers.organization
    if key is not None and key.expires is not None and key.expires <= now:
        return "expired_key", (
            f"Authentication Error - Expired Key. Key Expiry time {key.expires} and current time"
            f" {now}"
        )
    words = None
    if key is not None and key.blocked:
        words = "Key is blocked. Update via `/key/unblock` if you're an admin."
    elif bearers.missing is not None:
        words = f"{bearers.missing} does not exist in the database."
    elif team is not None and team.blocked:
        words = f"Team={team.id} is blocked. Update via `/team/unblock` if you're an admin."
    elif above is not None and above.blocked:
        words = f"Organization={above.id} is blocked."
    elif user is not None and user.blocked:
        words = f"User={user.id} is blocked."
    elif bearers.end_user is not None and bearers.end_user.blocked:
        words = f"User blocked from making LLM API Calls. User={bearers.end_user.id}"
    return None if words is None else ("auth_error", f"Authentication Error, {words}")


def _refused(refusal: tuple[str, str]) -> Unauthenticated:
    error = Unauthenticated(refusal[1])
    error.type = refusal[0]
    return error
