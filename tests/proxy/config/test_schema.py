"""Which keys are active, and which are only known."""

from __future__ import annotations

import pytest

from proxy.config.known_models import REQUEST_FIELDS
from proxy.config.schema import (
    LATER,
    SECTIONS,
    GeneralSettings,
    LitellmParams,
    ModelInfo,
    Section,
    Top,
    active,
    known,
)


@pytest.mark.parametrize("section", LATER, ids=lambda section: section.__name__)
def test_no_key_is_both_active_and_not(section: type[Section]) -> None:
    assert not active(section) & LATER[section].keys()


def test_no_request_field_is_a_setting() -> None:
    settings = active(LitellmParams) | LATER[LitellmParams].keys()
    assert not settings & REQUEST_FIELDS.keys()


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("router_settings", "cooldown_time"),
        ("router_settings", "num_retries"),
        ("litellm_settings", "cache_params"),
        ("litellm_settings", "success_callback"),
        ("litellm_settings", "modify_params"),
        ("general_settings", "database_url"),
        ("general_settings", "proxy_budget_rescheduler_max_time"),
        ("headgate_settings", "stages"),
        ("model_list[].litellm_params", "request_timeout"),
        ("model_list[].litellm_params", "aws_region_name"),
        ("model_list[].litellm_params", "input_cost_per_audio_token"),
        ("model_list[].litellm_params", "temperature"),
        ("model_list[].model_info", "base_model"),
        ("model_list[].model_info", "input_cost_per_token"),
    ],
)
def test_keys_of_normal_files_are_known(section: str, name: str) -> None:
    assert name in known(SECTIONS[section])


def test_all_of_the_contracts_sections_are_known() -> None:
    assert {"guardrails", "mcp_servers", "credential_list", "include"} <= known(Top)


def test_the_tables_are_as_long_as_the_contract() -> None:
    assert len(known(GeneralSettings)) > 180
    assert len(known(LitellmParams)) > 290
    assert len(known(ModelInfo)) > 180


def test_a_section_shows_nothing_of_itself() -> None:
    section = GeneralSettings(master_key="marked-secret-1")
    assert "marked" not in f"{section!r} {section}"
