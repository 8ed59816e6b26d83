"""Makes users, changes them, and takes them away.

The rule: nobody sets his own role or budget, and none but the gateway's administrators makes one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from proxy.admin.errors import (
    Conflict,
    DetailedNotFound,
    DetailedRefusal,
    NotAllowed,
    Refusal,
)
from proxy.admin.keys_answers import GeneratedKey
from proxy.admin.keys_bodies import GenerateKey, KeyBody
from proxy.admin.keys_grants import placed
from proxy.admin.keys_make import make_key
from proxy.admin.limits import LIMITS, limits_of
from proxy.admin.money import maybe_nano, maybe_usd, nano
from proxy.admin.roles import READERS
from proxy.admin.session import Session
from proxy.admin.spend_erase import erase
from proxy.admin.spend_seen import calls_of
from proxy.admin.spending import duration_of, reset, shared_budgets
from proxy.admin.users_answers import (
    NewUserAnswer,
    UpdatedUser,
    UserResult,
    UserResults,
    user_rows,
)
from proxy.admin.users_bodies import (
    BulkUpdateUsers,
    DeleteUsers,
    NewUser,
    UpdateUser,
    UserBody,
    UserTeam,
)
from proxy.admin.users_found import leads_user, missing, sees_user
from proxy.stores.entities.kinds import (
    Key,
    Membership,
    Organization,
    OrganizationMember,
    Team,
    User,
)
from proxy.stores.entities.store import Query, Taken

_OWN = frozenset({"user_id", "user_email", "user_alias", "user_role", "sso_user_id", "password"})
_NEW = frozenset({"teams", "organizations", "auto_create_key", "send_invite_email"})
# What a user has too, of all that a key body may hold besides its limits.
_SHARED = frozenset({"models", "metadata", "blocked", "organization_id"})
_KEPT = frozenset({"allowed_cache_controls", "policies", "object_permission", "tpd_limit"})
_SELF_SERVED = frozenset({"user_id", "user_email", "user_alias", "metadata"})
_MOST = 20_000


async def new_user(session: Session, body: NewUser) -> NewUserAnswer:
    """Make a user, and a key for him unless auto_create_key is false."""
    teams = [
        one if isinstance(one, UserTeam) else UserTeam(team_id=one) for one in body.teams or ()
    ]
    organizations = list(dict.fromkeys(body.organizations or ()))
    await _check_new(session, body, teams, organizations)
    user = User(
        id=body.user_id or str(uuid.uuid4()),
        role=body.user_role or "internal_user",
        created_at=session.now,
        created_by=session.actor.name,
        updated_at=session.now,
        updated_by=session.actor.name,
    ).model_copy(update=_fields(body, {}))
    await _check_address(session, user.email, None)
    try:
        await session.entities.add(user, session.actor)
    except Taken:
        raise Conflict(f"User with user_id={user.id} already exists.", "user_id") from None
    await _join(session, user, teams, organizations)
    if body.spend:
        await _set_spend(session, user, body.spend)
    made = await _first_key(session, body, user)
    (row,) = await user_rows(session, [user])
    return NewUserAnswer.model_validate(
        {
            **made.model_dump(),
            "user_id": user.id,
            "user_email": user.email,
            "user_role": user.role,
            "user_alias": user.alias,
            "teams": row.teams or None,
            "max_budget": row.max_budget,
            "budget_duration": user.budget_duration,
            "soft_budget": maybe_usd(user.soft_budget),
            "spend": row.spend,
            "models": row.models,
            "metadata": user.metadata,
            "max_parallel_requests": user.max_parallel_requests,
            "tpm_limit": user.tpm_limit,
            "rpm_limit": user.rpm_limit,
            "model_max_budget": row.model_max_budget or {},
            "created_at": user.created_at,
        }
    )


async def update_user(session: Session, body: UpdateUser) -> UpdatedUser:
    """Change the fields of a user that are in the body."""
    user = await _updated(session, body)
    (row,) = await user_rows(session, [user])
    return UpdatedUser(user_id=user.id, data=row)


async def bulk_update_users(session: Session, body: BulkUpdateUsers) -> UserResults:
    """Change several users, each by itself."""
    wanted = list(body.users or ())
    if body.all_users and body.user_updates is not None:
        fields = body.user_updates.model_dump(exclude_unset=True, exclude={"user_id"})
        everybody = await session.entities.find(User, Query(limit=_MOST))
        wanted = [UpdateUser.model_validate({**fields, "user_id": one.id}) for one in everybody]
    if not wanted:
        raise DetailedRefusal("users, or all_users with user_updates, is needed.")
    results: list[UserResult] = []
    for one in wanted:
        result = UserResult(user_id=one.user_id, user_email=one.user_email, success=True)
        try:
            user = await _updated(session, one)
            (row,) = await user_rows(session, [user])
            results.append(result.model_copy(update={"updated_user": row}))
        except Refusal as error:
            failed = {"success": False, "error": error.message}
            results.append(result.model_copy(update=failed))
    good = sum(one.success for one in results)
    return UserResults(
        results=results,
        total_requested=len(results),
        successful_updates=good,
        failed_updates=len(results) - good,
    )


async def delete_users(session: Session, body: DeleteUsers) -> int:
    """Take users away with their keys and memberships; gives how many there were."""
    ids = list(dict.fromkeys(body.user_ids))
    found = {one.id: one for one in await session.entities.many(User, ids)}
    for id in ids:
        user = found.get(id)
        if user is None or not await sees_user(session, user):
            raise missing(id)
        session.demand(await leads_user(session, user), "You may not delete this user.")
    if body.erase:
        # Whoever cannot be erased is not deleted either.
        calls_of(session)
    where: dict[str, object] = {"user_id": ids}
    for kind in (Key, Membership, OrganizationMember):
        rows = await session.entities.find(kind, Query(where=where, limit=_MOST))
        await session.entities.remove(kind, [one.id for one in rows], session.actor)
    removed = await session.entities.remove(User, ids, session.actor)
    if body.erase:
        await erase(session, "user_id", ids)
    return len(removed)


async def _check_new(
    session: Session, body: NewUser, teams: list[UserTeam], organizations: list[str]
) -> None:
    reach = session.reach
    if not reach.admin:
        session.demand(
            bool(organizations) and all(reach.leads_organization(one) for one in organizations),
            "You may make users in your own organizations only.",
        )
        session.demand(body.user_role not in READERS, "Only a proxy admin makes administrators.")
        session.demand(
            all(reach.leads_team(one.team_id) for one in teams),
            "You may put users into your own teams only.",
        )
        session.demand(
            body.organization_id is None or body.organization_id in organizations,
            "You may make users in your own organizations only.",
        )
        session.demand(body.budget_id is None, "Only a proxy admin sets a shared budget.")
    await _check_there(session, Team, [one.team_id for one in teams], "Team")
    await _check_there(session, Organization, organizations, "Organization")


async def _check_there(
    session: Session, kind: type[Team] | type[Organization], ids: list[str], words: str
) -> None:
    known = {one.id for one in await session.entities.many(kind, ids)} if ids else set()
    unknown = [one for one in ids if one not in known]
    if unknown:
        raise DetailedNotFound(f"{words} not found, passed {words.lower()}_id={unknown[0]}")


async def _check_address(session: Session, email: str | None, own_id: str | None) -> None:
    if email is None:
        return
    found = await session.entities.find(User, Query(where={"email": email}, limit=2))
    if any(one.id != own_id for one in found):
        raise Conflict(f"User with email {email} already exists.", "user_email")


async def _join(
    session: Session, user: User, teams: Iterable[UserTeam], organizations: Iterable[str]
) -> None:
    stamps: dict[str, Any] = {"created_at": session.now, "created_by": session.actor.name}
    for team in teams:
        member = Membership(
            id=f"{team.team_id}/{user.id}",
            team_id=team.team_id,
            user_id=user.id,
            role=team.user_role,
            max_budget=maybe_nano(team.max_budget_in_team),
            **stamps,
        )
        await _put(session, member)
    for id in organizations:
        await _put(
            session,
            OrganizationMember(
                id=f"{id}/{user.id}",
                organization_id=id,
                user_id=user.id,
                role=user.role,
                **stamps,
            ),
        )


async def _put(session: Session, member: Membership | OrganizationMember) -> None:
    try:
        await session.entities.add(member, session.actor)
    except Taken:
        # Left behind by a user of this name who is gone.
        await session.entities.change(type(member), member.id, lambda _: member, session.actor)


async def _first_key(session: Session, body: NewUser, user: User) -> GeneratedKey:
    if not body.auto_create_key:
        return GeneratedKey(key="")
    sent = body.model_dump(exclude_unset=True)
    beyond = _OWN | _NEW | LIMITS | {"metadata"}
    of_key = {name: value for name, value in sent.items() if name not in beyond}
    of_key = {name: value for name, value in of_key.items() if name in KeyBody.model_fields}
    if not session.reach.admin:
        of_key["organization_id"] = body.organization_id or next(iter(body.organizations or ()))
        of_key.pop("team_id", None)
    wanted = GenerateKey.model_validate({**of_key, "user_id": user.id})
    place = placed if session.reach.admin else _newcomer
    return await make_key(session, wanted, "/key/generate", place)


async def _newcomer(session: Session, key: Key, path: str) -> tuple[Key, Team | None]:
    # Whoever may make the user may make his key; he is in no team yet.
    return key, None


async def _updated(session: Session, body: UpdateUser) -> User:
    user = await _named(session, body)
    names = body.model_fields_set | set(body.model_extra or {})
    leads = await leads_user(session, user)
    if not leads:
        session.demand(
            session.reach.writes and session.reach.is_user(user.id),
            "You may not change this user.",
        )
        beyond = names - _SELF_SERVED
        if beyond:
            what = ", ".join(sorted(beyond)[:5])[:200]
            raise NotAllowed(f"Only an administrator may change this of a user: {what}.")
        if body.user_email not in (None, user.email):
            raise NotAllowed("Only an administrator may change a user's address.")
    elif not session.reach.admin:
        session.demand(body.user_role not in READERS, "Only a proxy admin makes administrators.")
        session.demand(
            not names & {"organization_id", "budget_id"},
            "Only a proxy admin moves users and sets shared budgets.",
        )
    if body.user_id is not None:
        await _check_address(session, body.user_email, user.id)
    fields = _fields(body, user.settings)
    fields |= {"updated_at": session.now, "updated_by": session.actor.name}
    written = await session.entities.change(
        User, user.id, lambda found: found.model_copy(update=fields), session.actor
    )
    if written is None:
        raise missing(user.id)
    if body.spend is not None:
        await _set_spend(session, written, body.spend)
    return written


async def _named(session: Session, body: UpdateUser) -> User:
    user = None
    if body.user_id is not None:
        user = await session.entities.get(User, body.user_id)
    elif body.user_email is not None:
        where: dict[str, object] = {"email": body.user_email}
        found = await session.entities.find(User, Query(where=where, limit=1))
        user = found[0] if found else None
    else:
        raise DetailedRefusal("user_id or user_email is needed.", "user_id")
    if user is None or not await sees_user(session, user):
        raise missing(body.user_id or body.user_email or "")
    return user


async def _set_spend(session: Session, user: User, spend: float) -> None:
    shared = await shared_budgets(session.entities, [user])
    periods = (
        duration_of(user, shared.get(user.budget_id or "")),
        [one.budget_duration for one in user.budget_limits],
    )
    await reset(session.ledger, f"user:{user.id}", periods, nano(spend), session.now)


def _fields(body: UserBody, settings: dict[str, Any]) -> dict[str, Any]:
    sent = body.model_fields_set
    found = limits_of(body)
    names = {"user_email": "email", "user_alias": "alias", "sso_user_id": "sso_user_id"}
    found |= {own: getattr(body, name) for name, own in names.items() if name in sent}
    if body.user_role is not None:
        found["role"] = body.user_role
    if "models" in sent:
        found["models"] = tuple(body.models or ())
    if "metadata" in sent:
        found["metadata"] = dict(body.metadata or {})
    if "blocked" in sent:
        found["blocked"] = bool(body.blocked)
    if "organization_id" in sent:
        found["organization_id"] = body.organization_id
    rest = (sent & _KEPT) | set(body.model_extra or {})
    if rest:
        merged = {**settings, **body.model_dump(mode="json", include=rest)}
        found["settings"] = {name: one for name, one in merged.items() if one is not None}
    return found
