"""Gemini's own schema language into JSON Schema.

The rule: OpenAPI's subset is rewritten, its values stay; real JSON Schema passes as it is.
Source: https://ai.google.dev/api/caching#Schema
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.dialects.gemini.names import camelised

_NAMED = frozenset({"properties", "$defs", "defs", "definitions"})
_INTEGERS = frozenset(
    {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
)
_OURS = frozenset({"nullable", "propertyOrdering", "example"})


def json_schema(value: object) -> dict[str, Any]:
    """The JSON Schema for a schema of Gemini's."""
    schema = camelised(value)
    plain: dict[str, Any] = {}
    for key, item in schema.items():
        if key in _OURS:
            continue
        if key in _NAMED and isinstance(item, Mapping):
            plain[key] = {name: json_schema(one) for name, one in item.items()}
        elif key == "items":
            plain[key] = json_schema(item) if isinstance(item, Mapping) else item
        elif key == "anyOf" and isinstance(item, list):
            plain[key] = [json_schema(one) for one in item]
        elif key == "type" and isinstance(item, str):
            plain[key] = item.lower()
        elif key in _INTEGERS and isinstance(item, str) and item.isdigit():
            # int64 is a string in Google's JSON.
            plain[key] = int(item)
        else:
            plain[key] = item
    if schema.get("nullable") is True:
        _or_null(plain)
    return plain


def _or_null(schema: dict[str, Any]) -> None:
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
