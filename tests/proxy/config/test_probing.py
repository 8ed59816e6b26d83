"""Probes are off unless they are asked for, and LiteLLM's keys say how they go."""

from __future__ import annotations

from proxy.config.probing import ProbeSettings
from tests.proxy.config.builders import with_sections


def test_nothing_is_probed_by_default() -> None:
    assert with_sections("").probing == ProbeSettings()


def test_every_key_has_its_effect() -> None:
    found = with_sections(
        "general_settings: {background_health_checks: true, health_check_interval: 60,"
        " health_check_concurrency: 3, health_check_details: false}\n"
        "router_settings: {enable_health_check_routing: true,"
        " health_check_ignore_transient_errors: true,"
        " background_health_check_model_groups: [gpt]}"
    ).probing
    assert found == ProbeSettings(
        on=True,
        every=60.0,
        at_once=3,
        groups=frozenset({"gpt"}),
        details=False,
        routing=True,
        stale_after=120.0,
        ignores_transient=True,
    )


def test_how_long_a_finding_holds_may_be_said() -> None:
    text = "router_settings: {health_check_staleness_threshold: 900}"
    assert with_sections(text).probing.stale_after == 900
