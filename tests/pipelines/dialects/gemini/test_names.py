"""Names of Gemini's fields and models."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dialects.gemini.names import camelised, generation, own_name, tool_name


def test_snake_case_is_understood() -> None:
    assert camelised({"inline_data": 1, "fileData": 2}) == {"inlineData": 1, "fileData": 2}
    assert camelised(["no object"]) == {}


@pytest.mark.parametrize(
    ("model", "age"),
    [
        ("gemini-2.5-flash", 2.5),
        ("gemini-2.0-flash-001", 2.0),
        ("gemini-3-pro-preview", 3.0),
        ("gemini-3.1-pro", 3.1),
        ("gemini-flash-latest", 3.0),
    ],
)
def test_the_generation_stands_in_the_name(model: str, age: float) -> None:
    assert generation(model) == age


@pytest.mark.parametrize("name", ["get_weather", "_a", "a.b:c-d", "mcp__x__y"])
def test_a_tool_that_gemini_takes_keeps_its_name(name: str) -> None:
    assert tool_name(name) == own_name(name) == name


@pytest.mark.parametrize("name", ["3d-render", "files/read", "größe", "a b", "-x", "hg__a", ""])
def test_a_tool_that_gemini_refuses_gets_a_name_and_its_own_back(name: str) -> None:
    mapped = tool_name(name)
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.:-]*", mapped)
    assert own_name(mapped) == name


@given(st.text(max_size=40))
def test_any_name_comes_back(name: str) -> None:
    assert own_name(tool_name(name)) == name


def test_a_name_that_only_looks_mapped_is_no_danger() -> None:
    assert own_name("hg___ffffff_") == "_ffffff_"
