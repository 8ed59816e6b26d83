"""Decides who callers are: what is believed of users, and what unknown ones may spend.

The rule: money is read in dollars and kept in nano-dollars, exact to the last written digit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeVar

from pipelines.addresses import Addresses, Network, networks
from pipelines.periods import check_duration
from proxy.config.environment import first_set
from proxy.config.identity import AUTH_GRACE, KEPT_PRINCIPALS, IdentitySettings, Kind, NewUser
from proxy.config.masking import show
from proxy.config.parts import Parts
from proxy.config.problems import Trail
from proxy.config.references import Reading
from proxy.config.services import services

NANO = 10**9
SALT_KEYS = ("HEADGATE_SALT_KEY",)
NEWCOMERS = ("internal_user", "internal_user_viewer")

T = TypeVar("T")

_KINDS: Mapping[str, Kind] = MappingProxyType({"internal_user": "user", "customer": "end_user"})


def identity(
    parts: Parts, access_groups: Mapping[str, tuple[str, ...]], reading: Reading
) -> IdentitySettings:
    """Who callers are, as the sections say."""
    general, litellm, own = parts.general, parts.litellm, parts.own
    pepper = first_set(reading.env, SALT_KEYS)
    secret = own.openwebui_jwt_secret or general.openwebui_jwt_secret
    for one in (pepper[1] if pepper else None, secret):
        reading.references.vault.keep(one or "")
    return IdentitySettings(
        pepper=pepper[1] if pepper else None,
        auth_grace=AUTH_GRACE if own.auth_grace is None else own.auth_grace,
        kept=general.user_api_key_cache_max_size or KEPT_PRINCIPALS,
        user_budget_on_team_keys=general.apply_user_budget_to_team_keys is True,
        addresses=_addresses(parts, reading),
        user_headers=_user_headers(parts, reading),
        openwebui_secret=secret,
        task_header=_header(own.task_header),
        task_model=own.task_model,
        groups_header=_header(own.groups_header),
        role_teams=_teams(own.role_teams, "role_teams", reading),
        group_teams=_teams(own.group_teams, "group_teams", reading),
        new_user=_new_user(parts, reading),
        end_users=litellm.disable_end_user_cost_tracking is not True,
        requires_user=general.enforce_user_param is True,
        end_user_budget=nano(litellm.max_end_user_budget),
        end_user_budget_id=litellm.max_end_user_budget_id,
        access_groups=access_groups,
        services=services(general.enable_jwt_auth is True, general.litellm_jwtauth, reading),
    )


def nano(usd: Decimal | float | None) -> int | None:
    """Dollars as nano-dollars, exact to the last written digit."""
    return None if usd is None else int((Decimal(str(usd)) * NANO).to_integral_value())


def _header(name: str | None) -> bytes | None:
    return None if name is None else name.lower().encode()


def _addresses(parts: Parts, reading: Reading) -> Addresses:
    general = parts.general

    def ranges(listed: list[str] | None, name: str) -> tuple[Network, ...]:
        trail: Trail = ("general_settings", name)
        return _tried(lambda: networks(listed or ()), (), trail, reading)

    proxies = ranges(general.trusted_proxy_ranges, "trusted_proxy_ranges")
    return Addresses(
        allowed=ranges(general.allowed_ips, "allowed_ips"),
        forwarded=general.use_x_forwarded_for is True or bool(proxies),
        proxies=proxies,
    )


def _user_headers(parts: Parts, reading: Reading) -> tuple[tuple[bytes, Kind], ...]:
    general = parts.general
    found: list[tuple[bytes, Kind]] = []
    listed = general.user_header_mappings
    for index, one in enumerate(listed if isinstance(listed, list) else [listed] if listed else []):
        trail: Trail = ("general_settings", "user_header_mappings", index)
        name = one.get("header_name") if isinstance(one, Mapping) else None
        role = one.get("litellm_user_role") if isinstance(one, Mapping) else None
        kind = _KINDS.get(str(role).strip().lower())
        if not isinstance(name, str) or not name.strip() or kind is None:
            message = (
                "expected header_name, and litellm_user_role internal_user or customer; got"
                f" {show(one)}"
            )
            reading.problems.error(trail, message)
            continue
        found.append((name.strip().lower().encode("utf-8", "replace"), kind))
    if general.user_header_name is not None:
        found.append((general.user_header_name.lower().encode("utf-8", "replace"), "end_user"))
    return tuple(found)


def _teams(given: Mapping[str, Any] | None, name: str, reading: Reading) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for role, team in (given or {}).items():
        if isinstance(team, str) and team.strip():
            found[str(role)] = team.strip()
        else:
            trail: Trail = ("headgate_settings", name, str(role))
            reading.problems.error(trail, f"expected a team's id, got {show(team)}")
    return found


def _new_user(parts: Parts, reading: Reading) -> NewUser:
    litellm = parts.litellm
    given = litellm.default_internal_user_params or {}
    trail: Trail = ("litellm_settings", "default_internal_user_params")

    def duration(text: object, where: Trail) -> str | None:
        return _tried(lambda: check_duration(str(text)), None, where, reading) if text else None

    role = given.get("user_role")
    if role is not None and role not in NEWCOMERS:
        reading.problems.warning(
            (*trail, "user_role"),
            f"who comes by a header or a token becomes one of {', '.join(NEWCOMERS)};"
            " internal_user is used",
        )
    budget = _tried(
        lambda: nano(_usd(given.get("max_budget"))), None, (*trail, "max_budget"), reading
    )
    return NewUser(
        role="internal_user_viewer" if role == NEWCOMERS[1] else "internal_user",
        max_budget=nano(litellm.max_internal_user_budget) if budget is None else budget,
        budget_duration=duration(given.get("budget_duration"), (*trail, "budget_duration"))
        or duration(
            litellm.internal_user_budget_duration,
            ("litellm_settings", "internal_user_budget_duration"),
        ),
        models=_words(given.get("models")),
        teams=_team_ids(given.get("teams")),
    )


def _usd(value: object) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("expected a number of dollars")
    try:
        found = Decimal(str(value))
    except ArithmeticError:
        raise ValueError("expected a number of dollars") from None
    if not found.is_finite() or found < 0:
        raise ValueError("expected a number of dollars")
    return found


def _words(value: object) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _team_ids(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    ids = [one.get("team_id") if isinstance(one, Mapping) else one for one in value]
    return tuple(one for one in ids if isinstance(one, str) and one)


def _tried(work: Callable[[], T], default: T, trail: Trail, reading: Reading) -> T:
    try:
        return work()
    except ValueError as error:
        reading.problems.error(trail, str(error))
        return default
