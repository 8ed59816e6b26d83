"""Who may do what.

The rule: what is not allowed here is denied; a caller reaches what is his own, what his teams let
him, and what he leads, and a key of one team nothing of another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.access import fits
from pipelines.exchange import Principal
from proxy.stores.entities.kinds import Key, Membership, OrganizationMember, Team
from proxy.stores.entities.store import EntityStore, Query

ADMIN = frozenset({"proxy_admin"})
READERS = ADMIN | {"proxy_admin_viewer"}
LEADERS = ADMIN | {"org_admin"}
WRITERS = LEADERS | {"internal_user"}
SIGNED_IN = READERS | WRITERS | {"internal_user_viewer"}
EVERYBODY = SIGNED_IN | {"team", "customer"}

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Reach:
    """What one caller reaches: the teams that he is in (`team_ids`), those that he leads himself or
    as an organization's admin (`led_teams`), and the organizations that he leads."""

    role: str
    user_id: str | None = None
    key_id: str = ""
    team_id: str | None = None
    team_ids: frozenset[str] = frozenset()
    led_teams: frozenset[str] = frozenset()
    organization_ids: frozenset[str] = frozenset()

    @property
    def admin(self) -> bool:
        """Whether he may do everything."""
        return self.role in ADMIN

    @property
    def sees_all(self) -> bool:
        """Whether he may read everything."""
        return self.role in READERS

    @property
    def writes(self) -> bool:
        """Whether he may change anything at all."""
        return self.role in WRITERS

    def leads_team(self, team_id: str | None) -> bool:
        """Whether he may administer this team."""
        return self.admin or (self.writes and team_id is not None and team_id in self.led_teams)

    def leads_organization(self, organization_id: str | None) -> bool:
        """Whether he may administer this organization."""
        return self.admin or (
            self.writes and organization_id is not None and organization_id in self.organization_ids
        )

    def sees_team(self, team_id: str | None) -> bool:
        """Whether he may read this team."""
        return self.sees_all or (
            team_id is not None and team_id in self.team_ids | self.led_teams | {self.team_id}
        )

    def is_user(self, user_id: str | None) -> bool:
        """Whether this is the caller himself."""
        return self.user_id is not None and self.user_id == user_id

    def leads_key(self, key: Key) -> bool:
        """Whether he may set this key's budget, routes and owner."""
        return self.leads_team(key.team_id) or self.leads_organization(key.organization_id)

    def owns_key(self, key: Key) -> bool:
        """Whether this key is the caller's own, and of no team that his key is not of."""
        if not self.is_user(key.user_id):
            return False
        return key.team_id is None or key.team_id in self.team_ids | self.led_teams

    def sees_key(self, key: Key) -> bool:
        """Whether he may read this key."""
        itself = bool(self.key_id) and key.id == self.key_id
        return itself or self.sees_all or self.owns_key(key) or self.leads_key(key)

    def changes_key(self, key: Key) -> bool:
        """Whether he may change what is his own to change of this key."""
        return self.leads_key(key) or (self.writes and self.owns_key(key))


async def reach_of(principal: Principal, entities: EntityStore) -> Reach:
    """What this caller reaches now. Raises StoreUnavailable."""
    user, role, own = principal.user_id, principal.role, principal.team_id
    if role in READERS or user is None or role not in SIGNED_IN:
        return Reach(role, user, principal.key_id, own)
    memberships = await entities.find(Membership, Query(where={"user_id": user}, limit=_MOST))
    teams = frozenset(one.team_id for one in memberships)
    led = frozenset(one.team_id for one in memberships if one.role == "admin")
    where: dict[str, object] = {"user_id": user}
    offices = await entities.find(OrganizationMember, Query(where=where, limit=_MOST))
    organizations = frozenset(
        one.organization_id
        for one in offices
        if one.role == "org_admin" and role in LEADERS | {"internal_user"}
    )
    if organizations:
        below = await entities.find(
            Team, Query(where={"organization_id": sorted(organizations)}, limit=_MOST)
        )
        led |= {one.id for one in below}
    if own is not None:
        teams, led, organizations = teams & {own}, led & {own}, frozenset()
    return Reach(role, user, principal.key_id, own, teams, led, organizations)


def allows(patterns: Iterable[str], name: str) -> bool:
    """Whether a list of model names and wildcards covers a name, or a wildcard as a whole."""
    return any(one in (name, "*", "all-proxy-models") or fits(one, name) for one in patterns)
