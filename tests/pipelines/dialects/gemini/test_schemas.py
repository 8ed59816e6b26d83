"""Gemini's schema language into JSON Schema."""

from __future__ import annotations

from pipelines.dialects.gemini.schemas import json_schema


def test_a_schema_of_geminis_becomes_json_schema() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {"max_items": {"type": "STRING", "nullable": True, "enum": ["a"]}},
        "property_ordering": ["max_items"],
        "required": ["max_items"],
    }
    assert json_schema(schema) == {
        "type": "object",
        "properties": {"max_items": {"type": ["string", "null"], "enum": ["a", None]}},
        "required": ["max_items"],
    }


def test_counts_that_are_strings_become_numbers() -> None:
    schema = {"type": "ARRAY", "minItems": "2", "items": {"anyOf": [{"type": "INTEGER"}]}}
    assert json_schema(schema) == {
        "type": "array",
        "minItems": 2,
        "items": {"anyOf": [{"type": "integer"}]},
    }
