"""Makes a small value that is valid for a JSON schema.

The rule: it knows the keywords that structured outputs allow, `pattern` excepted; it prefers a
value that says something to null, and gives up on a schema that is too large or admits none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

MAX_NODES = 2_000
MAX_DEPTH = 32
DEEP = 2
MAX_LENGTH = 10_000
FORMATS = MappingProxyType(
    {
        "date": "2025-01-31",
        "time": "12:00:00Z",
        "date-time": "2025-01-31T12:00:00Z",
        "duration": "P1D",
        "email": "ada@example.com",
        "hostname": "example.com",
        "ipv4": "192.0.2.1",
        "ipv6": "2001:db8::1",
        "uri": "https://example.com/",
        "uuid": "00000000-0000-4000-8000-000000000000",
    }
)
WEIGHTS = MappingProxyType({"null": 0, "array": 2, "object": 3})
HINTS = (
    ("object", ("properties", "required", "additionalProperties")),
    ("array", ("items", "prefixItems", "minItems")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)

Schema = Mapping[str, Any]


class BadSchema(ValueError):
    """A schema that no value is made for; the message says why."""


def sample(schema: object) -> object:
    """A small value that is valid for the schema. Raises BadSchema."""
    try:
        return _Sampler(schema).value(schema, 0)
    except OverflowError:
        raise BadSchema("its numbers are too large") from None


class _Sampler:
    """Walks one schema, within bounds."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._left = MAX_NODES
        self._makers: Mapping[str, Callable[[Schema, int], object]] = {
            "object": self._object,
            "array": self._array,
            "string": lambda schema, _: _string(schema),
            "number": lambda schema, _: _number(schema, whole=False),
            "integer": lambda schema, _: _number(schema, whole=True),
            "boolean": lambda _schema, _: False,
            "null": lambda _schema, _: None,
        }

    def value(self, given: object, depth: int) -> object:
        """A value for one schema at its depth."""
        schema = self._chosen(self._plain(given, depth), depth)
        if "const" in schema:
            return schema["const"]
        options = schema.get("enum")
        if isinstance(options, list) and options:
            return options[0]
        kind = _kind(schema, depth)
        maker = self._makers.get(kind)
        if maker is None:
            raise BadSchema(f"{kind!r} is no type")
        return maker(schema, depth)

    def _plain(self, given: object, depth: int) -> Schema:
        """The schema with its references followed and its `allOf` merged."""
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise BadSchema("it is too large, or refers to itself without an end")
        schema = given if isinstance(given, dict) else {}
        if isinstance(schema.get("$ref"), str):
            target = self._plain(self._target(schema["$ref"]), depth + 1)
            schema = _merged(target, _without(schema, "$ref"))
        if isinstance(schema.get("allOf"), list):
            whole: Schema = _without(schema, "allOf")
            for part in schema["allOf"]:
                whole = _merged(self._plain(part, depth + 1), whole)
            return whole
        return schema

    def _target(self, reference: str) -> Schema:
        node = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            node = node.get(key) if isinstance(node, dict) else None
        if not isinstance(node, dict) or not reference.startswith("#"):
            raise BadSchema(f"the reference {reference[:100]!r} leads nowhere")
        return node

    def _chosen(self, schema: Schema, depth: int) -> Schema:
        """The schema with its first alternative that says something; the lightest far down."""
        for key in ("anyOf", "oneOf"):
            given = schema.get(key)
            if isinstance(given, list) and given:
                options = [self._plain(option, depth + 1) for option in given]
                said = [option for option in options if option.get("type") != "null"]
                chosen = min(options, key=_weight) if depth > DEEP else (said or options)[0]
                return self._chosen(_merged(_without(schema, key), chosen), depth + 1)
        return schema

    def _object(self, schema: Schema, depth: int) -> object:
        properties = schema.get("properties")
        known: Schema = properties if isinstance(properties, dict) else {}
        required = schema.get("required")
        listed = required if isinstance(required, list) else []
        names = [name for name in listed if isinstance(name, str)]
        least = _size(schema, "minProperties")
        names += [name for name in known if name not in names][: max(0, least - len(names))]
        return {name: self.value(known.get(name), depth + 1) for name in names}

    def _array(self, schema: Schema, depth: int) -> object:
        first = schema.get("prefixItems")
        heads = first if isinstance(first, list) else []
        count = max(_size(schema, "minItems"), len(heads))
        items = [*heads, *[schema.get("items")] * (count - len(heads))]
        return [self.value(item, depth + 1) for item in items]


def _without(schema: Schema, key: str) -> dict[str, Any]:
    return {name: part for name, part in schema.items() if name != key}


def _merged(below: Schema, above: Schema) -> dict[str, Any]:
    merged = {**below, **above}
    if isinstance(below.get("properties"), dict) and isinstance(above.get("properties"), dict):
        merged["properties"] = {**below["properties"], **above["properties"]}
    if isinstance(below.get("required"), list) and isinstance(above.get("required"), list):
        merged["required"] = [*dict.fromkeys(map(str, below["required"] + above["required"]))]
    return merged


def _kind(schema: Schema, depth: int) -> str:
    kind = schema.get("type")
    if isinstance(kind, list) and kind:
        said = [name for name in kind if name != "null"]
        kind = "null" if depth > DEEP and "null" in kind else (said or kind)[0]
    if kind is None:
        found = (name for name, hints in HINTS if any(hint in schema for hint in hints))
        return next(found, "string")
    return str(kind)


def _weight(schema: Schema) -> int:
    return WEIGHTS.get(_kind(schema, MAX_DEPTH), 1)


def _size(schema: Schema, key: str) -> int:
    value = _finite(schema.get(key))
    size = 0 if value is None else math.ceil(value)
    if size > MAX_LENGTH:
        raise BadSchema(f"{key} is over {MAX_LENGTH}")
    return max(0, size)


def _string(schema: Schema) -> str:
    text = FORMATS.get(str(schema.get("format")), "text")
    longest = _finite(schema.get("maxLength"))
    if longest is not None:
        text = text[: max(0, int(longest))]
    return text.ljust(_size(schema, "minLength"), "x")


def _number(schema: Schema, *, whole: bool) -> float:
    """The first number near zero and near the bounds that the schema admits."""
    step = _finite(schema.get("multipleOf")) or (1 if whole else 0)
    for candidate in _candidates(schema, step):
        integral = float(candidate).is_integer()
        if (integral or not whole) and _admits(schema, candidate, step):
            return int(candidate) if integral and abs(candidate) < 1 << 53 else candidate
    raise BadSchema("no number lies within the bounds")


def _candidates(schema: Schema, step: float) -> list[float]:
    keys = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
    bounds = [value for key in keys if (value := _finite(schema.get(key))) is not None]
    near = [0.0, *bounds]
    if bounds:
        near += [sum(bounds) / len(bounds), bounds[0] + 1, bounds[-1] - 1]
    if step:
        near += [
            math.floor(bound / step + shift) * step for bound in bounds for shift in (0, 1, -1)
        ]
    return near


def _admits(schema: Schema, number: float, step: float) -> bool:
    low, high = _finite(schema.get("minimum")), _finite(schema.get("maximum"))
    above, below = _finite(schema.get("exclusiveMinimum")), _finite(schema.get("exclusiveMaximum"))
    return (
        (low is None or number >= low)
        and (high is None or number <= high)
        and (above is None or number > above)
        and (below is None or number < below)
        and (not step or math.isclose(number / step, round(number / step), abs_tol=1e-9))
    )


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value
