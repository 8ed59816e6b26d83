"""Finds the user that a caller names, and sees whether he may see or lead him.

The rule: a user whom the caller may not see is as if there were none; who leads an organization
leads those users who are in no other, and no administrator.
"""

from __future__ import annotations

from proxy.admin.errors import DetailedNotFound
from proxy.admin.roles import READERS
from proxy.admin.session import Session
from proxy.stores.entities.kinds import OrganizationMember, User
from proxy.stores.entities.store import Query

MISSING = "User not found, passed user_id="
_MOST = 1_000


async def visible_user(session: Session, user_id: str, words: str = MISSING) -> User:
    """The user with this id. Raises NotFound."""
    user = await session.entities.get(User, user_id)
    if user is None or not await sees_user(session, user):
        raise missing(user_id, words)
    return user


def missing(user_id: str, words: str = MISSING) -> DetailedNotFound:
    """That there is no such user."""
    return DetailedNotFound(f"{words}{user_id}", "user_id")


async def sees_user(session: Session, user: User) -> bool:
    """Whether the caller may read this user."""
    reach = session.reach
    return reach.sees_all or reach.is_user(user.id) or bool(await _common(session, user))


async def leads_user(session: Session, user: User) -> bool:
    """Whether the caller may set this user's role and budget, and take him away."""
    if session.reach.admin:
        return True
    if not session.reach.writes or user.role in READERS:
        return False
    offices = await _offices(session, user)
    ours = session.reach.organization_ids
    return bool(offices) and all(one in ours for one in offices)


async def _common(session: Session, user: User) -> frozenset[str]:
    if not session.reach.organization_ids:
        return frozenset()
    return session.reach.organization_ids & await _offices(session, user)


async def _offices(session: Session, user: User) -> frozenset[str]:
    found = await session.entities.find(
        OrganizationMember, Query(where={"user_id": user.id}, limit=_MOST)
    )
    return frozenset(one.organization_id for one in found)
