"""Makes, changes, blocks and deletes teams.

The rule: a team goes together with its keys and its members' rows, keys first, so that no key of
it works any longer once anything of it is gone.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from proxy.admin.columns import pages
from proxy.admin.errors import DetailedRefusal
from proxy.admin.frame import Endpoint
from proxy.admin.members import enlist, known_or_made
from proxy.admin.roles import EVERYBODY, WRITERS
from proxy.admin.session import Session
from proxy.admin.shorthand import getting, posting
from proxy.admin.teams_answers import (
    MOST,
    ListedTeam,
    Permissions,
    TeamAnswer,
    TeamInfo,
    TeamPage,
    TeamUpdated,
    keys_of,
    members_of,
    memberships_shown,
    team_shown,
    teams_shown,
)
from proxy.admin.teams_bodies import (
    InfoQuery,
    ListQuery,
    Member,
    NewTeam,
    OneTeam,
    PageQuery,
    SeveralTeams,
    TeamModels,
    TeamPermissions,
    UpdateTeam,
    team_fields,
)
from proxy.admin.teams_rights import (
    check_budget,
    check_place,
    check_sent,
    governed_team,
    governs,
    known_team,
    led_team,
    missing_team,
)
from proxy.stores.entities.kinds import Key, Membership, Team
from proxy.stores.entities.store import Query, Taken

KEY_ROUTES = (
    "/key/generate",
    "/key/service-account/generate",
    "/key/update",
    "/key/delete",
    "/key/regenerate",
    "/key/{key}/regenerate",
    "/key/block",
    "/key/unblock",
    "/key/info",
    "/key/list",
    "/key/aliases",
    "/key/health",
)
NO_MODELS = "no-default-models"
Fields = Mapping[str, Any]

_COLUMNS = MappingProxyType(
    {"team_alias": "alias", "team_id": "id", "organization_id": "organization_id"}
)


async def new_team(session: Session, body: NewTeam) -> TeamAnswer:
    """Makes a team; whoever makes it becomes its admin."""
    check_sent(session, body, above=True)
    await check_place(session, body.organization_id, body.models or ())
    await check_budget(session, body.budget_id)
    id = body.team_id or str(uuid.uuid4())
    if await session.entities.get(Team, id) is not None:
        raise _taken(id)
    # They are found first, so that a wrong one leaves no team behind.
    members = await _first_members(session, body)
    team = Team(
        **{**team_fields(body), "id": id},
        created_at=session.now,
        updated_at=session.now,
        created_by=session.actor.name,
    )
    try:
        await session.entities.add(team, session.actor)
    except Taken:
        raise _taken(id) from None
    for member in members:
        await enlist(session, team, member, {})
    return await team_shown(session, team)


def _taken(id: str) -> DetailedRefusal:
    message = f"Team id = {id} already exists. Please use a different team id."
    return DetailedRefusal(message, "team_id")


async def _first_members(session: Session, body: NewTeam) -> list[Member]:
    wanted = [
        *body.members_with_roles,
        *(Member(user_id=one, role="admin") for one in body.admins),
        *(Member(user_id=one, role="user") for one in body.members),
    ]
    if session.reach.user_id is not None:
        wanted.append(Member(user_id=session.reach.user_id, role="admin"))
    found: dict[str, Member] = {}
    for one in wanted:
        user = await known_or_made(session, one.user_id, one.user_email)
        found.setdefault(user.id, one.model_copy(update={"user_id": user.id}))
    return list(found.values())


async def update_team(session: Session, body: UpdateTeam) -> TeamUpdated:
    """Changes the fields that were sent."""
    team = await led_team(session, body.team_id)
    check_sent(session, body, governs(session, team))
    if {"organization_id", "models"} & body.model_fields_set:
        moves = "organization_id" in body.model_fields_set
        models = team.models if body.models is None else body.models
        await check_place(session, body.organization_id if moves else team.organization_id, models)
    await check_budget(session, body.budget_id)
    changed = await _change(session, team.id, lambda one: team_fields(body, one))
    return TeamUpdated(team_id=team.id, data=await team_shown(session, changed))


async def _change(session: Session, team_id: str, fields: Callable[[Team], Fields]) -> Team:
    changed = await session.entities.change(
        Team, team_id, lambda one: one.model_copy(update=dict(fields(one))), session.actor
    )
    if changed is None:
        raise missing_team(team_id)
    return changed


async def team_info(session: Session, query: InfoQuery) -> TeamInfo:
    """One team with its keys and members, as far as the caller may see them."""
    team = await known_team(session, query.team_id)
    members = await members_of(session, [team.id])
    limit = MOST if query.key_limit is None else query.key_limit
    return TeamInfo(
        team_id=team.id,
        team_info=(await teams_shown(session, [team], members))[0],
        keys=await keys_of(session, [team.id], limit) if limit else [],
        team_memberships=await memberships_shown(session, members, [team]),
    )


async def list_teams(session: Session, query: ListQuery) -> list[ListedTeam]:
    """All teams that the caller may see."""
    where = await _where(session, query)
    teams = await session.entities.find(Team, Query(where=where, limit=MOST))
    ids = [one.id for one in teams]
    members = await members_of(session, ids)
    keys = await keys_of(session, ids)
    rows = await memberships_shown(session, members, teams)
    return [
        ListedTeam(
            **shown.model_dump(),
            team_memberships=[one for one in rows if one.team_id == shown.team_id],
            keys=[one for one in keys if one.team_id == shown.team_id],
        )
        for shown in await teams_shown(session, teams, members)
    ]


async def page_teams(session: Session, query: PageQuery) -> TeamPage:
    """A page of the teams that the caller may see."""
    where = await _where(session, query)
    if query.team_id is not None:
        ids = where.get("id")
        seen = ids is None or (isinstance(ids, list) and query.team_id in ids)
        where["id"] = [query.team_id] if seen else []
    search = query.team_alias or query.search
    asked = Query(
        where=where,
        search={"alias": search} if search else {},
        sort=_COLUMNS.get(query.sort_by or "", "created_at"),
        descending=query.sort_order == "desc",
        offset=(query.page - 1) * query.page_size,
        limit=query.page_size,
    )
    total = await session.entities.count(Team, asked)
    teams = await session.entities.find(Team, asked)
    return TeamPage(
        teams=await teams_shown(session, teams),
        total=total,
        page=query.page,
        page_size=query.page_size,
        total_pages=pages(total, query.page_size),
    )


async def _where(session: Session, query: ListQuery) -> dict[str, object]:
    reach, where = session.reach, dict[str, object]()
    ids: set[str] | None = None
    if not reach.sees_all:
        own = {reach.team_id} if reach.team_id else set[str]()
        ids = {*reach.team_ids, *reach.led_teams, *own}
    if query.user_id is not None:
        session.demand(
            reach.sees_all or reach.is_user(query.user_id) or bool(reach.led_teams),
            "You may list your own teams only.",
        )
        asked = Query(where={"user_id": query.user_id}, limit=MOST)
        of_user = {one.team_id for one in await session.entities.find(Membership, asked)}
        ids = of_user if ids is None else ids & of_user
    if ids is not None:
        where["id"] = sorted(ids)
    if query.organization_id is not None:
        where["organization_id"] = query.organization_id
    return where


async def delete_teams(session: Session, body: SeveralTeams) -> list[TeamAnswer]:
    """Deletes teams with their keys and members' rows; gives what was deleted."""
    ids = list(dict.fromkeys(body.team_ids))
    teams = [await governed_team(session, one) for one in ids]
    shown = await teams_shown(session, teams)
    store, actor = session.entities, session.actor
    where = Query(where={"team_id": ids}, limit=MOST)
    # A team may have more keys than one look finds.
    while keys := await store.find(Key, where):
        await store.remove(Key, [one.id for one in keys], actor)
    while members := await store.find(Membership, where):
        await store.remove(Membership, [one.id for one in members], actor)
    await store.remove(Team, ids, actor)
    return shown


async def block_team(session: Session, body: OneTeam) -> TeamAnswer:
    """Refuses all calls with the team's keys until it is unblocked."""
    team = await governed_team(session, body.team_id)
    changed = await _change(session, team.id, lambda one: {"blocked": True})
    return await team_shown(session, changed)


async def unblock_team(session: Session, body: OneTeam) -> TeamAnswer:
    """Lets the team's keys call again."""
    team = await governed_team(session, body.team_id)
    changed = await _change(session, team.id, lambda one: {"blocked": False})
    return await team_shown(session, changed)


async def add_models(session: Session, body: TeamModels) -> TeamAnswer:
    """Adds models to those that the team may use."""
    team = await governed_team(session, body.team_id)
    await check_place(session, team.organization_id, body.models)

    def extended(one: Team) -> Fields:
        before = (name for name in one.models if name != NO_MODELS)
        return {"models": tuple(dict.fromkeys((*before, *body.models))) or one.models}

    changed = await _change(session, team.id, extended)
    return await team_shown(session, changed)


async def remove_models(session: Session, body: TeamModels) -> TeamAnswer:
    """Takes models from those that the team may use; with none left it may use none."""
    team = await governed_team(session, body.team_id)

    def without(one: Team) -> Fields:
        left = tuple(name for name in one.models if name not in body.models)
        # An empty list would allow everything.
        return {"models": left or ((NO_MODELS,) if one.models else ())}

    return await team_shown(session, await _change(session, team.id, without))


async def permissions(session: Session, query: OneTeam) -> Permissions:
    """Which key routes the members of a team may call for it."""
    team = await known_team(session, query.team_id)
    return Permissions(
        team_id=team.id,
        team_member_permissions=list(team.member_permissions),
        all_available_permissions=list(KEY_ROUTES),
    )


async def set_permissions(session: Session, body: TeamPermissions) -> TeamAnswer:
    """Sets which key routes the members of a team may call for it."""
    team = await led_team(session, body.team_id)
    unknown = [one for one in body.team_member_permissions if one not in KEY_ROUTES]
    if unknown:
        raise DetailedRefusal(f"There is no permission {unknown[0][:100]!r}.")
    given = tuple(dict.fromkeys(body.team_member_permissions))
    changed = await _change(session, team.id, lambda one: {"member_permissions": given})
    return await team_shown(session, changed)


async def available(session: Session, query: ListQuery) -> list[TeamAnswer]:
    """Teams that anybody may join; there are none."""
    return []


TEAM_ENDPOINTS: tuple[Endpoint, ...] = (
    posting("/team/new", new_team, NewTeam, TeamAnswer, WRITERS),
    posting("/team/update", update_team, UpdateTeam, TeamUpdated, WRITERS),
    posting("/team/delete", delete_teams, SeveralTeams, list[TeamAnswer], WRITERS),
    posting("/team/block", block_team, OneTeam, TeamAnswer, WRITERS),
    posting("/team/unblock", unblock_team, OneTeam, TeamAnswer, WRITERS),
    posting("/team/model/add", add_models, TeamModels, TeamAnswer, WRITERS),
    posting("/team/model/delete", remove_models, TeamModels, TeamAnswer, WRITERS),
    posting("/team/permissions_update", set_permissions, TeamPermissions, TeamAnswer, WRITERS),
    getting("/team/info", team_info, InfoQuery, TeamInfo, EVERYBODY),
    getting("/team/list", list_teams, ListQuery, list[ListedTeam], EVERYBODY),
    getting("/v2/team/list", page_teams, PageQuery, TeamPage, EVERYBODY),
    getting("/team/permissions_list", permissions, OneTeam, Permissions, EVERYBODY),
    getting("/team/available", available, ListQuery, list[TeamAnswer], EVERYBODY),
)
