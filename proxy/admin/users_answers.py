"""What the user routes give.

The rule: the fields are LiteLLM's, each of them always there; there are no passwords to show.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from proxy.admin.fields import Answer
from proxy.admin.keys_answers import GeneratedKey, Token, shown_metadata
from proxy.admin.limits import shown_model_budgets
from proxy.admin.money import maybe_usd, usd
from proxy.admin.session import Session
from proxy.admin.spending import shared_budgets, spending_of
from proxy.stores.entities.kinds import Membership, OrganizationMember, User
from proxy.stores.entities.store import Query

MOST = 20_000


class OrganizationOffice(Answer):
    """That a user belongs to an organization."""

    user_id: str
    organization_id: str
    user_role: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class UserRow(Answer):
    """A user as LiteLLM's table has him."""

    user_id: str
    user_alias: str | None = None
    team_id: str | None = None
    sso_user_id: str | None = None
    organization_id: str | None = None
    object_permission_id: str | None = None
    password: str | None = None
    password_reset_required: bool | None = None
    last_breach_check_at: datetime | None = None
    teams: list[str] = Field(default_factory=list)
    user_role: str | None = None
    max_budget: float | None = None
    spend: float = 0.0
    user_email: str | None = None
    models: list[Any] = Field(default_factory=list)
    metadata: dict[str, Any] | None = None
    max_parallel_requests: int | None = None
    tpm_limit: int | None = None
    rpm_limit: int | None = None
    budget_duration: str | None = None
    budget_reset_at: datetime | None = None
    allowed_cache_controls: list[Any] = Field(default_factory=list)
    policies: list[str] = Field(default_factory=list)
    model_spend: dict[str, Any] | None = Field(default_factory=dict)
    model_max_budget: dict[str, Any] | None = Field(default_factory=dict)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    organization_memberships: list[OrganizationOffice] | None = None
    object_permission: dict[str, Any] | None = None


class CountedUser(UserRow):
    """A user of a list, with how many keys he has."""

    key_count: int


class NewUserAnswer(GeneratedKey):
    """A new user with his key; `key` is empty where none was made."""

    user_email: str | None = None
    user_role: str | None = None
    user_alias: str | None = None
    teams: list[Any] | None = None


class UserInfo(Answer):
    """A user with his keys and teams."""

    user_id: str | None
    user_info: UserRow | None
    keys: list[Token]
    teams: list[dict[str, Any]]


class UpdatedUser(Answer):
    """A user after a change."""

    user_id: str
    data: UserRow


class UserPage(Answer):
    """A page of users."""

    users: list[CountedUser]
    total: int
    page: int
    page_size: int
    total_pages: int


class UserResult(Answer):
    """What became of one user of several."""

    user_id: str | None = None
    user_email: str | None = None
    success: bool
    error: str | None = None
    updated_user: UserRow | None = None


class UserResults(Answer):
    """What became of several users."""

    results: list[UserResult]
    total_requested: int
    successful_updates: int
    failed_updates: int


class RoleWords(Answer):
    """What a role may do, in words."""

    description: str
    ui_label: str


async def user_rows(session: Session, users: Sequence[User]) -> list[UserRow]:
    """These users with their teams, organizations and spending.

    Raises LedgerUnavailable and StoreUnavailable.
    """
    if not users:
        return []
    shared = await shared_budgets(session.entities, users)
    rows = [(f"user:{one.id}", one) for one in users]
    spent = await spending_of(session.ledger, rows, shared, session.now)
    where: dict[str, object] = {"user_id": [one.id for one in users]}
    members = await session.entities.find(Membership, Query(where=where, limit=MOST))
    offices = await session.entities.find(OrganizationMember, Query(where=where, limit=MOST))
    return [
        UserRow(
            user_id=one.id,
            user_alias=one.alias,
            sso_user_id=one.sso_user_id,
            organization_id=one.organization_id,
            teams=sorted(member.team_id for member in members if member.user_id == one.id),
            user_role=one.role,
            max_budget=maybe_usd(one.max_budget),
            spend=usd(spending.spent),
            user_email=one.email,
            models=list(one.models),
            metadata=shown_metadata(one.metadata, _extra(one)),
            max_parallel_requests=one.max_parallel_requests,
            tpm_limit=one.tpm_limit,
            rpm_limit=one.rpm_limit,
            budget_duration=one.budget_duration,
            budget_reset_at=spending.reset_at,
            allowed_cache_controls=one.settings.get("allowed_cache_controls") or [],
            policies=one.settings.get("policies") or [],
            object_permission=one.settings.get("object_permission"),
            model_spend=spending.model_usd,
            model_max_budget=shown_model_budgets(one.model_max_budget),
            created_at=one.created_at,
            updated_at=one.updated_at,
            organization_memberships=[
                _office(office) for office in offices if office.user_id == one.id
            ],
        )
        for one, spending in zip(users, spent, strict=True)
    ]


def _extra(user: User) -> list[tuple[str, Any]]:
    hidden = {"allowed_cache_controls", "policies", "object_permission"}
    return [
        ("model_rpm_limit", user.model_rpm_limit),
        ("model_tpm_limit", user.model_tpm_limit),
        *((name, value) for name, value in user.settings.items() if name not in hidden),
    ]


def _office(one: OrganizationMember) -> OrganizationOffice:
    return OrganizationOffice(
        user_id=one.user_id,
        organization_id=one.organization_id,
        user_role=one.role,
        created_at=one.created_at,
        updated_at=one.updated_at,
    )
