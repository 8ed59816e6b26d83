"""The router's settings decide how deployments are chosen."""

from __future__ import annotations

import pytest

from pipelines.routing.affinity import Stickiness
from pipelines.routing.choosing import Choosing
from pipelines.routing.filters import Checks
from pipelines.routing.tags import Tagging
from tests.proxy.config.builders import ENV, said, with_sections


def chosen(text: str) -> Choosing:
    settings = with_sections(f"router_settings: {{{text}}}", ENV)
    assert said(settings, "error") == ""
    return settings.choosing


def test_shuffle_is_the_strategy_and_nothing_is_looked_at_unless_it_is_said() -> None:
    found = with_sections("", ENV).choosing
    assert (found.strategy, dict(found.args)) == ("simple-shuffle", {})
    assert found.checks == Checks()
    assert not found.stickiness


@pytest.mark.parametrize(
    "name",
    [
        "simple-shuffle", "least-busy", "usage-based-routing", "usage-based-routing-v2",
        "latency-based-routing", "cost-based-routing",
    ],
)  # fmt: skip
def test_litellms_strategies_are_taken_by_their_names(name: str) -> None:
    assert chosen(f"routing_strategy: {name}").strategy == name


def test_a_strategy_has_its_arguments() -> None:
    found = chosen("routing_strategy: latency-based-routing, routing_strategy_args: {ttl: 60}")
    assert found.args["ttl"] == 60
    settings = with_sections(
        "router_settings: {routing_strategy: latency-based-routing,"
        " routing_strategy_args: {ttl: soon}}",
        ENV,
    )
    assert "routing_strategy_args: ttl: expected a number" in said(settings, "error")


def test_a_strategy_that_nobody_offers_is_an_error() -> None:
    settings = with_sections("router_settings: {routing_strategy: fastest}", ENV)
    assert "routing strategy 'fastest' is unknown; built in are simple-shuffle" in said(
        settings, "error"
    )


def test_a_strategy_of_litellm_alone_is_a_note() -> None:
    settings = with_sections("router_settings: {routing_strategy: lar1}", ENV)
    assert "not active yet; simple-shuffle is used" in said(settings, "note")
    assert settings.choosing.strategy == "simple-shuffle"


def test_checks_and_tags_are_switched_on() -> None:
    assert chosen("enable_pre_call_checks: true").checks == Checks(prompts=True)
    assert chosen("enable_tag_filtering: true").checks == Checks(tagging=Tagging())
    strict = "enable_tag_filtering: true, tag_filtering_match_any: false, tag_routing_prefix: 'r-'"
    assert chosen(strict).checks.tagging == Tagging(match_any=False, prefix="r-")


def test_calls_stay_together_where_it_is_said() -> None:
    text = "optional_pre_call_checks: [session_affinity], deployment_affinity_ttl_seconds: 60"
    assert chosen(text).stickiness == Stickiness(session=True, ttl=60)
    text = "optional_pre_call_checks: [deployment_affinity, prompt_caching]"
    assert chosen(text).stickiness == Stickiness(caller=True, prefix=True)


def test_other_checks_are_told_of() -> None:
    text = "[enforce_model_rate_limits, encrypted_content_affinity, guess]"
    settings = with_sections(f"router_settings: {{optional_pre_call_checks: {text}}}", ENV)
    assert "optional_pre_call_checks[1]: not active yet" in said(settings, "note")
    assert 'optional_pre_call_checks[2]: no such check is known: "guess"' in said(
        settings, "warning"
    )
    settings = with_sections("router_settings: {optional_pre_call_checks: yes}", ENV)
    assert "expected a list of names" in said(settings, "error")
