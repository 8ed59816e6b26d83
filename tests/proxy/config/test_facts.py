"""What the operator says of a deployment is known of it, and nothing else."""

from __future__ import annotations

import pytest

from pipelines.routing.hedging import Hedging
from proxy.config.settings import Settings
from tests.proxy.config.builders import ENV, examined, only, said, with_params, with_sections


def with_info(info: str, params: str = "") -> Settings:
    return examined(
        f"""
model_list:
- model_name: m
  litellm_params: {{model: openai/gpt-4o{params}}}
  model_info: {{{info}}}
""",
        ENV,
    )


def test_nothing_is_known_that_is_not_said() -> None:
    one = only(with_params("model: openai/gpt-4o", ENV))
    assert (one.tags, one.region, one.parallel, one.max_input) == (frozenset(), "", None, None)
    assert (one.abilities, one.mirror, one.mirror_share) == ({}, "", 1.0)
    assert (one.continues, one.hedges, one.cooldown, one.allowed_fails) == (
        False,
        False,
        None,
        None,
    )
    assert (one.unwatched, one.probe_model, one.mode) == (False, "", "")


def test_what_the_parameters_say() -> None:
    settings = with_params(
        "model: openai/gpt-4o, tags: [paid, ' eu '], region_name: EU, max_parallel_requests: 7,"
        " silent_model: cheap, mirror_share: 0.1, hedge: true, cooldown_time: 9,"
        " mid_stream_fallback: continue",
        ENV,
    )
    one = only(settings)
    assert said(settings, "note") == said(settings, "warning") == ""
    assert (one.tags, one.region, one.parallel) == (frozenset({"paid", "eu"}), "eu", 7)
    assert (one.mirror, one.mirror_share, one.hedges) == ("cheap", 0.1, True)
    assert (one.cooldown, one.continues) == (9.0, True)
    assert one.allowance is not None
    assert one.allowance.parallel == 7
    assert not one.defaults


def test_what_the_model_info_says() -> None:
    settings = with_info(
        "mode: chat, max_input_tokens: 1000, max_output_tokens: 50, cooldown_time: 3,"
        " allowed_fails: 2, disable_background_health_check: true, health_check_model: openai/mini,"
        " supports_vision: false, supports_function_calling: true"
    )
    one = only(settings)
    assert said(settings, "note") == ""
    assert (one.mode, one.max_input, one.max_output) == ("chat", 1000, 50)
    assert (one.cooldown, one.allowed_fails, one.unwatched) == (3.0, 2, True)
    assert one.probe_model == "openai/mini"
    assert one.abilities == {"vision": False, "function_calling": True}


def test_the_context_window_is_the_operators_else_the_tables() -> None:
    assert only(with_info("max_input_tokens: 1000")).context_window == 1000
    assert only(with_info("id: x")).context_window == 128_000
    assert only(with_params("model: openai/nobody-knows-it", ENV)).context_window is None


def test_a_region_of_the_cloud_is_a_region() -> None:
    found = only(
        with_params(
            "model: bedrock/anthropic.claude-v2, aws_region_name: eu-west-1,"
            " aws_access_key_id: a, aws_secret_access_key: b"
        )
    )
    assert found.region == "eu-west-1"


@pytest.mark.parametrize(
    ("params", "continues"), [("", True), (", mid_stream_fallback: off", False)]
)
def test_the_router_says_what_is_usual(params: str, continues: bool) -> None:
    settings = with_sections(
        """
router_settings:
  default_max_parallel_requests: 3
  enable_mid_stream_fallback_continuation: true
""",
        ENV,
    )
    assert only(settings).parallel == settings.usual.parallel == 3
    settings = examined(
        f"""
model_list:
- model_name: m
  litellm_params: {{model: openai/gpt-4o, max_parallel_requests: 8{params}}}
router_settings: {{default_max_parallel_requests: 3, enable_mid_stream_fallback_continuation: 1}}
""",
        ENV,
    )
    one = only(settings)
    assert (one.parallel, one.continues) == (8, continues)


def test_a_way_to_go_on_that_is_none_is_an_error() -> None:
    settings = with_params("model: openai/gpt-4o, mid_stream_fallback: restart", ENV)
    assert 'expected "continue" or "off"' in said(settings, "error")


@pytest.mark.parametrize(("params", "hedges"), [("", True), (", hedge: false", False)])
def test_what_is_usual_for_all_is_hedged_unless_a_deployment_says_no(
    params: str, hedges: bool
) -> None:
    settings = examined(
        f"""
model_list:
- model_name: m
  litellm_params: {{model: openai/gpt-4o{params}}}
headgate_settings: {{hedge: true, hedge_after: 1.5, hedge_whole_replies: true}}
""",
        ENV,
    )
    assert only(settings).hedges is hedges
    assert settings.policy.hedging == Hedging(1.5, whole=True)
    assert said(settings, "warning") == ""
