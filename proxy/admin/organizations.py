"""Organizations: teams and users under one roof, with a budget and models of their own.

The rule: proxy admins make and delete them; an organization's admin leads its members and teams and
sets nothing of what the organization itself may spend.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxy.admin.columns import renamed
from proxy.admin.errors import DetailedNotFound, DetailedRefusal, NotAllowed
from proxy.admin.frame import Endpoint
from proxy.admin.limits import limits_of
from proxy.admin.organizations_answers import (
    MOST,
    ListQuery,
    NewOrganization,
    OneOrganization,
    OrganizationAnswer,
    OrganizationBody,
    OrganizationInfo,
    SeveralOrganizations,
    UpdateOrganization,
    offices_of,
    organizations_shown,
)
from proxy.admin.roles import EVERYBODY, WRITERS
from proxy.admin.session import Session
from proxy.admin.shorthand import getting, posting
from proxy.admin.teams_answers import teams_shown
from proxy.admin.teams_rights import check_budget
from proxy.stores.entities.kinds import Organization, OrganizationMember, Team
from proxy.stores.entities.store import Query, Taken

_OWN = MappingProxyType({"models": "models", "metadata": "metadata", "blocked": "blocked"})
# What an organization's own admin may change of it.
_OWN_ADMINS = frozenset({"organization_id", "organization_alias", "metadata"})


async def new_organization(session: Session, body: NewOrganization) -> OrganizationAnswer:
    """Makes an organization."""
    await check_budget(session, body.budget_id)
    made = Organization(
        **_fields(body),
        id=body.organization_id or str(uuid.uuid4()),
        created_at=session.now,
        updated_at=session.now,
        created_by=session.actor.name,
    )
    try:
        await session.entities.add(made, session.actor)
    except Taken:
        raise DetailedRefusal(
            f"Organization id = {made.id} already exists. Please use a different organization id."
        ) from None
    return (await organizations_shown(session, [made]))[0]


async def update_organization(session: Session, body: UpdateOrganization) -> OrganizationAnswer:
    """Changes the fields that were sent."""
    await led_organization(session, body.organization_id)
    beyond = body.model_fields_set & set(UpdateOrganization.model_fields) - _OWN_ADMINS
    if beyond and not session.reach.admin:
        raise NotAllowed(f"Only a proxy admin may set this: {', '.join(sorted(beyond)[:5])}.")
    await check_budget(session, body.budget_id)
    changed = await session.entities.change(
        Organization,
        body.organization_id,
        lambda one: one.model_copy(update=_fields(body)),
        session.actor,
    )
    if changed is None:
        raise missing_organization(body.organization_id)
    return (await organizations_shown(session, [changed]))[0]


async def delete_organizations(
    session: Session, body: SeveralOrganizations
) -> list[OrganizationAnswer]:
    """Deletes organizations without teams; gives what was deleted."""
    store, ids = session.entities, list(dict.fromkeys(body.organization_ids))
    found = await store.many(Organization, ids)
    known = {one.id for one in found}
    for id in ids:
        if id not in known:
            raise missing_organization(id)
    teams = await store.count(Team, Query(where={"organization_id": ids}))
    if teams:
        raise DetailedRefusal("The organization has teams; delete or move them first.")
    shown = await organizations_shown(session, found)
    where = Query(where={"organization_id": ids}, limit=MOST)
    while members := await store.find(OrganizationMember, where):
        await store.remove(OrganizationMember, [one.id for one in members], session.actor)
    await store.remove(Organization, ids, session.actor)
    return shown


async def list_organizations(session: Session, query: ListQuery) -> list[OrganizationInfo]:
    """The organizations that the caller is in, with their members and teams where he leads them."""
    where: dict[str, object] = {}
    mine = await _mine(session)
    if mine is not None:
        where["id"] = sorted(mine)
    if query.org_id is not None:
        where["id"] = [query.org_id] if mine is None or query.org_id in mine else []
    search = {"alias": query.org_alias} if query.org_alias else {}
    asked = Query(where=where, search=search, limit=MOST)
    return await _with_parts(session, await session.entities.find(Organization, asked))


async def organization_info(session: Session, query: OneOrganization) -> OrganizationInfo:
    """One organization, with its members and teams where the caller leads it."""
    mine = await _mine(session)
    if mine is not None and query.organization_id not in mine:
        raise missing_organization(query.organization_id)
    found = await session.entities.get(Organization, query.organization_id)
    if found is None:
        raise missing_organization(query.organization_id)
    return (await _with_parts(session, [found]))[0]


async def led_organization(session: Session, id: str) -> Organization:
    """The organization, where the caller administers it. Raises DetailedNotFound."""
    leads = session.reach.leads_organization(id)
    found = await session.entities.get(Organization, id) if leads else None
    if found is None:
        raise missing_organization(id)
    return found


def missing_organization(id: str) -> DetailedNotFound:
    """There is no such organization, as far as the caller may know."""
    return DetailedNotFound(f"Organization not found, passed organization_id={id}")


async def _mine(session: Session) -> frozenset[str] | None:
    reach = session.reach
    if reach.sees_all:
        return None
    # A key of one team sees its team, and not what is around it.
    if reach.user_id is None or reach.team_id is not None:
        return frozenset()
    query = Query(where={"user_id": reach.user_id}, limit=MOST)
    rows = await session.entities.find(OrganizationMember, query)
    return frozenset(one.organization_id for one in rows) | reach.organization_ids


async def _with_parts(
    session: Session, organizations: list[Organization]
) -> list[OrganizationInfo]:
    reach = session.reach
    led = [one.id for one in organizations if reach.sees_all or reach.leads_organization(one.id)]
    offices = await offices_of(session, led)
    teams: list[Team] = []
    if led:
        where: Mapping[str, object] = {"organization_id": led}
        teams = await session.entities.find(Team, Query(where=where, limit=MOST))
    shown_teams = await teams_shown(session, teams)
    return [
        OrganizationInfo(
            **shown.model_dump(),
            members=[one for one in offices if one.organization_id == shown.organization_id],
            teams=[one for one in shown_teams if one.organization_id == shown.organization_id],
        )
        for shown in await organizations_shown(session, organizations)
    ]


def _fields(body: OrganizationBody) -> dict[str, Any]:
    found = {**limits_of(body), **renamed(body, _OWN)}
    if "organization_alias" in body.model_fields_set:
        found["alias"] = body.organization_alias
    return found


ORGANIZATION_ENDPOINTS: tuple[Endpoint, ...] = (
    posting("/organization/new", new_organization, NewOrganization, OrganizationAnswer),
    Endpoint(
        method="PATCH",
        path="/organization/update",
        handler=update_organization,
        body=UpdateOrganization,
        answer=OrganizationAnswer,
        roles=WRITERS,
    ),
    Endpoint(
        method="DELETE",
        path="/organization/delete",
        handler=delete_organizations,
        body=SeveralOrganizations,
        answer=list[OrganizationAnswer],
    ),
    getting("/organization/list", list_organizations, ListQuery, list[OrganizationInfo], EVERYBODY),
    getting("/organization/info", organization_info, OneOrganization, OrganizationInfo, EVERYBODY),
)
