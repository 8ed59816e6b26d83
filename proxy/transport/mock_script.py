"""Reads from a model's name how the mock provider is to behave.

The rule: a name is directions joined by `-`, each one a word with at most one number; a name that
holds anything else is no model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum

WORDS_PER_SECOND = 50.0
DIRECTIONS = (
    ("demo", "a friendly answer, about 50 words a second"),
    ("echo", "the last user message again, word for word"),
    ("wordsN", "N numbered words"),
    ("thinkN", "N words of reasoning before the answer"),
    ("tool", "a call of the first tool; toolN calls the first N"),
    ("rateN", "N words a second; rate0 does not wait"),
    ("paced", "a whole reply takes as long as its words"),
    ("lateN", "N milliseconds before the head"),
    ("firstN", "N milliseconds between the head and the first byte"),
    ("refuse", "no connection"),
    ("failN", "an error with the HTTP status N"),
    ("stallN", "silence after N words"),
    ("cutN", "the connection breaks after N words"),
    ("eofN", "a clean end after N words, without a finish"),
    ("erroreventN", "an error event after N words"),
)


class UnknownDirection(ValueError):
    """A name that is no model; the message lists what is known."""


class Failing(Enum):
    """How a reply goes wrong after it began."""

    STALL = "stall"
    CUT = "cut"
    EOF = "eof"
    ERROR = "errorevent"


@dataclass(frozen=True, slots=True)
class Script:
    """What a name asks for: the answer, its pace in seconds and words a second, and its faults.

    `words` is None for the friendly answer; `failing` strikes after `lasts` words.
    """

    words: int | None = None
    echo: bool = False
    thoughts: int = 0
    tools: int = 0
    rate: float = WORDS_PER_SECOND
    paced: bool = False
    late: float = 0.0
    first: float = 0.0
    refuses: bool = False
    status: int = 200
    failing: Failing | None = None
    lasts: int = 0


def read_script(model: str) -> Script:
    """The script that a model's name stands for. Raises UnknownDirection."""
    script = Script()
    for direction in model.removeprefix("mock/").split("-"):
        script = _directed(script, direction)
    return script


def _directed(script: Script, direction: str) -> Script:
    found = re.fullmatch(r"([a-z]+)([0-9]{0,5})", direction)
    if found is None:
        raise UnknownDirection(_unknown(direction))
    word, digits = found[1], found[2]
    directed = _counted(script, word, int(digits)) if digits else _bare(script, word)
    if directed is None:
        raise UnknownDirection(_unknown(direction))
    return directed


def _bare(script: Script, word: str) -> Script | None:
    match word:
        case "demo":
            return script
        case "echo":
            return replace(script, echo=True)
        case "tool":
            return replace(script, tools=1)
        case "paced":
            return replace(script, paced=True)
        case "refuse":
            return replace(script, refuses=True)
    return None


def _counted(script: Script, word: str, number: int) -> Script | None:
    match word:
        case "words":
            return replace(script, words=number)
        case "think":
            return replace(script, thoughts=number)
        case "tool":
            return replace(script, tools=number)
        case "rate":
            return replace(script, rate=float(number))
        case "late":
            return replace(script, late=number / 1000)
        case "first":
            return replace(script, first=number / 1000)
        case "fail" if 400 <= number <= 599:
            return replace(script, status=number)
        case "stall" | "cut" | "eof" | "errorevent":
            return replace(script, failing=Failing(word), lasts=number)
    return None


def _unknown(direction: str) -> str:
    known = ", ".join(f"{name} ({meaning})" for name, meaning in DIRECTIONS)
    return (
        f"The mock provider does not know the direction {direction[:40]!r}. It knows, joined by "
        f"'-' after 'mock/': {known}."
    )
