"""The arguments of a function call that arrive value by value.

The rule: a value stands where its path says; words for the same path are joined.
Source: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

MAX_INDEX = 10_000

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\[\"((?:[^\"\\]|\\.)*)\"\]")


class PartialArguments:
    """One call's arguments as far as they have arrived."""

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}

    @property
    def value(self) -> dict[str, Any]:
        """The object that the paths and values so far make up."""
        return self._root

    def take(self, pieces: Iterable[object]) -> None:
        """Add the pieces of one part; a path that makes no sense is passed over."""
        for piece in pieces:
            if isinstance(piece, Mapping):
                self._put(_steps(str(piece.get("jsonPath") or "")), _value(piece))

    def _put(self, steps: list[str | int], value: object) -> None:
        if not steps or not isinstance(steps[0], str):
            return
        place: Any = self._root
        for step, following in pairwise(steps):
            empty: Any = [] if isinstance(following, int) else {}
            inner = _at(place, step, empty)
            if inner is None:
                return
            place = inner
        last = steps[-1]
        before = _at(place, last, value)
        if isinstance(before, str) and isinstance(value, str) and before is not value:
            place[last] = before + value


def _at(place: Any, step: str | int, fresh: Any) -> Any:
    """What stands at a step, the fresh value put there first where nothing did."""
    if isinstance(place, dict) and isinstance(step, str):
        return place.setdefault(step, fresh)
    if isinstance(place, list) and isinstance(step, int) and step <= MAX_INDEX:
        if step >= len(place):
            place.extend([None] * (step - len(place)))
            place.append(fresh)
        elif place[step] is None:
            place[step] = fresh
        return place[step]
    return None


def _steps(path: str) -> list[str | int]:
    return [
        int(found[2]) if found[2] else found[1] or found[3] or found[4] or ""
        for found in _STEP.finditer(path)
    ]


def _value(piece: Mapping[str, Any]) -> object:
    for name in ("stringValue", "numberValue", "boolValue"):
        if name in piece:
            return piece[name]
    return None
