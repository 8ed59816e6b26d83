"""The environment as a mapping."""

from __future__ import annotations

import pytest

from proxy.config.environment import first_set, layered, system


def test_the_process_environment_is_a_copy_that_cannot_be_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEADGATE_TEST", "before")
    env = system()
    monkeypatch.setenv("HEADGATE_TEST", "after")
    assert env["HEADGATE_TEST"] == "before"
    with pytest.raises(TypeError):
        env["HEADGATE_TEST"] = "mine"  # type: ignore[index]


def test_what_is_laid_over_wins() -> None:
    assert layered({"A": "1", "B": "2"}, {"B": "3"}) == {"A": "1", "B": "3"}


def test_the_first_variable_that_is_set_and_not_empty_is_taken() -> None:
    env = {"A": "  ", "B": " b ", "C": "c"}
    assert first_set(env, ("NONE", "A", "B", "C")) == ("B", "b")
    assert first_set(env, ("A", "NONE")) is None
