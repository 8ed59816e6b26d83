"""Finds the users and end users that calls are made for, and makes those who are not known.

The rule: a newcomer gets what the operator wrote down for newcomers, and never a role that may
administer anything.
"""

from __future__ import annotations

from contextlib import suppress

from pipelines.parties import Party
from proxy.config.identity import IdentitySettings
from proxy.stores.entities.kinds import EndUser, Entity, Membership, Team, User
from proxy.stores.entities.store import Actor, EntityStore, Query, Taken
from proxy.stores.keys.bearers import Reader

ACTOR = Actor("headgate")


class Newcomers:
    """Makes users, memberships and end users in a store of entities."""

    def __init__(self, entities: EntityStore, settings: IdentitySettings) -> None:
        self._entities = entities
        self._settings = settings

    async def user(self, party: Party, reader: Reader) -> User | None:
        """The user of a call: by his id, his id at the sign-in service, or his address. Raises
        StoreUnavailable."""
        if party.user is None:
            return None
        found = await reader.get(User, party.user)
        for column in ("sso_user_id", "email"):
            if found is None and (column != "email" or "@" in party.user):
                rows = await self._entities.find(
                    User, Query(where={column: party.user}, sort="id", limit=1)
                )
                found = await reader.get(User, rows[0].id) if rows else None
        return found or await self.added(party, reader)

    async def added(self, party: Party, reader: Reader) -> User | None:
        """A new user, in the teams where newcomers belong. Raises StoreUnavailable."""
        new = self._settings.new_user
        assert party.user is not None
        user = User(
            id=party.user,
            email=party.email,
            alias=party.name,
            role=new.role,
            max_budget=new.max_budget,
            budget_duration=new.budget_duration,
            models=new.models,
            created_by=ACTOR.name,
        )
        await self._add(user)
        for team in new.teams:
            await self.member(user, team)
        return await reader.get(User, user.id)

    async def member(self, user: User, team_id: str) -> None:
        """Make the user a member of a team that there is. Raises StoreUnavailable."""
        if await self._entities.get(Team, team_id) is not None:
            await self._add(
                Membership(
                    id=f"{team_id}/{user.id}",
                    team_id=team_id,
                    user_id=user.id,
                    created_by=ACTOR.name,
                )
            )

    async def end_user(self, id: str, reader: Reader) -> EndUser | None:
        """The end user of a call. Raises StoreUnavailable."""
        found = await reader.get(EndUser, id)
        if found is None:
            budget = self._settings.end_user_budget_id
            await self._add(EndUser(id=id, budget_id=budget, created_by=ACTOR.name))
            found = await reader.get(EndUser, id)
        return found

    def team_of(self, party: Party) -> str | None:
        """The team that a user's calls belong to where his key has none."""
        for group in party.groups:
            if group in self._settings.group_teams:
                return self._settings.group_teams[group]
        return self._settings.role_teams.get(party.role or "")

    async def _add(self, entity: Entity) -> None:
        # Another call of his may be faster.
        with suppress(Taken):
            await self._entities.add(entity, ACTOR)
