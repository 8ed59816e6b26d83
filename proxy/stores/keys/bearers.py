"""Everybody who stands behind a caller, read from the store of entities.

The rule: what was asked for is written down, found or not, so that a change of it can be told to
whoever remembers the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from proxy.stores.entities.kinds import (
    AccessGroup,
    EndUser,
    Entity,
    Key,
    Limited,
    Membership,
    Organization,
    SharedBudget,
    StoredModel,
    Tag,
    Team,
    User,
)
from proxy.stores.entities.store import EntityStore, Query
from proxy.stores.keys.kept import Source

GROUPS: Source = ("access_groups", "")

_PAGE = 1000

E = TypeVar("E", bound=Entity)


@dataclass(frozen=True, slots=True)
class Bearers:
    """A key with its user, team, membership and organization, the end user that it calls for, and
    the labels of the call; `missing` says what is referred to and not there, and `is_named` that
    the user is named by the call and not by the key.

    `tags` are the labels that have budgets, `budgets` shared budgets by their id, and `groups` the
    models of each access group.
    """

    key: Key | None = None
    user: User | None = None
    team: Team | None = None
    member: Membership | None = None
    organization: Organization | None = None
    end_user: EndUser | None = None
    labels: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()
    budgets: Mapping[str, SharedBudget] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: str | None = None
    is_named: bool = False

    @property
    def limited(self) -> tuple[Limited, ...]:
        """All of them who may have limits."""
        single = (
            self.key,
            self.user,
            self.team,
            self.member,
            self.organization,
            self.end_user,
        )
        return (*(one for one in single if one is not None), *self.tags)


class Groups:
    """The models of each access group: the file's, and those of the store."""

    def __init__(self, entities: EntityStore, written: Mapping[str, tuple[str, ...]]) -> None:
        self._entities = entities
        self._written = written
        self._found: Mapping[str, tuple[str, ...]] | None = None

    async def all(self) -> Mapping[str, tuple[str, ...]]:
        """Every group. Raises StoreUnavailable."""
        if self._found is None:
            found = dict(self._written)
            for group in await self._entities.find(AccessGroup, Query(limit=_PAGE)):
                found[group.id] = (*found.get(group.id, ()), *group.models)
            for model in await self._entities.find(StoredModel, Query(limit=_PAGE)):
                listed = model.info.get("access_groups")
                for name in listed if isinstance(listed, list) else ():
                    found[str(name)] = (*found.get(str(name), ()), model.model_name)
            self._found = found
        return self._found

    def forget(self) -> None:
        """Ask the store again next time."""
        self._found = None


class Reader:
    """Reads entities for one answer, and remembers in `used` which ones it was asked for."""

    def __init__(self, entities: EntityStore, groups: Groups) -> None:
        self._entities = entities
        self._groups = groups
        self.used: set[Source] = set()

    async def get(self, kind: type[E], id: str | None) -> E | None:
        """The entity, if there is one. Raises StoreUnavailable."""
        if not id:
            return None
        self.used.add((kind.kind, id))
        return await self._entities.get(kind, id)

    async def key(self, digest: str) -> Key | None:
        """The key with this digest, also where it was rotated since. Raises StoreUnavailable."""
        found = await self._entities.holder(digest)
        if found is not None:
            self.used.add((Key.kind, found.id))
        return found

    async def user(self, id: str | None) -> User | None:
        """The user with this id, one without limits where nobody made him: what he spends is
        counted under his name. Raises StoreUnavailable."""
        return await self.get(User, id) or (User(id=id) if id else None)

    async def behind(self, key: Key) -> Bearers:
        """The key with all who stand behind it. Raises StoreUnavailable."""
        self.used.add((Key.kind, key.id))
        user = await self.user(key.user_id)
        found = await self.within(Bearers(key=key, user=user), key.team_id)
        return await self.labelled(found, key.tags)

    async def within(self, bearers: Bearers, team_id: str | None) -> Bearers:
        """The same within a team (None: in no team), with the user's membership, the organization
        above and the team's labels. Raises StoreUnavailable."""
        key = bearers.key
        team = await self.get(Team, team_id)
        member = None
        if team is not None and bearers.user is not None:
            member = await self.get(Membership, f"{team.id}/{bearers.user.id}")
        above = (key.organization_id if key else None) or (team.organization_id if team else None)
        organization = await self.get(Organization, above)
        missing = bearers.missing
        if team_id and team is None:
            missing = f"Team={team_id}"
        elif above and organization is None:
            missing = f"Organization={above}"
        self.used.add(GROUPS)
        found = replace(
            bearers,
            team=team,
            member=member,
            organization=organization,
            missing=missing,
            groups=await self._groups.all(),
        )
        return await self.labelled(found, team.tags if team else ())

    async def labelled(self, bearers: Bearers, labels: Iterable[str]) -> Bearers:
        """The same with these labels too. Raises StoreUnavailable."""
        new = [one for one in dict.fromkeys(labels) if one not in bearers.labels]
        if not new:
            return bearers
        tags = [await self.get(Tag, name) for name in new]
        return replace(
            bearers,
            labels=(*bearers.labels, *new),
            tags=(*bearers.tags, *(one for one in tags if one is not None)),
        )

    async def budgeted(self, bearers: Bearers) -> Bearers:
        """The same with the shared budgets that they name. Raises StoreUnavailable."""
        found: dict[str, SharedBudget] = {}
        for one in bearers.limited:
            if one.budget_id and one.budget_id not in found:
                budget = await self.get(SharedBudget, one.budget_id)
                if budget is not None:
                    found[one.budget_id] = budget
        return replace(bearers, budgets=found)
