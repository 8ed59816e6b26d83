"""Sections against their schema."""

from __future__ import annotations

import pytest

from proxy.config.masking import Vault
from proxy.config.problems import Problems
from proxy.config.schema import GeneralSettings, LitellmParams, RouterSettings
from proxy.config.validate import nearest_name, request_fields, validate
from tests.proxy.config.builders import examined, only, said, told, with_params, with_sections


def test_a_wrong_value_is_told_with_path_and_line() -> None:
    text = """
        model_list:
          - model_name: a
            litellm_params: {model: openai/a}
          - model_name: b
            litellm_params:
              model: openai/b
              rpm: ten
    """
    assert told(examined(text), "error") == [
        '8: model_list[1].litellm_params.rpm: expected an integer, got "ten"'
    ]


def test_all_wrong_values_are_told_together() -> None:
    text = """
        model_list:
          - model_name: a
            litellm_params: {model: openai/a, rpm: ten, timeout: -1, weight: [1]}
          - litellm_params: {model: openai/b}
          - model_name: c
          - word
        router_settings: {num_retries: many}
        general_settings: {max_request_size_mb: 0}
        headgate_settings: {stages: none, log_format: loud}
    """
    assert told(examined(text), "error") == [
        '4: model_list[0].litellm_params.rpm: expected an integer, got "ten"',
        "4: model_list[0].litellm_params.weight: expected a number, got a list",
        "4: model_list[0].litellm_params.timeout: expected a number of seconds over 0, got -1",
        "5: model_list[1].model_name: this is missing",
        "6: model_list[2].litellm_params: this is missing",
        '7: model_list[3]: expected a map, got "word"',
        '8: router_settings.num_retries: expected an integer, got "many"',
        "9: general_settings.max_request_size_mb: expected an integer of at least 1, got 0",
        '10: headgate_settings.stages: expected a list of stages, got "none"',
        '10: headgate_settings.log_format: expected "auto", "json" or "pretty", got "loud"',
    ]


def test_a_section_of_the_wrong_kind_is_an_error() -> None:
    settings = examined("model_list: {a: 1}\nrouter_settings: [x]\n")
    assert said(settings, "error") == (
        "model_list: expected a list, got a map\nrouter_settings: expected a map, got a list"
    )


def test_a_wrong_secret_is_not_shown() -> None:
    assert said(with_params("model: openai/m, api_key: 123456789"), "error") == (
        "model_list[0].litellm_params.api_key: expected a string (put it in quotes), got ****"
    )


def test_another_spelling_of_a_key_is_checked_and_used_too() -> None:
    assert only(with_params("model: openai/m, request_timeout: '30'")).timeout == 30
    assert "request_timeout: expected a number" in said(
        with_params("model: openai/m, request_timeout: soon"), "error"
    )


def test_an_unknown_key_is_a_warning_with_the_nearest_name() -> None:
    settings = with_sections("router_settings: {num_retry: 3, zzz: 1}\nmodel_lists: []\n")
    assert said(settings, "warning") == (
        "router_settings.num_retry: unknown key; did you mean num_retries?\n"
        "router_settings.zzz: unknown key\n"
        "model_lists: unknown key; did you mean model_list?"
    )


def test_a_key_in_the_wrong_section_is_told_where_it_belongs() -> None:
    settings = with_sections("router_settings: {health_check_interval: 300}\nrpm: 3\n")
    assert said(settings, "warning") == (
        "router_settings.health_check_interval: unknown key; it belongs to general_settings\n"
        "rpm: unknown key; it belongs to model_list[].litellm_params"
    )


@pytest.mark.parametrize("name", ["x-defaults", "_base", ".common"])
def test_a_place_for_anchors_is_no_unknown_section(name: str) -> None:
    assert said(with_sections(f"{name}: {{a: 1}}\n"), "warning") == ""


def test_a_known_key_that_does_nothing_yet_is_a_note() -> None:
    text = "litellm_settings: {modify_params: true, network_mock: true}\nguardrails: []\n"
    assert said(with_sections(text), "note") == (
        "litellm_settings.modify_params: not active yet\n"
        "litellm_settings.network_mock: not active yet\n"
        "guardrails: not active yet"
    )


def test_a_key_that_does_nothing_yet_is_checked_all_the_same() -> None:
    settings = with_sections("router_settings: {allowed_fails: few, cooldown_time: '5'}\n")
    assert said(settings, "error") == (
        'router_settings.allowed_fails: expected an integer, got "few"'
    )


def test_a_key_that_is_left_empty_counts_as_not_given() -> None:
    text = "general_settings:\n  master_key:\n  database_url:\nrouter_settings:\n"
    settings = with_sections(text)
    assert settings.problems == ()


def test_the_operators_own_model_info_is_left_alone_unless_it_is_a_slip() -> None:
    text = """
        model_list:
          - model_name: a
            litellm_params: {model: openai/a}
            model_info: {our_cost_centre: 4711, basemodel: x, mode: chat, supports_vision: true}
    """
    settings = examined(text)
    assert said(settings, "warning") == (
        "model_list[0].model_info.basemodel: unknown key; did you mean base_model?"
    )


def test_request_fields_go_into_bodies_and_slips_do_not() -> None:
    params = "model: hosted_vllm/m, api_base: http://h/v1, temperature: '0.5', top_k: 5"
    more = "temperatur: 1, zz_special: [1], zz_api_key: x, cooldown_time: 5, extra_body: {a: 1}"
    settings = with_params(f"{params}, {more}")
    assert only(settings).defaults == {
        "temperature": 0.5,
        "top_k": 5,
        "zz_special": [1],
        "a": 1,
    }
    assert said(settings, "warning") == (
        "model_list[0].litellm_params.temperatur: unknown key; did you mean temperature?\n"
        "model_list[0].litellm_params.zz_special: unknown key;"
        " it is sent to the provider as a field of the request\n"
        "model_list[0].litellm_params.zz_api_key: unknown key; did you mean api_key?"
    )


def test_a_wrong_request_field_is_an_error() -> None:
    assert said(with_params("model: openai/m, max_tokens: lots"), "error") == (
        'model_list[0].litellm_params.max_tokens: expected an integer, got "lots"'
    )


def test_a_section_that_is_not_there_has_its_defaults() -> None:
    problems = Problems("a.yaml", Vault())
    assert validate(RouterSettings, None, ("router_settings",), problems) == RouterSettings()
    assert problems.found() == ()


def test_a_section_without_what_it_needs_is_none() -> None:
    problems = Problems("a.yaml", Vault())
    assert validate(LitellmParams, {"rpm": 1}, (), problems) is None
    assert validate(GeneralSettings, {"master_key": []}, (), problems) == GeneralSettings()


def test_no_request_fields_are_made_up() -> None:
    assert request_fields(LitellmParams(model="openai/m")) == {}


def test_the_nearest_name_is_a_hint_or_nothing() -> None:
    assert nearest_name("opnai", {"openai": 1, "groq": 2}) == "; did you mean openai?"
    assert nearest_name("zzz", {"openai": 1}) == ""
