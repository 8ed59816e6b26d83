"""Who may do what with a team.

The rule: a team's admin leads its members and their keys; what the team itself may spend and use is
set by those above it, and nobody sets more than he could himself.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.admin.errors import DetailedNotFound, DetailedRefusal, NotAllowed
from proxy.admin.roles import allows
from proxy.admin.session import Session
from proxy.admin.teams_bodies import TeamBody
from proxy.stores.entities.kinds import Organization, SharedBudget, Team

# What only the gateway's administrators set.
_OPERATORS = frozenset(
    {
        "budget_id",
        "router_settings",
        "object_permission",
        "access_group_ids",
        "allowed_passthrough_routes",
        "denied_passthrough_routes",
        "allowed_vector_store_indexes",
        "disable_global_guardrails",
        "temp_budget_increase",
        "temp_budget_expiry",
        "spend",
    }
)
# What a team's own admin may change of it.
_TEAM_ADMINS = frozenset(
    {
        "team_id",
        "team_alias",
        "metadata",
        "tags",
        "team_member_permissions",
        "team_member_budget",
        "team_member_budget_duration",
        "team_member_rpm_limit",
        "team_member_tpm_limit",
        "team_member_key_duration",
        "team_member_model_max_budget",
        "default_team_member_models",
        "require_trace_id",
    }
)


async def known_team(session: Session, team_id: str) -> Team:
    """The team, where the caller may see it. Raises DetailedNotFound and StoreUnavailable."""
    team = await session.entities.get(Team, team_id) if session.reach.sees_team(team_id) else None
    if team is None:
        # A stranger learns nothing of whether there is such a team.
        raise missing_team(team_id)
    return team


def missing_team(team_id: str) -> DetailedNotFound:
    """There is no such team, as far as the caller may know."""
    return DetailedNotFound(f"Team not found, passed team_id={team_id}", "team_id")


async def led_team(session: Session, team_id: str) -> Team:
    """The team, where the caller leads its members. Raises DetailedNotFound and NotAllowed."""
    team = await known_team(session, team_id)
    session.demand(session.reach.leads_team(team_id), "You do not administer this team.")
    return team


async def governed_team(session: Session, team_id: str) -> Team:
    """The team, where the caller stands above it. Raises DetailedNotFound and NotAllowed."""
    team = await known_team(session, team_id)
    session.demand(
        governs(session, team), "Only a proxy admin or the organization's admin may do this."
    )
    return team


def governs(session: Session, team: Team) -> bool:
    """Whether the caller sets what this team may spend and use."""
    return session.reach.leads_organization(team.organization_id)


def check_sent(session: Session, body: TeamBody, above: bool) -> None:
    """Raises NotAllowed where a field is not the caller's to set; `above` says whether he stands
    above the team."""
    if session.reach.admin:
        return
    sent = {
        name
        for name in body.model_fields_set
        if not above or getattr(body, name, None) not in (None, False, [], {})
    }
    beyond = sent & _OPERATORS if above else sent & set(type(body).model_fields) - _TEAM_ADMINS
    if beyond:
        what = ", ".join(sorted(beyond)[:5])
        raise NotAllowed(f"This of a team is not yours to set: {what}.")


async def check_place(session: Session, organization_id: str | None, models: Iterable[str]) -> None:
    """Raises NotAllowed where the caller may not put a team there, and DetailedNotFound or
    DetailedRefusal where the organization does not let it have these models."""
    session.demand(
        session.reach.leads_organization(organization_id),
        "Only a proxy admin or an organization's admin may do this.",
    )
    if organization_id is None:
        return
    organization = await session.entities.get(Organization, organization_id)
    if organization is None:
        raise DetailedNotFound(f"Organization not found, passed organization_id={organization_id}")
    if not organization.models:
        return
    beyond = [one for one in models if not allows(organization.models, one)]
    if beyond:
        raise DetailedRefusal(f"The organization may not use the model {beyond[0][:200]!r}.")


async def check_budget(session: Session, budget_id: str | None) -> None:
    """Raises DetailedNotFound where there is no such shared budget."""
    if budget_id is None:
        return
    if await session.entities.get(SharedBudget, budget_id) is None:
        raise DetailedNotFound(f"Budget not found, passed budget_id={budget_id}", "budget_id")
