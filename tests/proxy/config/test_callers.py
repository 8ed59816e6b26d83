"""What the sections say about callers."""

from __future__ import annotations

import pytest

from pipelines.addresses import Addresses, networks
from proxy.config.callers import nano
from proxy.config.identity import IdentitySettings, NewUser
from tests.proxy.config.builders import ENV, examined, said, with_sections


def identity(text: str, env: dict[str, str] | None = None) -> IdentitySettings:
    settings = with_sections(text, {**ENV, **(env or {})})
    assert said(settings, "error") == ""
    return settings.identity


def test_nothing_is_believed_by_default() -> None:
    assert identity("") == IdentitySettings()
    assert identity("").user_headers == ()


def test_headers_name_users_in_the_files_order_and_the_older_key_last() -> None:
    found = identity("""
        general_settings:
          user_header_name: X-Old
          user_header_mappings:
          - {header_name: X-OpenWebUI-User-Id, litellm_user_role: internal_user}
          - {header_name: X-OpenWebUI-User-Email, litellm_user_role: customer}
    """)
    assert found.user_headers == (
        (b"x-openwebui-user-id", "user"),
        (b"x-openwebui-user-email", "end_user"),
        (b"x-old", "end_user"),
    )


def test_one_mapping_needs_no_list() -> None:
    found = identity(
        "general_settings: {user_header_mappings: {header_name: X, litellm_user_role: customer}}"
    )
    assert found.user_headers == ((b"x", "end_user"),)


@pytest.mark.parametrize(
    "mapping",
    [
        "7",
        "{header_name: X}",
        "{litellm_user_role: customer}",
        "{header_name: X, litellm_user_role: boss}",
    ],
)
def test_a_mapping_that_says_nothing_is_an_error(mapping: str) -> None:
    settings = with_sections(f"general_settings: {{user_header_mappings: [{mapping}]}}")
    assert "user_header_mappings[0]: expected header_name" in said(settings, "error")


def test_openwebuis_secret_may_stand_in_either_section_and_is_hidden() -> None:
    for section in ("general_settings", "headgate_settings"):
        settings = with_sections(
            f"{section}: {{openwebui_jwt_secret: os.environ/OWUI}}",
            {**ENV, "OWUI": "marked-0123456789"},
        )
        assert settings.identity.openwebui_secret == "marked-0123456789"
        assert "marked" not in repr(settings)
        assert "marked" not in settings.secrets.scrub("x marked-0123456789")


def test_the_salt_key_is_the_pepper_and_hidden() -> None:
    found = identity("", {"HEADGATE_SALT_KEY": "marked-salt", "LITELLM_SALT_KEY": "other"})
    assert found.pepper == "marked-salt"
    assert "marked" not in repr(found)
    # LiteLLM's digests are without its salt key, and its keys go on.
    assert identity("", {"LITELLM_SALT_KEY": "other"}).pepper is None


def test_newcomers_get_what_the_two_places_say() -> None:
    found = identity("""
        litellm_settings:
          max_internal_user_budget: 0.1
          internal_user_budget_duration: monthly
          default_internal_user_params:
            models: [gpt-4o]
            teams: [a, {team_id: b}, 7]
    """)
    assert found.new_user == NewUser(
        max_budget=100_000_000, budget_duration="1mo", models=("gpt-4o",), teams=("a", "b")
    )
    found = identity("""
        litellm_settings:
          max_internal_user_budget: 1
          default_internal_user_params:
            {user_role: internal_user_viewer, max_budget: "2.5", budget_duration: 30d}
    """)
    assert found.new_user == NewUser(
        role="internal_user_viewer", max_budget=2_500_000_000, budget_duration="30d"
    )


def test_a_newcomer_is_no_administrator() -> None:
    settings = with_sections(
        "litellm_settings: {default_internal_user_params: {user_role: proxy_admin}}"
    )
    assert settings.identity.new_user.role == "internal_user"
    assert "internal_user is used" in said(settings, "warning")


@pytest.mark.parametrize("value", ["true", "much", "-1", "[1]", ".inf"])
def test_a_budget_that_is_none_is_an_error(value: str) -> None:
    settings = with_sections(
        f"litellm_settings: {{default_internal_user_params: {{max_budget: {value}}}}}"
    )
    assert "expected a number of dollars" in said(settings, "error")


def test_a_duration_that_is_none_is_an_error() -> None:
    for text in (
        "internal_user_budget_duration: soon",
        "default_internal_user_params: {budget_duration: soon}",
    ):
        settings = with_sections(f"litellm_settings: {{{text}}}")
        assert "'soon' is no duration" in said(settings, "error")


def test_end_users_have_a_budget_by_default_or_are_not_tracked() -> None:
    found = identity("litellm_settings: {max_end_user_budget: 3, max_end_user_budget_id: b}")
    assert (found.end_user_budget, found.end_user_budget_id) == (3_000_000_000, "b")
    assert found.end_users
    assert not identity("litellm_settings: {disable_end_user_cost_tracking: true}").end_users


def test_addresses_are_read_and_a_wrong_one_is_an_error() -> None:
    found = identity("""
        general_settings:
          allowed_ips: [10.0.0.0/8, 192.168.0.1]
          trusted_proxy_ranges: [127.0.0.1]
    """)
    assert found.addresses == Addresses(
        allowed=networks(["10.0.0.0/8", "192.168.0.1"]),
        forwarded=True,
        proxies=networks(["127.0.0.1"]),
    )
    assert identity("general_settings: {use_x_forwarded_for: true}").addresses.forwarded
    settings = with_sections("general_settings: {allowed_ips: [rubbish]}")
    assert "allowed_ips" in said(settings, "error")


def test_teams_of_roles_and_groups_and_the_task_model_are_ours() -> None:
    found = identity("""
        headgate_settings:
          auth_grace: 0
          task_header: X-Task
          task_model: small
          groups_header: X-Groups
          role_teams: {user: t1}
          group_teams: {red: t2}
    """)
    assert found.auth_grace == 0
    assert (found.task_header, found.task_model) == (b"x-task", "small")
    assert found.groups_header == b"x-groups"
    assert (found.role_teams, found.group_teams) == ({"user": "t1"}, {"red": "t2"})
    settings = with_sections("headgate_settings: {role_teams: {user: [t1]}}")
    assert "role_teams.user: expected a team's id" in said(settings, "error")


def test_access_groups_are_gathered_from_the_models() -> None:
    settings = examined("""
        model_list:
        - {model_name: a, litellm_params: {model: openai/a}, model_info: {access_groups: [x]}}
        - {model_name: b, litellm_params: {model: openai/b}, model_info: {access_groups: [x, y]}}
    """)
    assert settings.identity.access_groups == {"x": ("a", "b"), "y": ("b",)}


def test_the_rest_is_taken_over() -> None:
    found = identity("""
        general_settings:
          apply_user_budget_to_team_keys: true
          user_api_key_cache_max_size: 50
    """)
    assert (found.user_budget_on_team_keys, found.kept) == (True, 50)


@pytest.mark.parametrize(("usd", "wanted"), [(None, None), (0.1, 100_000_000), ("1e-9", 1), (0, 0)])
def test_dollars_become_nano_dollars_exactly(usd: object, wanted: int | None) -> None:
    assert nano(usd) == wanted  # type: ignore[arg-type]
