"""What looks like a key never leaves the gateway, and what is none is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.redact import LONGEST, redact

SECRETS = [
    "sk-proj-abcDEF0123456789",
    "sk-ant-api03-abcDEF0123456789",
    "sk-1234",
    "sk-abc***************xyz9",
    "sk_live_abcdef0123456789",
    "pk-lf-0123456789abcdef",
    "gsk_0123456789abcdefGHIJ",
    "xai-0123456789abcdefGHIJ",
    "hf_abcdefGHIJ0123456789",
    "key-0123456789abcdef0123",
    "tgp_v1_0123456789abcdef",
    "AIzaSyA0123456789abcdef-_0123456789abc",
    "ya29.a0AfH6SMBabcdef0123456789",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_DEF",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "text", ["{}", "Incorrect API key provided: {}.", '{{"key":"{}"}}', "a={}&b"]
)
def test_a_secret_is_masked_wherever_it_stands(secret: str, text: str) -> None:
    got = redact(text.format(secret))
    assert "****" in got
    assert secret not in got
    assert secret[6:] not in got


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER"])
def test_what_follows_bearer_is_masked(word: str) -> None:
    assert redact(f"Authorization: {word} 0123456789abcdef+/=") == f"Authorization: {word} ****"


@pytest.mark.parametrize(
    "text",
    [
        "This model's maximum context length is 8192 tokens.",
        "Unknown field: skip_special_tokens",
        "keyword_arguments_are_not_allowed",
        "The keyboard-interactive-method is off.",
        "disk-quota-exceeded-on-node-7",
        "task-0123456789abcdef",
        "skateboarding-is-not-a-crime",
        "request req_0123456789abcdef failed",
        "xairports_and_hfunctions_are_words",
        "Bearer of bad news",
        "gpt-4o-2024-08-06",
    ],
)
def test_plain_words_stay(text: str) -> None:
    assert redact(text) == text


def test_control_characters_go_and_lines_stay() -> None:
    assert redact("a\x00b\x1b[31mc\r\nd\te\x7f") == "ab[31mc\nd\te"


def test_a_long_text_is_cut_after_its_secrets_are_masked() -> None:
    text = "x " * (LONGEST // 2 - 5) + " sk-abcdef0123456789"
    got = redact(text)
    assert len(got) <= LONGEST
    assert "sk-abc" not in got
    assert len(redact("y" * 100_000)) == LONGEST


@given(st.text(), st.sampled_from(SECRETS), st.text())
def test_no_surroundings_bring_a_secret_out(before: str, secret: str, after: str) -> None:
    assert secret not in redact(f"{before} {secret} {after}")


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)
