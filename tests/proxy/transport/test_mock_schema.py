"""Values that are made for JSON schemas are valid for them."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from proxy.transport.mock_schema import BadSchema, sample

NODE = {
    "type": "object",
    "properties": {
        "value": {"type": "integer"},
        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
    },
    "required": ["value", "next"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "minLength": 6}, "textxx"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "string", "format": "date"}, "2025-01-31"),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({"const": 7}, 7),
        ({"enum": ["b", "a"]}, "b"),
        ({"type": ["null", "integer"]}, 0),
        ({"type": "integer"}, 0),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "integer", "exclusiveMinimum": 3}, 4),
        ({"type": "integer", "minimum": 0.5}, 1),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "integer", "exclusiveMaximum": 0}, -1),
        ({"type": "integer", "minimum": 5, "multipleOf": 4}, 8),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"minimum": 2}, 2),
        ({"type": "array", "items": {"type": "integer"}}, []),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [0, 0]),
        ({"prefixItems": [{"const": 1}, {"const": 2}]}, [1, 2]),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {}),
        ({"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"a": "text"}),
        ({"type": "object", "required": ["a"]}, {"a": "text"}),
        ({"type": "object", "properties": {"a": {"const": 1}}, "minProperties": 1}, {"a": 1}),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 0),
        ({"oneOf": [{"const": "x"}, {"const": "y"}]}, "x"),
        ({"allOf": [{"type": "integer"}, {"minimum": 5}]}, 5),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 9}}}, 9),
        (True, "text"),
        ({}, "text"),
        ({"type": "object", "required": True, "properties": 5}, {}),
    ],
)
def test_the_value_is_small_and_valid(schema: object, value: object) -> None:
    assert sample(schema) == value


def test_parts_of_an_object_that_stand_in_several_schemas_are_put_together() -> None:
    schema = {
        "allOf": [
            {"properties": {"a": {"const": 1}}, "required": ["a"]},
            {"properties": {"b": {"const": 2}}, "required": ["b"]},
        ]
    }
    assert sample(schema) == {"a": 1, "b": 2}


def test_a_list_that_refers_to_itself_comes_to_an_end() -> None:
    value: Any = sample({"$ref": "#/$defs/node", "$defs": {"node": NODE}})
    depth = 0
    while value is not None:
        assert set(value) == {"value", "next"}
        value, depth = value["next"], depth + 1
    assert 1 <= depth < 32


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"$ref": "#"}, "without an end"),
        ({"anyOf": [{"$ref": "#"}]}, "without an end"),
        ({"allOf": [{"$ref": "#"}]}, "without an end"),
        ({"required": ["a"], "properties": {"a": {"$ref": "#"}}}, "without an end"),
        ({"type": "array", "minItems": 3000, "items": {}}, "too large"),
        ({"type": "array", "minItems": 10**9}, "minItems"),
        ({"type": "string", "minLength": 10**9}, "minLength"),
        ({"$ref": "#/$defs/none"}, "leads nowhere"),
        ({"$ref": "https://example.com/schema"}, "leads nowhere"),
        ({"type": "thing"}, "'thing'"),
        ({"type": "integer", "minimum": 2, "maximum": 1}, "bounds"),
        ({"type": "number", "minimum": 1e308, "multipleOf": 1e-308}, "large"),
    ],
)
def test_a_schema_that_cannot_be_met_is_refused_with_its_reason(schema: object, why: str) -> None:
    with pytest.raises(BadSchema, match=re.escape(why)):
        sample(schema)


def test_objects_that_double_at_every_level_are_given_up_in_time() -> None:
    both = {"required": ["a", "b"], "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}}
    with pytest.raises(BadSchema):
        sample(both)


def test_very_large_numbers_can_be_written_as_json() -> None:
    assert orjson.loads(orjson.dumps(sample({"type": "integer", "minimum": 1e300}))) == 1e300
