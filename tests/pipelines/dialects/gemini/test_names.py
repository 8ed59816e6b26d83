"""Names of Gemini's fields and models."""

from __future__ import annotations

import pytest

from pipelines.dialects.gemini.names import camelised, generation


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
