"""That no key grants more than whoever made it has.

The rule: who is no administrator of the whole gateway passes on what his own key, his account and
his team let him, and not more; what he leaves open is filled with his own key's limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.admin.errors import NotAllowed, NotFound
from proxy.admin.roles import allows
from proxy.admin.session import Session
from proxy.stores.entities.kinds import Key, Membership, Team, User
from proxy.stores.entities.store import Query

# What only the gateway's administrators set.
_OPERATORS = frozenset(
    {
        "permissions",
        "router_settings",
        "object_permission",
        "allowed_passthrough_routes",
        "allowed_vector_store_indexes",
        "disable_global_guardrails",
        "throttle_on_budget_exceeded",
        "budget_id",
        "end_user_budget_id",
        "temp_budget_increase",
        "temp_budget_expiry",
        "access_group_ids",
        "key",
        "new_key",
    }
)
# What an owner may change of a key that he does not lead.
_OWNERS = frozenset(
    {
        "key_alias",
        "metadata",
        "models",
        "aliases",
        "auto_rotate",
        "rotation_interval",
        "grace_period",
        "config",
        "prompts",
        "project_id",
        "agent_id",
        "enable_prompt_caching",
    }
)
_KEY_IS_WIDER = "Your key may not grant more than it has itself: {}."
_WIDE_NAMES = frozenset({"all-team-models"})
_NARROW_NAMES = frozenset({"no-default-models"})
_RATES = ("rpm_limit", "tpm_limit", "max_parallel_requests")
_SAME_AS_MINE = ("budget_limits", "model_max_budget", "model_rpm_limit", "model_tpm_limit")


def check_new(session: Session, sent: Mapping[str, Any]) -> None:
    """Raises NotAllowed where a new key is to have what only administrators give."""
    if not session.reach.admin:
        _deny(set(sent) & (_OPERATORS | {"spend"}), sent)


def check_change(session: Session, key: Key, sent: Mapping[str, Any], names: set[str]) -> None:
    """Raises NotAllowed where the caller may not change one of these fields of the key."""
    if session.reach.admin:
        return
    if session.reach.leads_key(key):
        _deny(names & _OPERATORS, sent)
    else:
        beyond = names - _OWNERS - {"key"}
        if beyond:
            what = ", ".join(sorted(beyond)[:5])[:200]
            raise NotAllowed(f"Only an administrator may change this of a key: {what}.")


def _deny(names: set[str], sent: Mapping[str, Any]) -> None:
    given = sorted(name for name in names if sent[name] not in (None, False, {}, []))
    if given:
        raise NotAllowed(f"Only a proxy admin may set this of a key: {', '.join(given)}.")


async def placed(session: Session, key: Key, path: str) -> tuple[Key, Team | None]:
    """The key with its owner and organization filled in, and its team.

    Raises NotAllowed where the caller may not put a key there, and NotFound for no such team.
    """
    reach = session.reach
    team = await _team(session, key.team_id)
    if team is not None and team.organization_id is not None:
        key = key.model_copy(update={"organization_id": team.organization_id})
    if reach.admin:
        return key, team
    if key.team_id is None and key.organization_id is None:
        session.demand(
            reach.writes and reach.user_id is not None and key.user_id in (None, reach.user_id),
            "You may make keys for yourself only.",
        )
        return key.model_copy(update={"user_id": reach.user_id}), team
    # The team decides where there is one: an organization's admin leads its own teams only.
    leads = (
        reach.leads_team(key.team_id)
        if key.team_id is not None
        else reach.leads_organization(key.organization_id)
    )
    if leads:
        await _check_member(session, key)
        return key, team
    session.demand(
        team is not None
        and reach.writes
        and key.team_id in reach.team_ids
        and path in team.member_permissions
        and key.user_id in (None, reach.user_id),
        "You may not make keys for this team or organization.",
    )
    return key.model_copy(update={"user_id": reach.user_id}), team


async def _team(session: Session, team_id: str | None) -> Team | None:
    if team_id is None:
        return None
    team = await session.entities.get(Team, team_id)
    # A stranger learns nothing of whether there is such a team.
    if team is None and session.reach.admin:
        raise NotFound(f"Team not found, passed team_id={team_id}.", "team_id")
    return team


async def _check_member(session: Session, key: Key) -> None:
    if key.user_id is None or session.reach.is_user(key.user_id):
        return
    member = await _member(session, key.team_id, key.user_id)
    session.demand(member is not None, "The key's user is no member of this team.")


async def _member(session: Session, team_id: str | None, user_id: str) -> Membership | None:
    if team_id is None:
        return None
    where: dict[str, object] = {"team_id": team_id, "user_id": user_id}
    found = await session.entities.find(Membership, Query(where=where, limit=1))
    return found[0] if found else None


async def narrowed(session: Session, key: Key, team: Team | None) -> Key:
    """The key with nothing in it that its maker does not have. Raises NotAllowed."""
    if session.reach.admin:
        return key
    mine = session.key
    if mine is not None:
        key = _within(mine, key)
    for source in await _lists(session, key, team):
        _check_models(key, source, team)
    return key


def covers(mine: Key, other: Key) -> bool:
    """Whether a key has all that another one has, so that its holder may get hold of that too."""
    if mine.id == other.id:
        return True
    try:
        return _within(mine, other) == other
    except NotAllowed:
        return False


def _within(mine: Key, key: Key) -> Key:
    changes: dict[str, Any] = {}
    if mine.models:
        changes["models"] = _subset("models", mine.models, key.models)
        _subset("aliases", mine.models, tuple(key.aliases.values()))
    for name in ("allowed_routes", "allowed_ips"):
        if getattr(mine, name):
            changes[name] = _listed(name, getattr(mine, name), getattr(key, name))
    for name in ("tags", "guardrails"):
        changes[name] = tuple(dict.fromkeys((*getattr(key, name), *getattr(mine, name))))
    for name in _RATES:
        if getattr(mine, name) is not None:
            changes[name] = _at_most(name, getattr(mine, name), getattr(key, name))
    if mine.max_budget is not None:
        changes |= _budget(mine, key)
    for name in _SAME_AS_MINE:
        if getattr(mine, name):
            changes[name] = _same(name, getattr(mine, name), getattr(key, name))
    if mine.budget_id is not None:
        changes["budget_id"] = _same("budget_id", mine.budget_id, key.budget_id)
    if mine.expires is not None:
        changes["expires"] = min(mine.expires, key.expires or mine.expires)
    return key.model_copy(update=changes)


def _subset(name: str, mine: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    beyond = [one for one in wanted if one not in _NARROW_NAMES and not allows(mine, one)]
    if beyond:
        raise NotAllowed(_KEY_IS_WIDER.format(f"{name} {beyond[0][:200]!r}"))
    return tuple(wanted or mine)


def _listed(name: str, mine: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    beyond = [one for one in wanted if one not in mine]
    if beyond:
        raise NotAllowed(_KEY_IS_WIDER.format(f"{name} {beyond[0][:200]!r}"))
    return tuple(wanted or mine)


def _at_most(name: str, mine: int, wanted: int | None) -> int:
    if wanted is not None and wanted > mine:
        raise NotAllowed(_KEY_IS_WIDER.format(name))
    return mine if wanted is None else wanted


def _same(name: str, mine: Any, wanted: Any) -> Any:
    if wanted and wanted != mine:
        raise NotAllowed(_KEY_IS_WIDER.format(name))
    return mine


def _budget(mine: Key, key: Key) -> dict[str, Any]:
    assert mine.max_budget is not None
    wanted = key.max_budget if key.max_budget is not None else mine.max_budget
    duration = key.budget_duration if key.max_budget is not None else mine.budget_duration
    if wanted > mine.max_budget or duration != mine.budget_duration:
        raise NotAllowed(_KEY_IS_WIDER.format("max_budget"))
    return {"max_budget": wanted, "budget_duration": duration}


async def _lists(session: Session, key: Key, team: Team | None) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    user_id = session.reach.user_id
    if team is not None:
        found.append(team.models)
        if user_id is not None and not session.reach.leads_team(team.id):
            member = await _member(session, team.id, user_id)
            found.append(member.allowed_models if member else ())
    elif user_id is not None:
        user = await session.entities.get(User, user_id)
        found.append(user.models if user else ())
    return [one for one in found if one]


def _check_models(key: Key, source: tuple[str, ...], team: Team | None) -> None:
    of_team = _WIDE_NAMES if team is not None else frozenset[str]()
    names = (*key.models, *(one for one in key.aliases.values()))
    for one in names:
        if one not in of_team | _NARROW_NAMES and not allows(source, one):
            raise NotAllowed(f"You may not grant the model {one[:200]!r}.", "models")
