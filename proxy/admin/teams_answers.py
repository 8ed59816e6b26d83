"""What the team routes give.

The rule: the fields are LiteLLM's; a team's members are rows of their own and are looked up for all
teams of an answer at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from proxy.admin.columns import LimitColumns, limit_columns
from proxy.admin.fields import Answer
from proxy.admin.keys_answers import Token, tokens
from proxy.admin.limits import shown_limits, shown_model_budgets
from proxy.admin.money import maybe_usd, usd
from proxy.admin.session import Session
from proxy.admin.spending import duration_of, shared_budgets, spending_of
from proxy.stores.entities.kinds import Key, Membership, Team
from proxy.stores.entities.store import Query
from proxy.stores.entities.veil import veiled

MOST = 10_000


class MemberAnswer(Answer):
    """A member of a team."""

    user_id: str | None = None
    user_email: str | None = None
    role: str


class MembershipAnswer(Answer):
    """What a member may spend in a team, and has spent."""

    user_id: str
    team_id: str
    budget_id: str | None = None
    spend: float = 0.0
    total_spend: float = 0.0
    budget_reset_at: datetime | None = None
    litellm_budget_table: dict[str, Any] | None = None


class TeamAnswer(LimitColumns):
    """A team as LiteLLM's table has it."""

    team_id: str
    team_alias: str | None = None
    organization_id: str | None = None
    admins: list[str] = Field(default_factory=list)
    members: list[str] = Field(default_factory=list)
    members_with_roles: list[MemberAnswer] = Field(default_factory=list)
    team_member_permissions: list[str] | None = None
    metadata: dict[str, Any] | None = None
    models: list[str] = Field(default_factory=list)
    blocked: bool = False
    tags: list[str] | None = None
    model_aliases: dict[str, str] | None = None
    litellm_model_table: dict[str, Any] | None = None
    router_settings: dict[str, Any] | None = None
    access_group_ids: list[str] | None = None
    default_team_member_models: list[str] | None = None
    team_member_budget: float | None = None
    team_member_budget_duration: str | None = None
    team_member_rpm_limit: int | None = None
    team_member_tpm_limit: int | None = None
    spend: float = 0.0
    total_spend: float = 0.0
    model_spend: dict[str, float] = Field(default_factory=dict)
    budget_reset_at: datetime | None = None
    policies: list[str] | None = None
    object_permission: dict[str, Any] | None = None
    object_permission_id: str | None = None


class ListedTeam(TeamAnswer):
    """A team with its members' rows and its keys."""

    team_memberships: list[MembershipAnswer] = Field(default_factory=list)
    keys: list[Token] = Field(default_factory=list)


class TeamUpdated(Answer):
    """A team after a change."""

    team_id: str
    data: TeamAnswer


class TeamInfo(Answer):
    """One team with its keys and the members' rows."""

    team_id: str
    team_info: TeamAnswer
    keys: list[Token]
    team_memberships: list[MembershipAnswer]


class TeamPage(Answer):
    """A page of teams."""

    teams: list[TeamAnswer]
    total: int
    page: int
    page_size: int
    total_pages: int


class Permissions(Answer):
    """Which key routes the members of a team may call for it, and which there are."""

    team_id: str
    team_member_permissions: list[str]
    all_available_permissions: list[str]


async def teams_shown(
    session: Session, teams: Sequence[Team], members: Sequence[Membership] | None = None
) -> list[TeamAnswer]:
    """These teams with their members and what they have spent; `members` where they are known.

    Raises LedgerUnavailable and StoreUnavailable.
    """
    if members is None:
        members = await members_of(session, [one.id for one in teams])
    shared = await shared_budgets(session.entities, teams)
    rows = [(f"team:{one.id}", one) for one in teams]
    spent = await spending_of(session.ledger, rows, shared, session.now)
    return [
        TeamAnswer(
            **_columns(team, [one for one in members if one.team_id == team.id]),
            spend=usd(spending.spent),
            total_spend=usd(spending.total),
            model_spend=spending.model_usd,
            budget_reset_at=spending.reset_at,
        )
        for team, spending in zip(teams, spent, strict=True)
    ]


async def team_shown(session: Session, team: Team) -> TeamAnswer:
    """One team. Raises LedgerUnavailable and StoreUnavailable."""
    return (await teams_shown(session, [team]))[0]


async def members_of(session: Session, team_ids: Sequence[str]) -> list[Membership]:
    """The members of these teams, the first ones first. Raises StoreUnavailable."""
    if not team_ids:
        return []
    query = Query(where={"team_id": list(team_ids)}, limit=MOST, descending=False)
    return await session.entities.find(Membership, query)


async def keys_of(session: Session, team_ids: Sequence[str], limit: int = MOST) -> list[Token]:
    """The keys of these teams that the caller may see. Raises StoreUnavailable."""
    if not team_ids:
        return []
    query = Query(where={"team_id": list(team_ids)}, limit=limit)
    found = await session.entities.find(Key, query)
    return await tokens(session, [one for one in found if session.reach.sees_key(one)])


async def memberships_shown(
    session: Session, members: Sequence[Membership], teams: Sequence[Team]
) -> list[MembershipAnswer]:
    """The members' rows that the caller may see, with what each has spent. Raises
    LedgerUnavailable and StoreUnavailable."""
    by_id = {one.id: one for one in teams}
    seen = [
        effective(one, by_id[one.team_id])
        for one in members
        if one.team_id in by_id and _sees(session, one)
    ]
    shared = await shared_budgets(session.entities, seen)
    rows = [(f"member:{one.id}", one) for one in seen]
    spent = await spending_of(session.ledger, rows, shared, session.now)
    return [
        MembershipAnswer(
            user_id=one.user_id,
            team_id=one.team_id,
            budget_id=one.budget_id,
            spend=usd(spending.spent),
            total_spend=usd(spending.total),
            budget_reset_at=spending.reset_at,
            litellm_budget_table=_budget(one, duration_of(one, shared.get(one.budget_id or ""))),
        )
        for one, spending in zip(seen, spent, strict=True)
    ]


def effective(member: Membership, team: Team) -> Membership:
    """The member's row with the team's limits where he has none of his own."""
    if member.budget_id is not None:
        return member
    usual = {
        "max_budget": team.member_max_budget,
        "budget_duration": team.member_budget_duration,
        "rpm_limit": team.member_rpm_limit,
        "tpm_limit": team.member_tpm_limit,
    }
    filled = {name: value for name, value in usual.items() if getattr(member, name) is None}
    return member.model_copy(update=filled)


def _sees(session: Session, member: Membership) -> bool:
    reach = session.reach
    return reach.sees_all or reach.leads_team(member.team_id) or reach.is_user(member.user_id)


def _columns(team: Team, members: Sequence[Membership]) -> dict[str, Any]:
    return {
        **team.settings,
        **limit_columns(team),
        "team_id": team.id,
        "team_alias": team.alias,
        "organization_id": team.organization_id,
        "admins": [one.user_id for one in members if one.role == "admin"],
        "members": [one.user_id for one in members if one.role == "user"],
        "members_with_roles": [
            MemberAnswer(
                user_id=one.user_id, user_email=one.metadata.get("user_email"), role=one.role
            )
            for one in members
        ],
        "team_member_permissions": list(team.member_permissions) or None,
        "metadata": veiled(team.metadata),
        "models": list(team.models),
        "blocked": team.blocked,
        "tags": list(team.tags) or None,
        "model_aliases": team.model_aliases or None,
        "litellm_model_table": {"model_aliases": team.model_aliases}
        if team.model_aliases
        else None,
        "team_member_budget": maybe_usd(team.member_max_budget),
        "team_member_budget_duration": team.member_budget_duration,
        "team_member_rpm_limit": team.member_rpm_limit,
        "team_member_tpm_limit": team.member_tpm_limit,
    }


def _budget(member: Membership, duration: str) -> dict[str, Any]:
    return {
        "budget_id": member.budget_id,
        "max_budget": maybe_usd(member.max_budget),
        "soft_budget": maybe_usd(member.soft_budget),
        "max_parallel_requests": member.max_parallel_requests,
        "tpm_limit": member.tpm_limit,
        "rpm_limit": member.rpm_limit,
        "budget_duration": duration or None,
        "budget_limits": shown_limits(member),
        "model_max_budget": shown_model_budgets(member.model_max_budget) or None,
        "allowed_models": list(member.allowed_models) or None,
        "temp_budget_increase": maybe_usd(member.temp_budget_increase),
        "temp_budget_expiry": member.temp_budget_expiry,
    }
