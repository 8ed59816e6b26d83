"""Settings that several keys or variables have a say in."""

from __future__ import annotations

import pytest

from proxy.config.choices import first
from tests.proxy.config.builders import ENV, said, with_sections

STRONG = "sk-0123456789abcdef0123"


def test_the_policy_is_litellms_by_default() -> None:
    policy = with_sections("").policy
    assert (policy.num_retries, policy.retry_after) == (2, 0)
    assert (policy.first_byte, policy.whole, policy.idle) == (300, 600, 300)


@pytest.mark.parametrize(
    ("text", "retries"),
    [
        ("router_settings: {num_retries: 5}\nlitellm_settings: {num_retries: 4}", 5),
        ("litellm_settings: {num_retries: 4}", 4),
        ("router_settings: {num_retries: 0}", 0),
        ("", 3),
    ],
)
def test_retries_are_the_routers_the_older_places_or_the_variables(text: str, retries: int) -> None:
    settings = with_sections(text, {**ENV, "DEFAULT_MAX_RETRIES": "3"})
    assert settings.policy.num_retries == retries


@pytest.mark.parametrize(
    ("text", "first_byte", "whole"),
    [
        ("router_settings: {timeout: 30}", 30, 30),
        ("router_settings: {timeout: 30, stream_timeout: '5'}", 5, 30),
        ("litellm_settings: {request_timeout: 100}", 100, 100),
        (
            "router_settings: {stream_timeout: 5}\nheadgate_settings: {first_byte_timeout: 7}",
            7,
            600,
        ),
    ],
)
def test_waits_are_ours_the_routers_or_the_older_places(
    text: str, first_byte: float, whole: float
) -> None:
    policy = with_sections(text).policy
    assert (policy.first_byte, policy.whole) == (first_byte, whole)


def test_stages_are_names_or_maps_of_a_name_to_its_settings() -> None:
    text = "headgate_settings: {stages: [auth, {acme: {level: marked}}, {route: }, stream]}"
    stages = with_sections(text).stages
    assert [stage.name for stage in stages] == ["auth", "acme", "route", "stream"]
    assert stages[1].settings == {"level": "marked"}
    assert "marked" not in repr(stages)


@pytest.mark.parametrize("stage", ["5", "{a: 1}", "{a: {}, b: {}}", "[a]", "null"])
def test_what_is_no_stage_is_an_error(stage: str) -> None:
    settings = with_sections(f"headgate_settings: {{stages: [{stage}]}}")
    assert said(settings, "error").startswith("headgate_settings.stages[0]: expected a name, or")


def test_a_stage_that_is_listed_twice_is_an_error() -> None:
    settings = with_sections("headgate_settings: {stages: [auth, {auth: }]}")
    assert said(settings, "error") == (
        'headgate_settings.stages[1]: the stage "auth" is listed twice'
    )


def test_the_key_header_is_handed_to_auth_unless_it_has_one_of_its_own() -> None:
    text = "general_settings: {litellm_key_header_name: X-Key}"
    settings = with_sections(text)
    assert settings.key_header == "X-Key"
    assert settings.stages[0].settings == {"key_header": "X-Key"}
    assert settings.stages[1].settings == {}
    own = with_sections(f"{text}\nheadgate_settings: {{stages: [auth: {{key_header: X-Own}}]}}")
    assert own.stages[0].settings == {"key_header": "X-Own"}


def test_the_master_key_is_the_files_or_a_variables() -> None:
    file = f"general_settings: {{master_key: {STRONG}}}"
    env = {**ENV, "LITELLM_MASTER_KEY": f"{STRONG}-2"}
    assert with_sections(file, env).master_key == STRONG
    assert with_sections("", env).master_key == f"{STRONG}-2"
    assert with_sections("", {**env, "HEADGATE_MASTER_KEY": f"{STRONG}-1"}).master_key == (
        f"{STRONG}-1"
    )
    assert with_sections("").master_key is None


def test_a_master_key_that_is_not_set_is_an_error_and_not_an_open_door() -> None:
    text = "general_settings: {master_key: os.environ/MINE}"
    assert said(with_sections(text), "error") == (
        "general_settings.master_key: the environment variable MINE is not set;"
        " without it anybody could call"
    )
    settings = with_sections(text, {**ENV, "HEADGATE_MASTER_KEY": STRONG})
    assert settings.master_key == STRONG
    assert said(settings, "warning").endswith("MINE is not set; HEADGATE_MASTER_KEY is used")


def test_a_weak_master_key_is_a_warning_unless_it_is_permitted() -> None:
    weak = with_sections("general_settings: {master_key: sk-1234}")
    assert said(weak, "warning") == (
        "general_settings.master_key: this master key is in many documents; everybody knows it"
    )
    permit = "dangerously_permit_weak_or_unset_master_key: true"
    assert with_sections(f"general_settings: {{master_key: sk-1234, {permit}}}").problems == ()
    by_variable = with_sections("", {**ENV, "HEADGATE_MASTER_KEY": "too-short"})
    assert said(by_variable, "warning").startswith("HEADGATE_MASTER_KEY: this master key is short")


def test_the_largest_body_is_ours_or_in_megabytes() -> None:
    megabytes = "general_settings: {max_request_size_mb: 2}"
    assert with_sections(megabytes).max_body_bytes == 2_097_152
    ours = f"{megabytes}\nheadgate_settings: {{max_body_bytes: 1000}}"
    assert with_sections(ours).max_body_bytes == 1000


def test_certificates_are_checked_unless_it_is_said() -> None:
    assert with_sections("").ssl_verify is True
    settings = with_sections("litellm_settings: {ssl_verify: false}")
    assert settings.ssl_verify is False
    assert "certificates are not checked" in said(settings, "warning")
    assert with_sections("", {**ENV, "SSL_VERIFY": "False"}).ssl_verify is False
    assert with_sections(f"litellm_settings: {{ssl_verify: '{__file__}'}}").ssl_verify == __file__
    missing = with_sections("litellm_settings: {ssl_verify: /no/such/ca.pem}")
    assert "no such file" in said(missing, "error")


@pytest.mark.parametrize(
    ("text", "env", "level"),
    [
        ("", {}, "info"),
        ("litellm_settings: {set_verbose: true}", {}, "debug"),
        ("router_settings: {set_verbose: true}", {"LITELLM_LOG": "ERROR"}, "error"),
        ("headgate_settings: {log_level: WARN}", {"LITELLM_LOG": "ERROR"}, "warning"),
        ("headgate_settings: {log_level: error}", {"HEADGATE_LOG": "DEBUG"}, "debug"),
    ],
)
def test_the_log_level_is_this_runs_the_files_or_the_older_ones(
    text: str, env: dict[str, str], level: str
) -> None:
    assert with_sections(text, {**ENV, **env}).log_level == level


def test_a_variable_that_makes_no_sense_is_a_warning_and_not_used() -> None:
    env = {**ENV, "HEADGATE_LOG": "loud", "DEFAULT_MAX_RETRIES": "some"}
    settings = with_sections("", env)
    assert (settings.log_level, settings.policy.num_retries) == ("info", 2)
    assert said(settings, "warning") == (
        'DEFAULT_MAX_RETRIES: expected an integer, got "some"; it is not used\n'
        "HEADGATE_LOG: expected one of debug, info, warning, error, critical,"
        ' got "loud"; it is not used'
    )


def test_the_log_is_json_where_either_says_so() -> None:
    assert with_sections("").log_format == "auto"
    assert with_sections("litellm_settings: {json_logs: true}").log_format == "json"
    both = "litellm_settings: {json_logs: true}\nheadgate_settings: {log_format: Pretty}"
    assert with_sections(both).log_format == "pretty"


def test_the_first_given_value_counts_even_if_it_is_nought() -> None:
    assert first(None, 0, 1) == 0
    assert first(None, None) is None
