"""What the team routes take.

The rule: every field of LiteLLM's team bodies is accepted; what a team has no field for is kept in
its settings, credentials excepted.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

from proxy.admin.columns import kept, renamed
from proxy.admin.fields import (
    Body,
    Count,
    Duration,
    MaybeName,
    ModelBudgetBody,
    Moment,
    Name,
    Page,
    PageSize,
    Usd,
)
from proxy.admin.ids import MaybeTenant
from proxy.admin.keys_bodies import LimitsBody, Names
from proxy.admin.limits import limits_of
from proxy.admin.money import maybe_nano
from proxy.stores.entities.kinds import Team

MOST_AT_ONCE = 500

_OWN = MappingProxyType(
    {
        "metadata": "metadata",
        "models": "models",
        "model_aliases": "model_aliases",
        "blocked": "blocked",
        "tags": "tags",
        "team_member_permissions": "member_permissions",
    }
)
_MAY_BE_NULL = MappingProxyType(
    {
        "team_alias": "alias",
        "organization_id": "organization_id",
        "team_member_budget_duration": "member_budget_duration",
        "team_member_rpm_limit": "member_rpm_limit",
        "team_member_tpm_limit": "member_tpm_limit",
    }
)
SETTINGS = frozenset(
    {
        "tpd_limit",
        "router_settings",
        "access_group_ids",
        "default_team_member_models",
        "guardrails",
        "policies",
        "prompts",
        "object_permission",
        "allowed_passthrough_routes",
        "denied_passthrough_routes",
        "disable_global_guardrails",
        "require_trace_id",
        "rpm_limit_type",
        "tpm_limit_type",
        "default_estimated_output_tokens",
        "default_estimated_output_tokens_per_model",
        "mcp_rpm_limit",
        "team_member_key_duration",
        "team_member_model_max_budget",
        "allowed_vector_store_indexes",
        "enforced_batch_output_expires_after",
        "enforced_file_expires_after",
    }
)
LimitType = Literal["guaranteed_throughput", "best_effort_throughput"]


class Member(Body):
    """A user of a team, by id or by e-mail."""

    user_id: MaybeName = None
    user_email: MaybeName = None
    role: Literal["admin", "user"]


class TeamBody(LimitsBody):
    """What a team can have; sums in US dollars."""

    team_alias: MaybeName = None
    organization_id: MaybeName = None
    metadata: dict[str, Any] | None = None
    models: Names | None = None
    model_aliases: dict[Name, Name] | None = None
    blocked: bool | None = None
    tags: Names | None = None
    team_member_permissions: Names | None = None
    team_member_budget: Usd | None = None
    team_member_budget_duration: Duration | None = None
    team_member_rpm_limit: Count | None = None
    team_member_tpm_limit: Count | None = None
    team_member_key_duration: Duration | None = None
    team_member_model_max_budget: dict[Name, ModelBudgetBody | Usd] | None = None
    tpd_limit: Count | None = None
    router_settings: dict[str, Any] | None = None
    access_group_ids: Names | None = None
    default_team_member_models: Names | None = None
    guardrails: Names | None = None
    policies: Names | None = None
    prompts: Names | None = None
    object_permission: dict[str, Any] | None = None
    allowed_passthrough_routes: list[Any] | None = None
    denied_passthrough_routes: Names | None = None
    disable_global_guardrails: bool | None = None
    require_trace_id: bool | None = None
    rpm_limit_type: LimitType | None = None
    tpm_limit_type: LimitType | None = None
    default_estimated_output_tokens: Count | None = None
    default_estimated_output_tokens_per_model: dict[Name, Count] | None = None
    mcp_rpm_limit: dict[Name, Count] | None = None
    allowed_vector_store_indexes: list[Any] | None = None
    enforced_batch_output_expires_after: dict[str, Any] | None = None
    enforced_file_expires_after: dict[str, Any] | None = None


class NewTeam(TeamBody):
    """A new team and its first members."""

    team_id: MaybeTenant = None
    admins: Names = Field(default_factory=list)
    members: Names = Field(default_factory=list)
    members_with_roles: Annotated[list[Member], Field(max_length=MOST_AT_ONCE)] = Field(
        default_factory=list
    )


class UpdateTeam(TeamBody):
    """What to change of a team: the fields that are there."""

    team_id: Name


class OneTeam(Body):
    """One team."""

    team_id: Name


class SeveralTeams(Body):
    """Several teams."""

    team_ids: Annotated[list[Name], Field(min_length=1, max_length=MOST_AT_ONCE)]


class TeamModels(Body):
    """Models to add to a team's, or to take from them."""

    team_id: Name
    models: Names


class TeamPermissions(Body):
    """Which key routes the members of a team may call for it."""

    team_id: Name
    team_member_permissions: Names


class InfoQuery(Body):
    """One team, and how many of its keys to show."""

    team_id: Name
    key_limit: Annotated[int, Field(ge=0, le=10_000)] | None = None


class ListQuery(Body):
    """The teams of one user or of one organization."""

    user_id: Name | None = None
    organization_id: Name | None = None


class PageQuery(ListQuery):
    """Which teams, and which page of them."""

    team_id: Name | None = None
    team_alias: Name | None = None
    search: Name | None = None
    page: Page = 1
    page_size: PageSize = 10
    sort_by: Name | None = None
    sort_order: Literal["asc", "desc"] = "asc"
    status: Name | None = None


class MemberLimits(Body):
    """What a member may spend in a team; sums in US dollars."""

    max_budget_in_team: Usd | None = None
    budget_duration: Duration | None = None
    allowed_models: Names | None = None


class AddMembers(MemberLimits):
    """One member to add to a team, or several."""

    team_id: Name
    member: Member | Annotated[list[Member], Field(min_length=1, max_length=MOST_AT_ONCE)]


class BulkAddMembers(MemberLimits):
    """Several members to add to a team, or all users."""

    team_id: Name
    members: Annotated[list[Member], Field(max_length=MOST_AT_ONCE)] | None = None
    all_users: bool | None = None


class UpdateMember(MemberLimits):
    """What to change of a member of a team."""

    team_id: Name
    user_id: MaybeName = None
    user_email: MaybeName = None
    role: Literal["admin", "user"] | None = None
    tpm_limit: Count | None = None
    rpm_limit: Count | None = None
    temp_budget_increase: Usd | None = None
    temp_budget_expiry: Moment | None = None
    model_max_budget: dict[Name, ModelBudgetBody | Usd] | None = None


class DeleteMember(Body):
    """A member of a team, by id or by e-mail."""

    team_id: Name
    user_id: MaybeName = None
    user_email: MaybeName = None


def team_fields(body: TeamBody, before: Team | None = None) -> dict[str, Any]:
    """The fields of a team that this body sets."""
    sent = body.model_fields_set
    found = {**limits_of(body), **renamed(body, _OWN)}
    found |= {own: getattr(body, name) for name, own in _MAY_BE_NULL.items() if name in sent}
    if "team_member_budget" in sent:
        found["member_max_budget"] = maybe_nano(body.team_member_budget)
    settings = kept(body, SETTINGS)
    if settings:
        found["settings"] = {**(before.settings if before else {}), **settings}
    return found
