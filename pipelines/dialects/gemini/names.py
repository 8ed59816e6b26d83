"""What Gemini's fields and models are called.

The rule: the wire names are camelCase, and snake_case is understood as well, as Google does.
Source: https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

FAMILY = "gemini"
NEWEST = 3.0

_MODEL = re.compile(r"gemini-(\d+(?:[.-]\d+)?)(?!\d)")


def camelised(value: object) -> dict[str, Any]:
    """An object with its own keys in camelCase; empty where it is no object."""
    if not isinstance(value, Mapping):
        return {}
    return {_camel(key) if "_" in key else key: item for key, item in value.items()}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def generation(model: str) -> float:
    """The generation of a Gemini model, 2.5 or 3; the newest where its name does not tell."""
    found = _MODEL.search(model)
    if found is None:
        return NEWEST
    number = found[1].replace("-", ".")
    # gemini-2.0-flash-001 and gemini-3-2025 have more digits than a generation.
    return float(number) if len(number) < 5 else float(number.split(".")[0])
