"""What is to be taken out is taken out, and no pattern runs for long."""

from __future__ import annotations

import time

import pytest

from pipelines.redaction import BadPattern, Redaction, bounded, own_rule, preset
from tests.builders import SECRET


def cleaned(text: str, *names: str) -> str:
    return Redaction(tuple(preset(name) for name in names)).clean(text)


@pytest.mark.parametrize(
    ("name", "text", "clean"),
    [
        ("email", "to a.b+c@mail.example.org, please", "to [email], please"),
        ("email", "a @ b and user@localhost", "a @ b and user@localhost"),
        ("card", "4111 1111 1111 1111!", "[card]!"),
        ("card", "5500-0000-0000-0004", "[card]"),
        ("card", "4111 1111 1111 1112", "4111 1111 1111 1112"),
        ("card", "id 12345678901234567890123", "id 12345678901234567890123"),
        ("iban", "DE89 3704 0044 0532 0130 00 AND MORE", "[iban] AND MORE"),
        ("iban", "GB82WEST12345698765432", "[iban]"),
        ("iban", "DE89 3704 0044 0532 0130 01", "DE89 3704 0044 0532 0130 01"),
        ("phone", "call +49 (30) 1234-5678 now", "call [phone] now"),
        ("phone", "call 555-123-4567.", "call [phone]."),
        ("phone", "in 2024-10-11 or 1.234.567", "in 2024-10-11 or 1.234.567"),
        ("key", f"use {SECRET} now", "use **** now"),
    ],
)
def test_presets_find_what_they_are_for_and_nothing_else(name: str, text: str, clean: str) -> None:
    assert cleaned(text, name) == clean


def test_keys_are_masked_without_any_rule() -> None:
    assert SECRET not in Redaction().clean(f"x {SECRET}")
    assert Redaction().clean("plain\nwords") == "plain\nwords"


def test_an_operators_rule_puts_its_words_as_they_stand() -> None:
    rules = Redaction((own_rule(r"(?i)project (\w+)", r"\1!"), own_rule("x{3}", None)))
    assert rules.clean("Project Apollo xxx") == r"\1! [redacted]"


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d+", r"\w+@\w+", r"[a-z]*\]x", r"(?:\d{4}[- ]?){3}\d", r"(?:ab)+", r"a{2,}", r"[^]x]y+",
        r"(?<=x)y(?!z)", r"(?P<n>a|b)c", r"a??b", r"a{,3}b", r"x{}",
    ],
)  # fmt: skip
def test_plain_patterns_are_used(pattern: str) -> None:
    assert bounded(pattern).search("") is None


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+b", r"(a|a)*b", r"(?:x*)*y", r"a.*.*.*b", r"(a)\1", r"(?P<n>a)(?P=n)", r"(", "[",
        r"a{500}", r"a{1,999999999}b", "a*", "", r"(?s).x", r"(?(1)a)", "a" * 501, r"(?#x)a",
        r"((((a?){9})?){9})?b", "\\",
    ],
)  # fmt: skip
def test_dangerous_and_senseless_patterns_are_not(pattern: str) -> None:
    with pytest.raises(BadPattern):
        bounded(pattern)


@pytest.mark.parametrize("pattern", [r"\w+@\w+x", r".+.+", r"(?:a?){10}b", r"(?:a|b|a){3}c"])
@pytest.mark.parametrize("text", ["a" * 16_384, "ab@" * 5_000])
def test_no_text_makes_a_pattern_run_for_long(pattern: str, text: str) -> None:
    rules = Redaction((own_rule(pattern, "x"),))
    start = time.thread_time()
    rules.clean(text)
    assert time.thread_time() - start < 3.0


@pytest.mark.parametrize(
    "text", ["1 " * 8_000, "A1" * 8_000, "a.b@" * 4_000, "+1" * 8_000, "-" * 16_000]
)
def test_no_text_makes_a_preset_run_for_long(text: str) -> None:
    start = time.thread_time()
    cleaned(text, "email", "iban", "card", "phone", "key")
    assert time.thread_time() - start < 1.0
