"""What new keys get, and what no key may exceed."""

from __future__ import annotations

import pytest

from proxy.config.new_keys import NewKeySettings
from tests.proxy.config.builders import said, with_sections


def litellm(name: str, fields: str) -> str:
    return f"litellm_settings: {{{name}: {{{fields}}}}}"


def test_without_them_nothing_is_given_and_nothing_bounded() -> None:
    assert with_sections("").new_keys == NewKeySettings({}, {})


def test_defaults_are_litellms() -> None:
    fields = "max_budget: 1.5, duration: 30d, budget_duration: monthly, models: [a], rpm_limit: 0"
    settings = with_sections(litellm("default_key_generate_params", fields))
    assert settings.new_keys.defaults == {
        "max_budget": 1.5,
        "duration": "30d",
        "budget_duration": "1mo",
        "models": ["a"],
        "rpm_limit": 0,
    }
    assert settings.problems == ()


def test_bounds_are_litellms_and_may_come_from_the_environment() -> None:
    fields = "max_budget: os.environ/MOST, tpm_limit: 10, rpm_limit: null"
    settings = with_sections(litellm("upperbound_key_generate_params", fields), {"MOST": "100"})
    assert settings.new_keys.bounds == {"max_budget": 100.0, "tpm_limit": 10}


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("upperbound_key_generate_params", "max_budget: -1"),
        ("upperbound_key_generate_params", "max_budget: nan"),
        ("upperbound_key_generate_params", "max_budget: true"),
        ("upperbound_key_generate_params", "tpm_limit: 1.5"),
        ("upperbound_key_generate_params", "duration: soon"),
        ("default_key_generate_params", "models: a"),
        ("default_key_generate_params", "models: [1]"),
        ("default_key_generate_params", "metadata: []"),
        ("default_key_generate_params", "team_id: ''"),
    ],
)
def test_what_cannot_be_used_is_an_error(name: str, field: str) -> None:
    settings = with_sections(litellm(name, field))
    assert f"litellm_settings.{name}.{field.split(':')[0]}" in said(settings, "error")


def test_what_is_read_nowhere_is_warned_about() -> None:
    settings = with_sections(litellm("upperbound_key_generate_params", "models: [a]"))
    assert "upperbound_key_generate_params.models" in said(settings, "warning")
