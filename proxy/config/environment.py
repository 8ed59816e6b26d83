"""The environment's variables, as a mapping that is handed around.

The rule: this is the only module that touches the process environment, and nothing writes to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from types import MappingProxyType


def system() -> Mapping[str, str]:
    """The variables of this process, as they are now."""
    return MappingProxyType(dict(os.environ))


def layered(env: Mapping[str, str], over: Mapping[str, str]) -> Mapping[str, str]:
    """The environment with the configuration's own variables laid over it."""
    return MappingProxyType({**env, **over})


def first_set(env: Mapping[str, str], names: Iterable[str]) -> tuple[str, str] | None:
    """The name and the value of the first variable that is set and not empty."""
    for name in names:
        value = env.get(name, "").strip()
        if value:
            return name, value
    return None
