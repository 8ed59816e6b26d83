"""Nothing is stored by default, and what the operator says against it is stronger."""

from __future__ import annotations

import pytest

from pipelines.privacy import TextPolicy
from proxy.config.settings import Settings
from tests.proxy.config.builders import ENV, told, with_sections


def policy(text: str, **env: str) -> TextPolicy:
    return with_sections(text, {**ENV, **env}).texts


def problems(settings: Settings, level: str) -> str:
    return "\n".join(told(settings, level))


def test_nothing_is_stored_or_told_by_default() -> None:
    found = policy("")
    assert (found.stored, found.told, found.own_callbacks) == (False, False, True)
    assert found.redaction.rules == ()


@pytest.mark.parametrize(
    ("text", "env", "stored"),
    [
        ("general_settings: {store_prompts_in_spend_logs: true}", {}, True),
        ("", {"STORE_PROMPTS_IN_SPEND_LOGS": "True"}, True),
        ("", {"STORE_PROMPTS_IN_SPEND_LOGS": "maybe"}, False),
        (
            "general_settings: {store_prompts_in_spend_logs: false}",
            {"STORE_PROMPTS_IN_SPEND_LOGS": "true"},
            False,
        ),
    ],
)
def test_texts_are_stored_where_it_is_asked_for(
    text: str, env: dict[str, str], stored: bool
) -> None:
    assert policy(text, **env).stored is stored


@pytest.mark.parametrize(
    ("listed", "is_told"),
    [("[langfuse]", True), ("otel", True), ("[prometheus]", False), ("5", False), ("[]", False)],
)
def test_texts_are_told_to_callbacks_that_tell_of_them(listed: str, is_told: bool) -> None:
    for key in ("callbacks", "success_callback", "failure_callback"):
        assert policy(f"litellm_settings: {{{key}: {listed}}}").told is is_told


def test_turn_off_message_logging_is_the_stronger_word() -> None:
    settings = with_sections(
        "litellm_settings: {turn_off_message_logging: true, callbacks: [langfuse]}\n"
        "general_settings: {store_prompts_in_spend_logs: true}"
    )
    assert not settings.texts.on
    assert "store_prompts_in_spend_logs: has no effect" in problems(settings, "warning")


def test_presets_and_own_rules_stand_in_their_order() -> None:
    listed = "[EMAIL, {pattern: 'secret \\d+', replace: '[n]'}, {pattern: 'x{9}'}]"
    redaction = policy(f"headgate_settings: {{redact_messages: {listed}}}").redaction
    assert redaction.clean("a@b.org secret 12 xxxxxxxxx") == "[email] [n] [redacted]"
    assert policy("headgate_settings: {redact_messages: card}").redaction.rules


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("addresses", "expected one of email, iban, card, phone, key, or a map"),
        ("{replace: x}", "expected one of"),
        ("{pattern: '('}", "is no regular expression"),
        ("{pattern: '(a+)+'}", "too many ways"),
        ("{pattern: a, replace: 5}", "'replace' that is no text"),
        ("{pattern: a, with: b}", "has the key 'with'"),
    ],
)
def test_a_rule_that_cannot_be_used_stops_the_start(rule: str, words: str) -> None:
    settings = with_sections(f"headgate_settings: {{redact_messages: [{rule}]}}")
    assert words in problems(settings, "error")
    assert "redact_messages" in problems(settings, "error")
