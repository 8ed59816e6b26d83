"""From everybody who stands behind a caller to a principal.

The rule: nothing is asked and nothing is waited for; the same bearers at the same moment are the
same principal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from pipelines.access import Bearer, Layer, layer, routes_of
from pipelines.addresses import Network, networks
from pipelines.allowance import Allowance, Budget
from pipelines.exchange import Principal
from pipelines.parties import TASK_TAG
from pipelines.periods import check_duration
from proxy.stores.entities.kinds import Limited, ModelBudget, SharedBudget
from proxy.stores.keys.bearers import Bearers

ROLE = "internal_user"

_NO_MAP: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the operator decided for all.

    A user's own budget binds his keys of a team where `user_budget_on_team_keys`; an end user
    without a budget has `end_user_budget` (nano-dollars).
    """

    user_budget_on_team_keys: bool = False
    end_user_budget: int | None = None


def principal_of(
    bearers: Bearers, digest: str, now: datetime, defaults: Defaults | None = None
) -> Principal:
    """The principal of a key."""
    key, user, team = bearers.key, bearers.user, bearers.team
    assert key is not None
    return Principal(
        alias=key.alias or key.name or key.id,
        digest=digest,
        key_id=key.id,
        user_id=user.id if user else key.user_id,
        team_id=team.id if team else None,
        organization_id=bearers.organization.id if bearers.organization else None,
        end_user=bearers.end_user.id if bearers.end_user else None,
        tags=bearers.labels,
        role=user.role if user else ROLE,
        allowances=tuple(_allowances(bearers, now, defaults or Defaults())),
        metadata=MappingProxyType(dict(key.metadata)),
        layers=tuple(_layers(bearers)),
        aliases=MappingProxyType(dict(key.aliases)) if key.aliases else _NO_MAP,
        team_aliases=_team_aliases(bearers),
        routes=routes_of(key.key_type, key.allowed_routes),
        networks=_networks(key.allowed_ips),
        region=_region(bearers),
        team_alias=team.alias if team else None,
        user_email=user.email if user else None,
    )


def widened(
    base: Principal, bearers: Bearers, now: datetime, defaults: Defaults | None = None
) -> Principal:
    """A principal without a key of its own (the operator's, a service's), with these bearers."""
    return replace(
        base,
        user_id=bearers.user.id if bearers.user else base.user_id,
        team_id=bearers.team.id if bearers.team else base.team_id,
        organization_id=bearers.organization.id if bearers.organization else base.organization_id,
        end_user=bearers.end_user.id if bearers.end_user else base.end_user,
        tags=bearers.labels,
        allowances=(*base.allowances, *_allowances(bearers, now, defaults or Defaults())),
        layers=(*base.layers, *_layers(bearers)),
        team_aliases=_team_aliases(bearers) or base.team_aliases,
        region=_region(bearers),
        team_alias=bearers.team.alias if bearers.team else base.team_alias,
        user_email=bearers.user.email if bearers.user else base.user_email,
    )


def good_until(bearers: Bearers, digest: str, now: datetime) -> datetime | None:
    """When what was built from these bearers at `now` must be built anew; None: when one of them
    changes."""
    moments = [
        one.temp_budget_expiry
        for one in bearers.limited
        if one.temp_budget_expiry is not None and one.temp_budget_expiry > now
    ]
    key = bearers.key
    if key is not None:
        moments += [one.until for one in key.former if one.digest == digest]
        moments += [key.expires] if key.expires is not None else []
    return min(moments, default=None)


def allowance(
    scope: str, label: str, limits: Limited, shared: SharedBudget | None, now: datetime
) -> Allowance:
    """The limits of one bearer; a shared budget fills the gaps."""

    def of(name: str) -> int | None:
        own: int | None = getattr(limits, name)
        return own if own is not None or shared is None else getattr(shared, name)

    duration = limits.budget_duration or (shared.budget_duration if shared else None)
    return Allowance(
        scope=scope,
        label=label,
        budgets=tuple(_budgets(limits, of("max_budget"), of("soft_budget"), duration, now)),
        rpm=of("rpm_limit"),
        tpm=of("tpm_limit"),
        parallel=of("max_parallel_requests"),
        models=_models(scope, label, limits, shared),
    )


def _allowances(bearers: Bearers, now: datetime, defaults: Defaults) -> Iterator[Allowance]:
    def of(one: Limited, scope: str, label: str) -> Allowance:
        shared = bearers.budgets.get(one.budget_id) if one.budget_id else None
        return allowance(scope, label, one, shared, now)

    key, user, team, above = bearers.key, bearers.user, bearers.team, bearers.organization
    if key is not None:
        yield of(key, f"key:{key.id}", f"Key={key.alias or key.name or key.id}")
    if user is not None:
        found = of(user, f"user:{user.id}", f"User={user.id}")
        # As LiteLLM: a team's key is the team's to pay for, unless the call says who uses it.
        free = team is not None and not (bearers.is_named or defaults.user_budget_on_team_keys)
        yield _uncapped(found) if free else found
    if team is not None:
        yield of(team, f"team:{team.id}", f"Team={team.alias or team.id}")
        if user is not None:
            yield _member(bearers, now)
    if above is not None:
        yield of(above, f"organization:{above.id}", f"Organization={above.alias or above.id}")
    if bearers.end_user is not None:
        yield _end_user(bearers, now, defaults)
    budgeted = {tag.id: tag for tag in bearers.tags}
    for name in bearers.labels:
        if name in budgeted:
            yield of(budgeted[name], f"tag:{name}", f"Tag={name}")
        elif name.startswith(TASK_TAG):
            yield Allowance(f"tag:{name}", f"Tag={name}")


def _member(bearers: Bearers, now: datetime) -> Allowance:
    team, user, member = bearers.team, bearers.user, bearers.member
    assert team is not None
    assert user is not None
    scope, label = f"member:{team.id}/{user.id}", f"User={user.id} in Team={team.alias or team.id}"
    usual = SharedBudget(
        id="",
        max_budget=team.member_max_budget,
        budget_duration=team.member_budget_duration,
        rpm_limit=team.member_rpm_limit,
        tpm_limit=team.member_tpm_limit,
    )
    if member is None:
        return allowance(scope, label, usual, None, now)
    shared = bearers.budgets.get(member.budget_id) if member.budget_id else None
    return allowance(scope, label, member, shared or usual, now)


def _end_user(bearers: Bearers, now: datetime, defaults: Defaults) -> Allowance:
    one = bearers.end_user
    assert one is not None
    shared = bearers.budgets.get(one.budget_id) if one.budget_id else None
    if shared is None and one.max_budget is None:
        shared = SharedBudget(id="", max_budget=defaults.end_user_budget)
    return allowance(f"end_user:{one.id}", f"End User={one.alias or one.id}", one, shared, now)


def _layers(bearers: Bearers) -> Iterator[Layer]:
    key, user, team, member = bearers.key, bearers.user, bearers.team, bearers.member
    above, end_user, groups = bearers.organization, bearers.end_user, bearers.groups
    listed: list[tuple[Bearer, Iterable[str]]] = []
    if key is not None:
        listed.append(("key", (*key.models, *key.access_group_ids)))
    if team is not None:
        listed.append(("team", team.models))
        if member is not None:
            listed.append(("member", member.allowed_models))
    elif user is not None:
        # A user's own models are for his own keys: what his team may use is the team's to say.
        listed.append(("user", user.models))
    if above is not None:
        listed.append(("organization", above.models))
    if end_user is not None:
        listed.append(("end_user", end_user.models))
    for bearer, names in listed:
        found = layer(bearer, names, groups)
        if found is not None:
            yield found


def _region(bearers: Bearers) -> str:
    end_user = bearers.end_user
    return (end_user.allowed_model_region or "") if end_user else ""


def _team_aliases(bearers: Bearers) -> Mapping[str, str]:
    team = bearers.team
    return MappingProxyType(dict(team.model_aliases)) if team and team.model_aliases else _NO_MAP


def _budgets(
    limits: Limited,
    most: int | None,
    soft: int | None,
    duration: str | None,
    now: datetime,
) -> Iterator[Budget]:
    expiry, increase = limits.temp_budget_expiry, limits.temp_budget_increase
    if most is not None and increase and (expiry is None or expiry > now):
        most += increase
    span = _span(duration)
    if most is not None or soft is not None or span:
        yield Budget(most, span, soft)
    for one in limits.budget_limits:
        yield Budget(one.max_budget, _span(one.budget_duration))


def _models(
    scope: str, label: str, limits: Limited, shared: SharedBudget | None
) -> Mapping[str, Allowance]:
    own = limits.model_max_budget or (shared.model_max_budget if shared else {})
    names = dict.fromkeys((*own, *limits.model_rpm_limit, *limits.model_tpm_limit))
    found: dict[str, Allowance] = {}
    for name in names:
        budget = own.get(name, ModelBudget())
        rpm, tpm = limits.model_rpm_limit.get(name), limits.model_tpm_limit.get(name)
        span = _span(budget.budget_duration)
        limited = budget.max_budget is not None or span
        found[name] = Allowance(
            scope=f"{scope}/{name}",
            label=f"{label} Model={name}",
            budgets=(Budget(budget.max_budget, span),) if limited else (),
            rpm=budget.rpm_limit if rpm is None else rpm,
            tpm=budget.tpm_limit if tpm is None else tpm,
        )
    return MappingProxyType(found)


def _uncapped(one: Allowance) -> Allowance:
    """The same, whose money is counted and refuses nothing."""
    return replace(one, budgets=tuple(Budget(None, budget.duration) for budget in one.budgets))


def _networks(listed: Iterable[str]) -> tuple[Network, ...]:
    """What of a list is written right; where nothing of it is, a network that nobody calls from."""
    found: list[Network] = []
    for one in listed:
        with suppress(ValueError):
            found += networks((one,))
    return tuple(found) or (networks(("0.0.0.0/32",)) if listed else ())


def _span(duration: str | None) -> str:
    # An entity may have been written by hand: a duration nobody understands lasts for ever, which
    # is the stricter reading.
    try:
        return check_duration(duration) if duration else ""
    except ValueError:
        return ""
