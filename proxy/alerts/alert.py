"""What people are told of.

The rule: an alert holds names, sums and times, and never a secret, a prompt or an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

LONGEST_WORD = 200

Level = Literal["Low", "Medium", "High"]

NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to be told, of one of LiteLLM's kinds or our own.

    What has the same `cause` is told once in `quiet` seconds, by whichever process comes first.
    `event` is what LiteLLM calls it in its webhook (empty: the kind), `group` whom it is about, and
    `about` further fields for the webhook.
    """

    kind: str
    cause: str
    message: str
    level: Level = "Medium"
    quiet: float = 3600.0
    event: str = ""
    group: str = "proxy"
    about: Mapping[str, object] = field(default_factory=lambda: NOTHING)


def word(text: str) -> str:
    """A name that somebody else chose, as it may stand in a line of ours: it begins no line of its
    own, ends no quotation, and has an end."""
    return " ".join(text.replace("`", "'").split())[:LONGEST_WORD]
