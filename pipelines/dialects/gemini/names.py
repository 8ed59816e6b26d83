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
MAX_CHARACTER = 0x10FFFF

# How a tool's name begins that Gemini would refuse as it is.
MARK = "hg__"
LONGEST_TOOL = 128

_TOOL = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
_REFUSED = re.compile(r"[^A-Za-z0-9.:-]")
_ESCAPED = re.compile(r"_([0-9a-f]{1,6})_")
_MODEL = re.compile(r"gemini-(\d+(?:[.-]\d+)?)(?!\d)")


def camelised(value: object) -> dict[str, Any]:
    """An object with its own keys in camelCase; empty where it is no object."""
    if not isinstance(value, Mapping):
        return {}
    return {_camel(key) if "_" in key else key: item for key, item in value.items()}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def tool_name(name: str) -> str:
    """A tool's name as Gemini takes it, from which `own_name` gives the tool's own again.

    Source: https://ai.google.dev/api/caching#FunctionDeclaration
    """
    if _TOOL.fullmatch(name) and not name.startswith(MARK):
        return name
    return MARK + _REFUSED.sub(lambda found: f"_{ord(found[0]):x}_", name)


def own_name(name: str) -> str:
    """The name that a tool was declared with."""
    if not name.startswith(MARK):
        return name
    return _ESCAPED.sub(_character, name.removeprefix(MARK))


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return chr(code) if code <= MAX_CHARACTER else found[0]


def generation(model: str) -> float:
    """The generation of a Gemini model, 2.5 or 3; the newest where its name does not tell."""
    found = _MODEL.search(model)
    if found is None:
        return NEWEST
    number = found[1].replace("-", ".")
    # gemini-2.0-flash-001 and gemini-3-2025 have more digits than a generation.
    return float(number) if len(number) < 5 else float(number.split(".")[0])
