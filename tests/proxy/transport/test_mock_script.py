"""A model's name tells the mock provider how to behave."""

from __future__ import annotations

import pytest

from proxy.transport.mock_script import (
    DIRECTIONS,
    Failing,
    Script,
    UnknownDirection,
    read_script,
)


@pytest.mark.parametrize(
    ("model", "script"),
    [
        ("demo", Script()),
        ("mock/demo", Script()),
        ("echo", Script(echo=True)),
        ("tool", Script(tools=1)),
        ("tool3", Script(tools=3)),
        ("words100-rate1000-late50", Script(words=100, rate=1000.0, late=0.05)),
        ("think20-first2000-paced", Script(thoughts=20, first=2.0, paced=True)),
        ("refuse", Script(refuses=True)),
        ("fail429", Script(status=429)),
        ("stall5", Script(failing=Failing.STALL, lasts=5)),
        ("cut0", Script(failing=Failing.CUT)),
        ("eof5", Script(failing=Failing.EOF, lasts=5)),
        ("errorevent5", Script(failing=Failing.ERROR, lasts=5)),
    ],
)
def test_a_name_is_read_as_its_directions(model: str, script: Script) -> None:
    assert read_script(model) == script


@pytest.mark.parametrize(
    "model",
    ["", "gpt-4o", "demo5", "words", "stall", "fail200", "fail600", "words123456", "demo-", "Demo"],
)
def test_a_name_with_anything_else_in_it_is_no_model(model: str) -> None:
    with pytest.raises(UnknownDirection):
        read_script(model)


def test_the_refusal_names_what_is_wrong_and_lists_what_is_known() -> None:
    with pytest.raises(UnknownDirection, match="'zap9'") as caught:
        read_script("demo-zap9")
    assert all(name in str(caught.value) for name, _ in DIRECTIONS)


@pytest.mark.parametrize("name", [name for name, _ in DIRECTIONS])
def test_every_listed_direction_is_understood(name: str) -> None:
    read_script(name.replace("N", "500"))
