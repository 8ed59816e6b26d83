"""A deployment can stand for one concrete model, and never shows a secret."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from tests.builders import SECRET, a_deployment


def test_a_deployment_of_a_wildcard_becomes_one_of_a_model() -> None:
    wild = a_deployment("w", "acme/*", model="*", weight=2.0)
    concrete = wild.named("x")
    assert (concrete.model, concrete.id, concrete.group, concrete.weight) == (
        "x",
        "w",
        "acme/*",
        2.0,
    )
    assert wild.model == "*"


def test_a_deployment_shows_neither_its_key_nor_its_headers() -> None:
    deployment = a_deployment(headers={"X-Secret": "hush-hush"})
    words = repr(deployment)
    assert "acme" in words
    assert not any(word in words for word in (SECRET, SECRET[8:], "hush-hush"))


def test_a_deployment_never_changes() -> None:
    with pytest.raises(FrozenInstanceError):
        a_deployment().model = "other"  # type: ignore[misc]
