"""Who is told of what goes wrong."""

from __future__ import annotations

import pytest

from proxy.config.alerting import TOLD, AlertSettings, is_address
from tests.proxy.config.builders import ENV, said, with_sections

HOOK = "https://hooks.slack.example/services/T0/B0/secret-part"
ADDRESSES = {**ENV, "SLACK_WEBHOOK_URL": HOOK, "WEBHOOK_URL": "https://ops.example/alerts"}


def alerts(text: str) -> str:
    return f"general_settings: {{{text}}}\n"


def test_nobody_is_told_anything_unless_a_channel_is_named() -> None:
    settings = with_sections("", ADDRESSES)
    assert settings.alerting == AlertSettings()
    assert not settings.alerting.on


def test_the_channels_have_the_addresses_of_litellms_variables() -> None:
    settings = with_sections(alerts("alerting: [slack, webhook]"), ADDRESSES)
    found = settings.alerting
    assert found.on
    assert found.slack_urls("outage_alerts") == (HOOK,)
    assert found.webhook == "https://ops.example/alerts"
    assert (found.kinds, found.threshold) == (TOLD, 300.0)
    assert said(settings, "warning") == ""


def test_an_address_is_a_secret() -> None:
    settings = with_sections(alerts("alerting: [slack]"), ADDRESSES)
    assert "secret-part" not in repr(settings.alerting)
    assert "secret-part" not in settings.secrets.scrub(f"sent to {HOOK}")


def test_a_kind_of_alert_can_have_addresses_of_its_own() -> None:
    text = "alerting: [slack], alert_to_webhook_url: {budget_alerts: [https://a.example/x, "
    settings = with_sections(alerts(text + "https://b.example/y]}"), ADDRESSES)
    found = settings.alerting
    assert found.slack_urls("budget_alerts") == ("https://a.example/x", "https://b.example/y")
    assert found.slack_urls("outage_alerts") == (HOOK,)


def test_the_kinds_the_threshold_and_the_pauses_can_be_chosen() -> None:
    text = "alerting: [slack], alert_types: [llm_too_slow], alerting_threshold: 30,"
    settings = with_sections(
        alerts(text + " alerting_args: {budget_alert_ttl: 60, outage_alert_ttl: 5}"), ADDRESSES
    )
    found = settings.alerting
    assert (found.kinds, found.threshold) == (frozenset({"llm_too_slow"}), 30.0)
    assert (found.budget_quiet, found.outage_quiet) == (60.0, 5.0)


def test_the_secret_that_bodies_are_signed_with_is_ours() -> None:
    text = "headgate_settings: {webhook_secret: marked-secret-0123456789}\n"
    settings = with_sections(alerts("alerting: [webhook]") + text, ADDRESSES)
    assert settings.alerting.secret == "marked-secret-0123456789"
    assert "marked" not in repr(settings.alerting)
    env = {**ADDRESSES, "HEADGATE_WEBHOOK_SECRET": "marked-secret-1"}
    assert with_sections("", env).alerting.secret == "marked-secret-1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("alerting: [email, slack]", "is no channel here"),
        ("alerting: [slack, 7]", "expected a name"),
        ("alerting: [slack], alert_types: [llm_exceptions]", "are not told here yet"),
        ("alerting: [slack], alert_types: [lmm_too_slow]", "is no kind of alert"),
        (
            "alerting: [slack], alert_to_webhook_url: {budget_alerts: nowhere}",
            "expected an address",
        ),
        ("alerting: [slack], alert_to_webhook_url: {other: 'https://a.example'}", "no kind"),
    ],
)
def test_what_is_not_known_is_told_and_left_out(text: str, words: str) -> None:
    settings = with_sections(alerts(text), ADDRESSES)
    assert words in said(settings, "warning")
    assert settings.alerting.slack == (HOOK,)


@pytest.mark.parametrize(
    ("channel", "env", "words"),
    [
        ("slack", {}, "the variable SLACK_WEBHOOK_URL is not set"),
        ("slack", {"SLACK_WEBHOOK_URL": "hooks"}, "SLACK_WEBHOOK_URL is no address"),
        ("webhook", {}, "the variable WEBHOOK_URL is not set"),
        ("webhook", {"WEBHOOK_URL": "ftp://a.example"}, "WEBHOOK_URL is no address"),
    ],
)
def test_a_channel_without_an_address_is_left_out(
    channel: str, env: dict[str, str], words: str
) -> None:
    settings = with_sections(alerts(f"alerting: [{channel}]"), {**ENV, **env})
    assert words in said(settings, "warning")
    assert not settings.alerting.on


def test_arguments_that_do_nothing_here_are_noted() -> None:
    text = "alerting: [slack], alerting_args: {daily_report_frequency: 60, budget_alert_ttl: x}"
    settings = with_sections(alerts(text), ADDRESSES)
    assert "daily_report_frequency" in said(settings, "note")
    assert settings.alerting.budget_quiet == 86_400.0


def test_an_address_has_a_host_and_is_of_the_web() -> None:
    assert is_address("https://a.example/x")
    assert not is_address("https://")
    assert not is_address("http://[")
    assert not is_address(None)
