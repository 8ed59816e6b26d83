"""Keeps secrets out of everything that people read.

The rule: a text that may hold a secret goes through `show`, `plain` or `Vault.scrub` first; when in
doubt it is masked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

MASK = "****"
SHORTEST_HINTED = 20
SHORTEST_SCRUBBED = 6
SHORTEST_WORD = 16
LONGEST_VALUE = 60
LONGEST_NAME = 200
HEADER_MAPS = frozenset({"headers", "extra_headers", "default_headers"})

V = TypeVar("V")

_SECRET_NAME = re.compile(
    r"(^|[_\-.])(key|keys|secret|token|password|passwd|pwd|credentials?|authorization|license|salt"
    r"|access_key_id|(database|redis|webhook|direct)_urls?)$",
    re.IGNORECASE,
)
_COST_NAME = re.compile(r"(^|_)(per|input|output)_([a-z]+_)?token$")
# How providers' keys begin; what follows tells them from words.
_SECRET_FORM = re.compile(
    r"(?<![A-Za-z0-9])(((sk|pk|rk|csk|xai|nvapi|pplx|glpat)-|(gsk|hf|r8|tgp|ghp|github_pat)_)[\w\-]{3,}"
    r"|(AIza|AKIA|eyJ)[\w\-]{12,}|([Bb]earer|[Bb]asic) \S+)"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class HiddenValues(dict[str, V]):
    """A mapping whose repr tells its names and none of its values."""

    def __repr__(self) -> str:
        return repr({plain(name): MASK for name in self})


class Vault:
    """Remembers the secrets that were met, so that no text with one of them gets out."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def __repr__(self) -> str:
        return f"Vault({len(self._secrets)} secrets)"

    def keep(self, secret: str) -> None:
        """Remember a secret; those too short to be told from ordinary words are not."""
        for form in (secret, secret.strip()):
            least = SHORTEST_WORD if form.isalpha() else SHORTEST_SCRUBBED
            if len(form) >= least:
                self._secrets.add(form)

    def scrub(self, text: str) -> str:
        """The text with every remembered secret masked, and all that has a key's form; what
        would steer a terminal is dropped."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return _CONTROL.sub("", _SECRET_FORM.sub(MASK, text))


def mask(secret: str) -> str:
    """A hint that tells one long secret from another, and nothing about a short one."""
    if len(secret) < SHORTEST_HINTED:
        return MASK
    return f"{'sk-' if secret.startswith('sk-') else ''}…{secret[-4:]}"


def is_secret(name: str) -> bool:
    """Whether a key of this name holds a secret."""
    return bool(_SECRET_NAME.search(name)) and not _COST_NAME.search(name)


def hides(trail: Iterable[str | int]) -> bool:
    """Whether the value at this path is a secret, or a part of one."""
    steps = [step for step in trail if isinstance(step, str)]
    return any(is_secret(step) or step in HEADER_MAPS for step in steps)


def plain(name: str) -> str:
    """A name as it may be shown: as it is, unless it holds a provider's key or an address."""
    if _SECRET_FORM.search(name) or "://" in name:
        return MASK
    return _cut(name, LONGEST_NAME)


def show(value: object) -> str:
    """A wrong value as it may be shown in a message: strings quoted, containers only named."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        hidden = plain(value) == MASK or _looks_secret(value)
        return MASK if hidden else json.dumps(_cut(value, LONGEST_VALUE), ensure_ascii=False)
    if isinstance(value, bool | int | float):
        return _cut(json.dumps(value), LONGEST_VALUE)
    return "a map" if isinstance(value, Mapping) else "a list"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def _looks_secret(text: str) -> bool:
    long_word = len(text) >= SHORTEST_HINTED and not re.search(r"\s", text)
    mixed = bool(re.search(r"\d", text) and re.search(r"[A-Za-z]", text))
    return long_word and mixed
