"""Shows users: one with all that is his, or a page of them.

The rule: whatever is asked for, only whom the caller may see is counted and shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxy.admin.errors import DetailedNotFound, NotAllowed
from proxy.admin.keys_answers import tokens
from proxy.admin.session import Session
from proxy.admin.users_answers import (
    MOST,
    CountedUser,
    RoleWords,
    UserInfo,
    UserPage,
    UserRow,
    user_rows,
)
from proxy.admin.users_bodies import ListUsers, UserQuery
from proxy.admin.users_found import visible_user
from proxy.stores.entities.kinds import Key, Membership, OrganizationMember, Team, User
from proxy.stores.entities.store import Query

_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "user_id": "id",
        "user_email": "email",
        "created_at": "created_at",
        "user_role": "role",
    }
)
_ROLES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "proxy_admin": (
            "admin over the gateway, has all permissions",
            "Admin (All Permissions)",
        ),
        "proxy_admin_viewer": (
            "view all keys, view all spend",
            "Admin (View Only)",
        ),
        "internal_user": (
            "view, create and delete own keys, view own spend",
            "Internal User (Create/Delete/View)",
        ),
        "internal_user_viewer": (
            "view own keys, view own spend",
            "Internal User (View Only)",
        ),
    }
)


async def user_info(session: Session, query: UserQuery) -> UserInfo:
    """Show a user, or the caller, with his keys and teams."""
    user_id = query.user_id or session.reach.user_id
    if user_id is None:
        return UserInfo(user_id=None, user_info=None, keys=[], teams=[])
    if query.user_id is None and await session.entities.get(User, user_id) is None:
        user = None
    else:
        user = await visible_user(session, user_id)
    row = (await user_rows(session, [user]))[0] if user is not None else None
    keys = await session.entities.find(Key, Query(where={"user_id": user_id}, limit=MOST))
    return UserInfo(
        user_id=user_id,
        user_info=row,
        keys=await tokens(session, [one for one in keys if session.reach.sees_key(one)]),
        teams=await _teams(session, user_id),
    )


async def flat_user_info(session: Session, query: UserQuery) -> UserRow:
    """Show a user, or the caller, without his keys."""
    user_id = query.user_id or session.reach.user_id
    if user_id is None:
        raise DetailedNotFound("User not found: your key belongs to no user", "user_id")
    user = await visible_user(session, user_id, "User not found: ")
    (row,) = await user_rows(session, [user])
    return row


async def list_users(session: Session, query: ListUsers) -> UserPage:
    """List users by filters, a page at a time."""
    plan = await _plan(session, query)
    offset = (query.page - 1) * query.page_size
    if query.sort_by in ("spend", "user_alias"):
        everybody = Query(where=plan.where, search=plan.search, limit=MOST)
        rows = await user_rows(session, await session.entities.find(User, everybody))
        by_spend = query.sort_by == "spend"
        rows.sort(key=lambda one: (one.spend if by_spend else 0.0, one.user_alias or ""))
        if plan.descending:
            rows.reverse()
        rows = rows[offset : offset + query.page_size]
    else:
        users = await session.entities.find(User, plan)
        rows = await user_rows(session, users)
    total = await session.entities.count(User, plan)
    counts = await _key_counts(session, [one.user_id for one in rows])
    return UserPage(
        users=[CountedUser(**one.model_dump(), key_count=counts[one.user_id]) for one in rows],
        total=total,
        page=query.page,
        page_size=query.page_size,
        total_pages=-(-total // query.page_size),
    )


async def available_roles(session: Session, _: object) -> dict[str, RoleWords]:
    """Name the roles that a user can have."""
    return {
        name: RoleWords(description=description, ui_label=label)
        for name, (description, label) in _ROLES.items()
    }


async def _plan(session: Session, query: ListUsers) -> Query:
    where: dict[str, object] = {}
    search: dict[str, str] = {}
    if query.role is not None:
        where["role"] = query.role
    if query.sso_user_ids is not None:
        where["sso_user_id"] = _split(query.sso_user_ids)
    if query.user_email is not None:
        search["email"] = query.user_email
    if query.search is not None:
        search["email"] = query.search
    ids = await _ids(session, query)
    if ids is not None:
        where["id"] = sorted(ids)
    return Query(
        where=where,
        search=search,
        sort=_COLUMNS.get(query.sort_by or "created_at", "created_at"),
        descending=query.sort_order == "desc",
        offset=(query.page - 1) * query.page_size,
        limit=query.page_size,
    )


async def _ids(session: Session, query: ListUsers) -> set[str] | None:
    """The users that come into question, or None where all do."""
    sets: list[set[str]] = []
    if query.user_ids is not None:
        sets.append(set(_split(query.user_ids)))
    if query.team is not None:
        where: dict[str, object] = {"team_id": query.team}
        members = await session.entities.find(Membership, Query(where=where, limit=MOST))
        sets.append({one.user_id for one in members})
    organizations = set(_split(query.organization_ids)) if query.organization_ids else None
    if not session.reach.sees_all:
        mine = session.reach.organization_ids
        if not mine:
            raise NotAllowed("Only administrators list users.")
        organizations = set(mine) if organizations is None else organizations & mine
    if organizations is not None:
        where = {"organization_id": sorted(organizations)}
        offices = await session.entities.find(OrganizationMember, Query(where=where, limit=MOST))
        sets.append({one.user_id for one in offices})
    return set.intersection(*sets) if sets else None


async def _key_counts(session: Session, ids: list[str]) -> Counter[str | None]:
    if not ids:
        return Counter()
    keys = await session.entities.find(Key, Query(where={"user_id": ids}, limit=MOST))
    return Counter(one.user_id for one in keys)


async def _teams(session: Session, user_id: str) -> list[dict[str, Any]]:
    where: dict[str, object] = {"user_id": user_id}
    members = await session.entities.find(Membership, Query(where=where, limit=MOST))
    teams = await session.entities.many(Team, [one.team_id for one in members])
    seen = [one for one in teams if session.reach.sees_team(one.id)]
    return [
        {
            "team_id": one.id,
            "team_alias": one.alias,
            "organization_id": one.organization_id,
            "models": list(one.models),
            "blocked": one.blocked,
        }
        for one in seen
    ]


def _split(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]
