"""OpenRouter's `reasoning_details`: signed or encrypted reasoning of whatever model answered.

The rule: the pieces of a stream become the list that a whole reply would have held, and it goes
back as it came. Source: https://openrouter.ai/docs/use-cases/reasoning-tokens
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pipelines.deltas import ThoughtDelta
from pipelines.prompt import Thought

FAMILY = "openrouter"

_GROWS = frozenset({"text", "summary", "data"})


class Details:
    """The details of one choice so far."""

    __slots__ = ("_list",)

    def __init__(self) -> None:
        self._list: list[dict[str, Any]] = []

    def take(self, pieces: object) -> None:
        """Add the pieces of one chunk: one of the same place and type goes on where it ended."""
        for piece in pieces if isinstance(pieces, list) else ():
            if not isinstance(piece, Mapping):
                continue
            last = self._list[-1] if self._list else {}
            if last and all(last.get(key) == piece.get(key) for key in ("index", "type")):
                _grow(last, piece)
            else:
                self._list.append(dict(piece))

    def taken(self, choice: int) -> list[ThoughtDelta]:
        """All of them, once, as one thought that only OpenRouter can read."""
        if not self._list:
            return []
        data = orjson.dumps(self._list).decode()
        self._list = []
        return [ThoughtDelta(data=data, family=FAMILY, choice=choice)]


def details_of(thoughts: list[Thought]) -> list[Any]:
    """The details that stand in the thoughts of an earlier turn."""
    found: list[Any] = []
    for thought in thoughts:
        if thought.family == FAMILY and thought.data:
            found += orjson.loads(thought.data)
    return found


def _grow(last: dict[str, Any], piece: Mapping[str, Any]) -> None:
    for key, value in piece.items():
        if key in _GROWS and isinstance(value, str) and isinstance(last.get(key), str):
            last[key] += value
        elif value is not None:
            last[key] = value
