"""The members of organizations, and who of them administers one.

The rule: an organization's admin adds and removes members; who becomes an admin is said here and
nowhere else, and a user's role for the whole gateway stays what it is.
"""

from __future__ import annotations

from proxy.admin.errors import DetailedNotFound, DetailedRefusal, Malformed, Refusal
from proxy.admin.frame import Endpoint
from proxy.admin.members import known_or_made, users_with
from proxy.admin.organizations import led_organization
from proxy.admin.organizations_answers import (
    AddOrganizationMembers,
    DeleteOrganizationMember,
    MembersAdded,
    OfficeAnswer,
    OrganizationMemberBody,
    UpdateOrganizationMember,
    office_shown,
)
from proxy.admin.roles import WRITERS
from proxy.admin.session import Session
from proxy.admin.shorthand import posting
from proxy.stores.entities.kinds import Organization, OrganizationMember
from proxy.stores.entities.store import Taken

_NO_BUDGETS = "Budgets of single members of an organization are not kept; set one in their team."


async def add_members(session: Session, body: AddOrganizationMembers) -> MembersAdded:
    """Adds one user to an organization, or several; unknown users are made."""
    organization = await led_organization(session, body.organization_id)
    if body.max_budget_in_organization is not None:
        raise DetailedRefusal(_NO_BUDGETS)
    given = body.member if isinstance(body.member, list) else [body.member]
    added = [await _enlist(session, organization, one) for one in given]
    return MembersAdded(
        organization_id=organization.id,
        updated_users=[{"user_id": one.user_id, "user_email": one.user_email} for one in added],
        updated_organization_memberships=added,
    )


async def _enlist(
    session: Session, organization: Organization, member: OrganizationMemberBody
) -> OfficeAnswer:
    user = await known_or_made(session, member.user_id, member.user_email)
    row = OrganizationMember(
        id=f"{organization.id}/{user.id}",
        organization_id=organization.id,
        user_id=user.id,
        role=member.role,
        metadata={"user_email": member.user_email} if member.user_email else {},
        created_at=session.now,
        created_by=session.actor.name,
    )
    try:
        await session.entities.add(row, session.actor)
    except Taken:
        raise Refusal(f"User {user.id} is already in this organization.", "user_id") from None
    return office_shown(row)


async def update_member(session: Session, body: UpdateOrganizationMember) -> OfficeAnswer:
    """Changes the role of a member within the organization."""
    organization = await led_organization(session, body.organization_id)
    if body.max_budget_in_organization is not None:
        raise DetailedRefusal(_NO_BUDGETS)
    row = await _row(session, organization, body)
    role = body.role or row.role
    changed = await session.entities.change(
        OrganizationMember,
        row.id,
        lambda one: one.model_copy(update={"role": role}),
        session.actor,
    )
    if changed is None:
        raise _no_member(organization.id)
    return office_shown(changed)


async def delete_member(session: Session, body: DeleteOrganizationMember) -> OfficeAnswer:
    """Takes a user out of an organization; gives what was deleted."""
    organization = await led_organization(session, body.organization_id)
    row = await _row(session, organization, body)
    await session.entities.remove(OrganizationMember, [row.id], session.actor)
    return office_shown(row)


async def _row(
    session: Session,
    organization: Organization,
    body: UpdateOrganizationMember | DeleteOrganizationMember,
) -> OrganizationMember:
    if body.user_id:
        ids = [body.user_id]
    elif body.user_email:
        ids = [one.id for one in await users_with(session, body.user_email)]
    else:
        raise Malformed.at("body", "pass user_id or user_email", "user_id")
    found = await session.entities.many(
        OrganizationMember, [f"{organization.id}/{one}" for one in ids]
    )
    if not found:
        raise _no_member(organization.id)
    return found[0]


def _no_member(organization_id: str) -> DetailedNotFound:
    return DetailedNotFound(f"Organization={organization_id} has no such member.")


ORGANIZATION_MEMBER_ENDPOINTS: tuple[Endpoint, ...] = (
    posting("/organization/member_add", add_members, AddOrganizationMembers, MembersAdded, WRITERS),
    Endpoint(
        method="PATCH",
        path="/organization/member_update",
        handler=update_member,
        body=UpdateOrganizationMember,
        answer=OfficeAnswer,
        roles=WRITERS,
    ),
    Endpoint(
        method="DELETE",
        path="/organization/member_delete",
        handler=delete_member,
        body=DeleteOrganizationMember,
        answer=OfficeAnswer,
        roles=WRITERS,
    ),
)
