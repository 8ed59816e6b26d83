"""Decides how services sign in with tokens of another issuer.

The rule: keys as LiteLLM's `litellm_jwtauth`; a token is believed only where a key to check it with
is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.config.masking import show
from proxy.config.problems import NOT_ACTIVE, Trail
from proxy.config.references import Reading

KEYS_URL = "JWT_PUBLIC_KEY_URL"
AUDIENCE = "JWT_AUDIENCE"
ISSUER = "JWT_ISSUER"
TTL = 600.0
ADMIN_SCOPE = "litellm_proxy_admin"

_TEXTS = (
    "user_id_jwt_field",
    "team_id_jwt_field",
    "team_ids_jwt_field",
    "user_email_jwt_field",
    "user_roles_jwt_field",
    "org_id_jwt_field",
    "end_user_id_jwt_field",
    "team_id_default",
    "admin_jwt_scope",
    "user_allowed_email_domain",
    "public_key",
    "public_key_file",
    "public_key_url",
    "audience",
    "issuer",
)
_TEAMS = ("team_id_jwt_field", "team_ids_jwt_field", "team_id_default")
_UNBUDGETED = (
    "no token names a team, so that services without a user's budget spend without a limit; set"
    " team_id_jwt_field or team_id_default, and give the team a budget"
)
_KNOWN = frozenset({*_TEXTS, "public_key_ttl", "user_id_upsert", "user_allowed_roles"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """How tokens are checked, and which claim (`a.b` reaches into `a`) says what; times in seconds.

    The public key is a text in PEM, or a JWKS or PEM behind an address or in a file.
    """

    public_key: str | None = None
    public_key_file: str | None = None
    public_key_url: str | None = None
    public_key_ttl: float = TTL
    audience: str | None = None
    issuer: str | None = None
    user_field: str = "sub"
    email_field: str | None = None
    team_field: str | None = None
    teams_field: str | None = None
    roles_field: str = "roles"
    allowed_roles: tuple[str, ...] = ()
    organization_field: str | None = None
    end_user_field: str | None = None
    team_default: str | None = None
    admin_scope: str = ADMIN_SCOPE
    email_domain: str | None = None
    creates_users: bool = False


def services(
    enabled: bool, given: Mapping[str, Any] | None, reading: Reading
) -> ServiceSettings | None:
    """How services sign in; None where they do not."""
    trail: Trail = ("general_settings", "litellm_jwtauth")
    if not enabled:
        if given:
            reading.problems.note(trail, "not used: enable_jwt_auth is not true")
        return None
    fields = dict(given or {})
    texts = {name: _text(fields.get(name), (*trail, name), reading) for name in _TEXTS}
    for name in sorted(set(fields) - _KNOWN):
        reading.problems.note((*trail, name), NOT_ACTIVE)
    url = texts["public_key_url"] or reading.variable(KEYS_URL)
    if not (url or texts["public_key"] or texts["public_key_file"]):
        reading.problems.error(
            trail, f"set public_key, public_key_file or public_key_url, or the variable {KEYS_URL}"
        )
        return None
    if not any(texts[name] for name in _TEAMS):
        reading.problems.warning(trail, _UNBUDGETED)
    ttl = fields.get("public_key_ttl")
    return ServiceSettings(
        public_key=texts["public_key"],
        public_key_file=texts["public_key_file"],
        public_key_url=url,
        public_key_ttl=float(ttl) if isinstance(ttl, int | float) and ttl > 0 else TTL,
        audience=texts["audience"] or reading.variable(AUDIENCE),
        issuer=texts["issuer"] or reading.variable(ISSUER),
        user_field=texts["user_id_jwt_field"] or "sub",
        email_field=texts["user_email_jwt_field"],
        team_field=texts["team_id_jwt_field"],
        teams_field=texts["team_ids_jwt_field"],
        roles_field=texts["user_roles_jwt_field"] or "roles",
        allowed_roles=_names(fields.get("user_allowed_roles")),
        organization_field=texts["org_id_jwt_field"],
        end_user_field=texts["end_user_id_jwt_field"],
        team_default=texts["team_id_default"],
        admin_scope=texts["admin_jwt_scope"] or ADMIN_SCOPE,
        email_domain=texts["user_allowed_email_domain"],
        creates_users=fields.get("user_id_upsert") is True,
    )


def _names(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    return tuple(one for one in listed if isinstance(one, str) and one)


def _text(value: object, trail: Trail, reading: Reading) -> str | None:
    if value is None or isinstance(value, str):
        return (value or "").strip() or None
    reading.problems.error(trail, f"expected a string, got {show(value)}")
    return None
