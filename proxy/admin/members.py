"""Adds users to teams, changes what they may do there, and takes them out again.

The rule: a member is a row of his own ("team/user"); his keys of the team go when he goes.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from proxy.admin.errors import DetailedNotFound, DetailedRefusal, Malformed, Refusal
from proxy.admin.fields import Answer
from proxy.admin.frame import Endpoint
from proxy.admin.keys_bodies import LimitsBody
from proxy.admin.limits import limits_of
from proxy.admin.money import maybe_nano, maybe_usd
from proxy.admin.roles import WRITERS
from proxy.admin.session import Session
from proxy.admin.shorthand import posting
from proxy.admin.teams_answers import (
    MOST,
    MembershipAnswer,
    TeamAnswer,
    memberships_shown,
    team_shown,
)
from proxy.admin.teams_bodies import (
    AddMembers,
    BulkAddMembers,
    DeleteMember,
    Member,
    MemberLimits,
    UpdateMember,
)
from proxy.admin.teams_rights import led_team
from proxy.stores.entities.kinds import Key, Membership, Team, User
from proxy.stores.entities.store import Query, Taken

_LIMITS = frozenset(
    {
        "budget_duration",
        "tpm_limit",
        "rpm_limit",
        "temp_budget_increase",
        "temp_budget_expiry",
        "model_max_budget",
    }
)


class AlreadyMember(Refusal):
    """The user is in the team already."""

    type = "team_member_already_in_team"


class UserRef(Answer):
    """A user, and nothing of what other teams know of him."""

    user_id: str
    user_email: str | None = None


class MembersAdded(TeamAnswer):
    """The team with its new members."""

    updated_users: list[UserRef]
    updated_team_memberships: list[MembershipAnswer]


class MemberResult(Answer):
    """What became of one member."""

    user_id: str | None = None
    user_email: str | None = None
    success: bool
    error: str | None = None
    updated_user: UserRef | None = None
    updated_team_membership: MembershipAnswer | None = None


class BulkResult(Answer):
    """What became of each member."""

    team_id: str
    results: list[MemberResult]
    total_requested: int
    successful_updates: int
    failed_updates: int
    updated_team: TeamAnswer | None = None


class MemberUpdated(Answer):
    """A member after a change."""

    team_id: str
    user_id: str
    user_email: str | None = None
    role: str | None = None
    max_budget_in_team: float | None = None
    budget_duration: str | None = None
    tpm_limit: int | None = None
    rpm_limit: int | None = None
    allowed_models: list[str] | None = None


async def enlist(
    session: Session, team: Team, member: Member, fields: Mapping[str, Any]
) -> tuple[User, Membership]:
    """Put a user into a team; one whom nobody knows yet is made.

    Raises AlreadyMember, and DetailedRefusal where several users have the e-mail.
    """
    user = await known_or_made(session, member.user_id, member.user_email)
    email = member.user_email
    row = Membership(
        **{
            "allowed_models": tuple(team.settings.get("default_team_member_models") or ()),
            **fields,
            "id": f"{team.id}/{user.id}",
        },
        team_id=team.id,
        user_id=user.id,
        role=member.role,
        metadata={"user_email": email} if email else {},
        created_at=session.now,
        created_by=session.actor.name,
    )
    try:
        await session.entities.add(row, session.actor)
    except Taken:
        raise AlreadyMember(f"User {user.id} is already in team {team.id}.", "user_id") from None
    return user, row


async def known_or_made(session: Session, user_id: str | None, email: str | None) -> User:
    """The user with this id, else with this e-mail; one whom nobody knows yet is made.

    Raises Malformed where neither is said, and DetailedRefusal where several users have the e-mail.
    """
    store = session.entities
    found = await store.get(User, user_id) if user_id else None
    if found is None and email and not user_id:
        known = await users_with(session, email)
        if len(known) > 1:
            raise DetailedRefusal("Several users have this e-mail; pass user_id.", "user_email")
        found = known[0] if known else None
    if found is not None:
        return found
    if not (user_id or email):
        raise Malformed.at("body", "a member needs user_id or user_email", "member")
    # An e-mail names one user; who comes later under another id has none.
    taken = bool(email and user_id and await users_with(session, email))
    made = User(
        id=user_id or str(uuid.uuid4()),
        email=None if taken else email,
        created_at=session.now,
        created_by=session.actor.name,
    )
    try:
        await store.add(made, session.actor)
    except Taken:
        return await store.get(User, made.id) or made
    return made


async def users_with(session: Session, email: str) -> list[User]:
    """The users with this e-mail. Raises StoreUnavailable."""
    query = Query(where={"email": sorted({email, email.lower()})}, limit=MOST)
    return await session.entities.find(User, query)


def member_fields(body: MemberLimits) -> dict[str, Any]:
    """The fields of a member's row that this body sets."""
    sent = body.model_fields_set
    found: dict[str, Any] = {}
    if "max_budget_in_team" in sent:
        found["max_budget"] = maybe_nano(body.max_budget_in_team)
    if "allowed_models" in sent:
        found["allowed_models"] = tuple(body.allowed_models or ())
    limits = {name: getattr(body, name) for name in sent & _LIMITS}
    found |= limits_of(LimitsBody.model_validate(limits))
    if isinstance(body, UpdateMember) and body.role is not None:
        found["role"] = body.role
    return found


async def add_members(session: Session, body: AddMembers) -> MembersAdded:
    """Adds one user to a team, or several; unknown users are made."""
    team = await led_team(session, body.team_id)
    given = body.member if isinstance(body.member, list) else [body.member]
    added = [await enlist(session, team, one, member_fields(body)) for one in given]
    shown = await team_shown(session, team)
    return MembersAdded(
        **shown.model_dump(),
        updated_users=[_ref(user, row) for user, row in added],
        updated_team_memberships=await memberships_shown(
            session, [row for _, row in added], [team]
        ),
    )


async def add_many(session: Session, body: BulkAddMembers) -> BulkResult:
    """Adds several users to a team, each by itself."""
    team = await led_team(session, body.team_id)
    members = body.members or []
    if body.all_users:
        session.demand(session.reach.admin, "Only a proxy admin may add all users.")
        users = await session.entities.find(User, Query(limit=MOST))
        members = [Member(user_id=one.id, role="user") for one in users]
    if not members:
        raise DetailedRefusal("Pass members, or all_users.", "members")
    fields = member_fields(body)
    results = [await _try(session, team, one, fields) for one in members]
    done = sum(one.success for one in results)
    return BulkResult(
        team_id=team.id,
        results=results,
        total_requested=len(results),
        successful_updates=done,
        failed_updates=len(results) - done,
        updated_team=await team_shown(session, team),
    )


async def _try(
    session: Session, team: Team, member: Member, fields: Mapping[str, Any]
) -> MemberResult:
    email = member.user_email
    try:
        user, row = await enlist(session, team, member, fields)
    except Refusal as error:
        return MemberResult(
            user_id=member.user_id, user_email=email, success=False, error=error.message
        )
    (shown,) = await memberships_shown(session, [row], [team])
    return MemberResult(
        user_id=user.id,
        user_email=email,
        success=True,
        updated_user=_ref(user, row),
        updated_team_membership=shown,
    )


async def update_member(session: Session, body: UpdateMember) -> MemberUpdated:
    """Changes what a member may spend in the team, and whether he leads it."""
    team = await led_team(session, body.team_id)
    if body.model_fields_set & {"temp_budget_increase", "temp_budget_expiry"}:
        above = session.reach.leads_organization(team.organization_id)
        session.demand(above, "Only an admin above the team may raise a budget for a time.")
    row = await _row(session, team, body)
    changed = await session.entities.change(
        Membership,
        row.id,
        lambda one: one.model_copy(update=member_fields(body)),
        session.actor,
    )
    if changed is None:
        raise _no_member(team.id)
    return MemberUpdated(
        team_id=team.id,
        user_id=changed.user_id,
        user_email=body.user_email,
        role=changed.role,
        max_budget_in_team=maybe_usd(changed.max_budget),
        budget_duration=changed.budget_duration,
        tpm_limit=changed.tpm_limit,
        rpm_limit=changed.rpm_limit,
        allowed_models=list(changed.allowed_models) or None,
    )


async def delete_member(session: Session, body: DeleteMember) -> TeamAnswer:
    """Takes a user out of a team, his keys of the team with him."""
    team = await led_team(session, body.team_id)
    row = await _row(session, team, body)
    where = Query(where={"team_id": team.id, "user_id": row.user_id}, limit=MOST)
    while keys := await session.entities.find(Key, where):
        await session.entities.remove(Key, [one.id for one in keys], session.actor)
    await session.entities.remove(Membership, [row.id], session.actor)
    return await team_shown(session, team)


async def _row(session: Session, team: Team, body: UpdateMember | DeleteMember) -> Membership:
    if body.user_id:
        found = await session.entities.get(Membership, f"{team.id}/{body.user_id}")
        if found is None:
            raise _no_member(team.id)
        return found
    if not body.user_email:
        raise Malformed.at("body", "pass user_id or user_email", "user_id")
    ids = {one.id for one in await users_with(session, body.user_email)}
    query = Query(where={"team_id": team.id}, limit=MOST)
    for row in await session.entities.find(Membership, query):
        if row.user_id in ids or row.metadata.get("user_email") == body.user_email:
            return row
    raise _no_member(team.id)


def _no_member(team_id: str) -> DetailedNotFound:
    return DetailedNotFound(f"User not found in team. Team={team_id} has no such member.")


def _ref(user: User, row: Membership) -> UserRef:
    return UserRef(user_id=user.id, user_email=row.metadata.get("user_email"))


MEMBER_ENDPOINTS: tuple[Endpoint, ...] = (
    posting("/team/member_add", add_members, AddMembers, MembersAdded, WRITERS),
    posting("/team/bulk_member_add", add_many, BulkAddMembers, BulkResult, WRITERS),
    posting("/team/member_update", update_member, UpdateMember, MemberUpdated, WRITERS),
    posting("/team/member_delete", delete_member, DeleteMember, TeamAnswer, WRITERS),
)
