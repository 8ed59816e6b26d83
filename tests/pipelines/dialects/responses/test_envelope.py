"""Reasoning of another family survives in `encrypted_content`."""

from __future__ import annotations

import pytest

from pipelines.dialects.responses.envelope import family_of, unwrap, wrap


def test_what_the_own_family_encrypted_stands_bare() -> None:
    assert wrap("openai", "", "E") == wrap("", "", "E") == "E"
    assert unwrap("E") == ("openai", "", "E")


@pytest.mark.parametrize(
    ("family", "signature", "data"),
    [("anthropic", "s==", ""), ("anthropic", "", "d"), ("xai", "", "é")],
)
def test_what_another_family_made_comes_back_byte_for_byte(
    family: str, signature: str, data: str
) -> None:
    assert unwrap(wrap(family, signature, data)) == (family, signature, data)


@pytest.mark.parametrize("broken", ["%%%", "e30=", "W10=", "bnVsbA=="])
def test_a_broken_envelope_is_left_as_it_is(broken: str) -> None:
    held = f"headgate.1.{broken}"
    assert unwrap(held) == ("openai", "", held)


def test_a_provider_s_family_is_told_by_its_title() -> None:
    assert (family_of("OpenAI"), family_of("Azure OpenAI"), family_of("xAI")) == (
        "openai",
        "openai",
        "xai",
    )
