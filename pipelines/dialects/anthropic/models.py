"""What the models that speak Messages can take.

The rule: a model's name tells its version, and the version tells the rest; a name that is not
Claude's is treated as the oldest kind. Source: https://docs.anthropic.com/en/docs/about-claude/models
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_MAX_TOKENS = 4096

_NEW = re.compile(r"claude-([a-z]+)-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_OLD = re.compile(r"claude-(\d)(?:[-.](\d))?-")
_NEWEST = (5, 0)
_OLDEST = (3, 0)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What one model can take. `effort` and `budget` are its ways to be told how much to think;
    `sampling` lets it be tuned, `pair` lets temperature and top_p be given at once."""

    max_tokens: int
    effort: bool
    budget: bool
    sampling: bool
    pair: bool
    prefill: bool
    schemas: bool
    display: bool


def abilities(model: str) -> Abilities:
    """What a model of this name can take."""
    name, version = _version(model)
    effort = version >= (5, 0) or (version >= (4, 6) and name != "haiku")
    opus = name == "opus"
    return Abilities(
        max_tokens=_max_tokens(name, version),
        effort=effort,
        budget=(3, 7) <= version < (4, 7),
        sampling=version < (4, 7),
        pair=version < ((4, 1) if opus else (4, 5)),
        prefill=not effort,
        schemas=version >= ((4, 1) if opus else (4, 5)),
        display=version >= (4, 7),
    )


def _version(model: str) -> tuple[str, tuple[int, int]]:
    found = _NEW.search(model)
    if found is not None:
        return found[1], (int(found[2]), int(found[3] or 0))
    old = _OLD.search(model)
    if old is not None:
        return "", (int(old[1]), int(old[2] or 0))
    return "", _NEWEST if "claude" in model else _OLDEST


def _max_tokens(name: str, version: tuple[int, int]) -> int:
    if version < (3, 5):
        return DEFAULT_MAX_TOKENS
    if version < (3, 7):
        return 8192
    return 32000 if name == "opus" and version < (4, 5) else 64000
