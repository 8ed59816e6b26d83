"""What the organization routes take and give.

The rule: the fields are LiteLLM's; a budget of its own is shown as LiteLLM's budget table too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from proxy.admin.columns import LimitColumns, limit_columns
from proxy.admin.fields import Answer, Body, Count, MaybeName, Moment, Name, Usd
from proxy.admin.ids import MaybeTenant
from proxy.admin.keys_answers import budget_table
from proxy.admin.keys_bodies import LimitsBody, Names
from proxy.admin.limits import shown_model_budgets
from proxy.admin.money import maybe_usd, usd
from proxy.admin.session import Session
from proxy.admin.spending import shared_budgets, spending_of
from proxy.admin.teams_answers import TeamAnswer
from proxy.stores.entities.kinds import Organization, OrganizationMember
from proxy.stores.entities.store import Query

MOST = 10_000

OrganizationRole = Literal["org_admin", "internal_user", "internal_user_viewer"]


class OrganizationBody(LimitsBody):
    """What an organization can have; sums in US dollars."""

    organization_alias: MaybeName = None
    models: Names | None = None
    metadata: dict[str, Any] | None = None
    blocked: bool | None = None
    tpd_limit: Count | None = None
    object_permission: dict[str, Any] | None = None
    budget_reset_at: Moment | None = None


class NewOrganization(OrganizationBody):
    """A new organization."""

    organization_id: MaybeTenant = None
    organization_alias: MaybeName = None


class UpdateOrganization(OrganizationBody):
    """What to change of an organization: the fields that are there."""

    organization_id: Name


class OneOrganization(Body):
    """One organization."""

    organization_id: Name


class SeveralOrganizations(Body):
    """Several organizations."""

    organization_ids: Annotated[list[Name], Field(min_length=1, max_length=500)]


class ListQuery(Body):
    """Which organizations to list."""

    org_id: Name | None = None
    org_alias: Name | None = None


class OrganizationMemberBody(Body):
    """A user of an organization, by id or by e-mail."""

    user_id: MaybeName = None
    user_email: MaybeName = None
    role: OrganizationRole = "internal_user"


class AddOrganizationMembers(Body):
    """One member to add to an organization, or several."""

    organization_id: Name
    member: (
        OrganizationMemberBody
        | Annotated[list[OrganizationMemberBody], Field(min_length=1, max_length=500)]
    )
    max_budget_in_organization: Usd | None = None


class UpdateOrganizationMember(Body):
    """What to change of a member of an organization."""

    organization_id: Name
    user_id: MaybeName = None
    user_email: MaybeName = None
    role: OrganizationRole | None = None
    max_budget_in_organization: Usd | None = None


class DeleteOrganizationMember(Body):
    """A member of an organization, by id or by e-mail."""

    organization_id: Name
    user_id: MaybeName = None
    user_email: MaybeName = None


class OfficeAnswer(Answer):
    """That a user belongs to an organization."""

    user_id: str
    organization_id: str
    user_role: str | None = None
    user_email: str | None = None
    spend: float = 0.0
    budget_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class OrganizationAnswer(LimitColumns):
    """An organization as LiteLLM's table has it."""

    organization_id: str
    organization_alias: str | None = None
    models: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] | None = None
    blocked: bool = False
    spend: float = 0.0
    total_spend: float = 0.0
    model_spend: dict[str, float] = Field(default_factory=dict)
    budget_reset_at: datetime | None = None
    litellm_budget_table: dict[str, Any] | None = None


class OrganizationInfo(OrganizationAnswer):
    """An organization with its members and teams."""

    members: list[OfficeAnswer] = Field(default_factory=list)
    teams: list[TeamAnswer] = Field(default_factory=list)


class MembersAdded(Answer):
    """The new members of an organization."""

    organization_id: str
    updated_users: list[dict[str, Any]]
    updated_organization_memberships: list[OfficeAnswer]


async def organizations_shown(
    session: Session, organizations: Sequence[Organization]
) -> list[OrganizationAnswer]:
    """These organizations with what they have spent. Raises LedgerUnavailable."""
    shared = await shared_budgets(session.entities, organizations)
    rows = [(f"organization:{one.id}", one) for one in organizations]
    spent = await spending_of(session.ledger, rows, shared, session.now)
    return [
        OrganizationAnswer(
            **limit_columns(one),
            organization_id=one.id,
            organization_alias=one.alias,
            models=list(one.models),
            metadata=one.metadata,
            blocked=one.blocked,
            spend=usd(spending.spent),
            total_spend=usd(spending.total),
            model_spend=spending.model_usd,
            budget_reset_at=spending.reset_at,
            litellm_budget_table=budget_table(one, shared.get(one.budget_id or ""))
            or _own_budget(one),
        )
        for one, spending in zip(organizations, spent, strict=True)
    ]


def _own_budget(one: Organization) -> dict[str, Any]:
    return {
        "budget_id": None,
        "max_budget": maybe_usd(one.max_budget),
        "soft_budget": maybe_usd(one.soft_budget),
        "max_parallel_requests": one.max_parallel_requests,
        "tpm_limit": one.tpm_limit,
        "rpm_limit": one.rpm_limit,
        "budget_duration": one.budget_duration,
        "model_max_budget": shown_model_budgets(one.model_max_budget) or None,
    }


async def offices_of(session: Session, organization_ids: Sequence[str]) -> list[OfficeAnswer]:
    """The members of these organizations. Raises StoreUnavailable."""
    if not organization_ids:
        return []
    where = {"organization_id": list(organization_ids)}
    query = Query(where=where, limit=MOST, descending=False)
    return [office_shown(one) for one in await session.entities.find(OrganizationMember, query)]


def office_shown(office: OrganizationMember) -> OfficeAnswer:
    """A member's row as a client reads it."""
    return OfficeAnswer(
        user_id=office.user_id,
        organization_id=office.organization_id,
        user_role=office.role,
        user_email=office.metadata.get("user_email"),
        created_at=office.created_at,
        updated_at=office.updated_at,
    )
