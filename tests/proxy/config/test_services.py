"""How services sign in, by LiteLLM's keys."""

from __future__ import annotations

from proxy.config.services import TTL, ServiceSettings
from tests.proxy.config.builders import ENV, said, with_sections

ON = "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth: "
URL = "https://issuer.example/keys"


def test_nobody_signs_in_by_a_token_unless_it_is_switched_on() -> None:
    assert with_sections("").identity.services is None
    settings = with_sections("general_settings: {litellm_jwtauth: {user_id_jwt_field: sub}}")
    assert settings.identity.services is None
    assert "enable_jwt_auth is not true" in said(settings, "note")


def test_without_a_key_to_check_with_it_is_an_error() -> None:
    settings = with_sections(ON + "{}")
    assert settings.identity.services is None
    assert "set public_key, public_key_file or public_key_url" in said(settings, "error")


def test_the_variables_of_litellm_are_read() -> None:
    env = {**ENV, "JWT_PUBLIC_KEY_URL": URL, "JWT_AUDIENCE": "gw", "JWT_ISSUER": "i"}
    assert with_sections(ON + "{}", env).identity.services == ServiceSettings(
        public_key_url=URL, audience="gw", issuer="i"
    )


def test_claims_are_named_as_litellm_names_them() -> None:
    settings = with_sections(
        ON
        + f"""
    public_key_url: {URL}
    user_id_jwt_field: uid
    user_email_jwt_field: mail
    user_allowed_email_domain: x.example
    user_id_upsert: true
    team_id_jwt_field: team
    team_ids_jwt_field: teams
    team_id_default: t0
    org_id_jwt_field: org
    end_user_id_jwt_field: customer
    admin_jwt_scope: boss
    user_roles_jwt_field: realm.roles
    user_allowed_roles: [dev]
    public_key_ttl: 60
"""
    )
    assert said(settings, "error") == ""
    assert settings.identity.services == ServiceSettings(
        public_key_url=URL,
        public_key_ttl=60,
        user_field="uid",
        email_field="mail",
        email_domain="x.example",
        creates_users=True,
        team_field="team",
        teams_field="teams",
        team_default="t0",
        organization_field="org",
        end_user_field="customer",
        admin_scope="boss",
        roles_field="realm.roles",
        allowed_roles=("dev",),
    )


def test_what_is_wrong_or_not_active_is_said() -> None:
    wrong = "user_id_jwt_field: [a], public_key_ttl: -1, role_mappings: []"
    settings = with_sections(ON + f"{{public_key_url: {URL}, {wrong}}}")
    assert "user_id_jwt_field: expected a string, got a list" in said(settings, "error")
    assert "role_mappings: not active yet" in said(settings, "note")
    assert settings.identity.services is not None
    assert settings.identity.services.public_key_ttl == TTL


def test_services_that_belong_to_no_team_are_warned_about() -> None:
    key = f"{{public_key_url: {URL}"
    assert "spend without a limit" in said(with_sections(ON + key + "}"), "warning")
    for name in ("team_id_jwt_field", "team_ids_jwt_field", "team_id_default"):
        assert said(with_sections(ON + f"{key}, {name}: team}}"), "warning") == ""
