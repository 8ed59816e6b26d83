"""Finds the key that a caller names, and sees whether it is his to see or to change.

The rule: a key that the caller may not see is as if there were none.
"""

from __future__ import annotations

from proxy.admin.errors import NotFound
from proxy.admin.session import Session
from proxy.stores.entities.kinds import Key, Team
from proxy.stores.entities.store import Query
from proxy.stores.keys.digest import is_digest

NOT_FOUND = "Key not found in database"


async def visible_key(session: Session, named: str, words: str = NOT_FOUND) -> Key:
    """The key with this secret or digest. Raises NotFound."""
    key = await key_of(session, named)
    if key is None or not await sees(session, key):
        raise NotFound(words, "key")
    return key


async def key_of(session: Session, named: str) -> Key | None:
    """The key with this secret or digest, whoever's it is."""
    digest = named if is_digest(named) else session.digest(named)
    found = await session.entities.find(Key, Query(where={"digest": digest}, limit=1))
    return found[0] if found else None


async def sees(session: Session, key: Key) -> bool:
    """Whether the caller may read the key: his own, one that he leads, or by his team's leave."""
    return session.reach.sees_key(key) or await _team_lets(session, key, "/key/info")


async def demand_change(session: Session, key: Key, path: str) -> None:
    """Raises NotAllowed where the caller may not change the key by this route."""
    allowed = session.reach.changes_key(key) or (
        session.reach.writes and await _team_lets(session, key, path)
    )
    session.demand(allowed, "You may not change this key.")


async def _team_lets(session: Session, key: Key, path: str) -> bool:
    reach = session.reach
    if key.team_id is None or key.team_id not in reach.team_ids:
        return False
    # A key of a single member is his, whatever the team lets the others do.
    if key.user_id is not None and not reach.is_user(key.user_id):
        return False
    team = await session.entities.get(Team, key.team_id)
    return team is not None and path in team.member_permissions
