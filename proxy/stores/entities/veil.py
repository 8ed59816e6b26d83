"""Hides the credentials of callbacks that keys and teams carry in their metadata.

The rule: whoever reads a key, a team or the audit sees that a credential is there, and never which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.config.masking import HEADER_MAPS, MASK, is_secret

VARS = "callback_vars"
# An address may hold a token, and a header is one.
HIDDEN = HEADER_MAPS | {"endpoint", "url"}
DEEPEST = 8


def veiled(value: Any, depth: int = 0) -> Any:
    """The same value with every credential within `callback_vars` masked."""
    if depth > DEEPEST:
        return value
    if isinstance(value, Mapping):
        return {
            name: _masked(one) if name == VARS else veiled(one, depth + 1)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [veiled(one, depth + 1) for one in value]
    return value


def _masked(given: Any) -> Any:
    if not isinstance(given, Mapping):
        return MASK
    return {name: MASK if one and _hides(str(name)) else one for name, one in given.items()}


def _hides(name: str) -> bool:
    return name in HIDDEN or is_secret(name)
