"""Takes out of prompts and answers what their operator does not want to keep.

The rule: a pattern of an operator is bounded before it is used, so that no text of a client can
make it run for long; what looks like a key is masked whether a rule says so or not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pipelines.redact import mask

LONGEST_PATTERN = 500
# What `*`, `+` and `{n,}` reach at most.
REACH = 50
MOST_WAYS = 3_000
MOST_REPEATS = 200

Replace = str | Callable[[re.Match[str]], str]

_QUANTIFIER = re.compile(r"[*+?]|\{(\d{0,9})(,?)(\d{0,9})\}")
_OPENS = re.compile(r"\((?:\?(?::|=|!|<=|<!|P<\w+>))?")
_IGNORES_CASE = "(?i)"


class BadPattern(ValueError):
    """A pattern that is not used; the message says why, as half of a sentence."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is looked for, and what stands in its place."""

    pattern: re.Pattern[str]
    replace: Replace


@dataclass(frozen=True, slots=True)
class Redaction:
    """All rules, in their order."""

    rules: tuple[Rule, ...] = field(default=())

    def clean(self, text: str) -> str:
        """The text without what the rules take out, and with keys masked."""
        for rule in self.rules:
            text = rule.pattern.sub(rule.replace, text)
        return mask(text)


def preset(name: str) -> Rule:
    """The rule of this name: email, phone, card, iban or key. Raises KeyError."""
    return PRESETS[name]


def own_rule(pattern: str, replace: str | None) -> Rule:
    """An operator's rule; `replace` is put in the place as it stands. Raises BadPattern."""
    words = "[redacted]" if replace is None else replace
    return Rule(bounded(pattern), lambda found: words if found[0] else "")


def bounded(pattern: str) -> re.Pattern[str]:
    """The pattern, with an end to each of its repetitions. Raises BadPattern."""
    if len(pattern) > LONGEST_PATTERN:
        raise BadPattern(f"is longer than {LONGEST_PATTERN} characters")
    flags = re.IGNORECASE if pattern.startswith(_IGNORES_CASE) else 0
    text = pattern.removeprefix(_IGNORES_CASE)
    try:
        re.compile(text)
        found = re.compile(_Reading(text).rewritten(), flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadPattern(f"is no regular expression: {error}") from None
    if found.match(""):
        raise BadPattern("matches nothing at all, and so everywhere")
    return found


class _Reading:
    """Reads a pattern once, part by part; `ways` counts how many ways there are to match it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._out: list[str] = []

    def rewritten(self) -> str:
        self._branches()
        return "".join(self._out)

    def _branches(self) -> int:
        """Reads to the end of a group, and gives the ways to match it."""
        total, ways = 0, 1
        while self._at < len(self._text) and self._text[self._at] != ")":
            if self._text[self._at] == "|":
                self._take(1)
                total, ways = total + ways, 1
                continue
            ways = self._counted(ways * self._repeated(self._atom()))
        return self._counted(total + ways)

    def _atom(self) -> int:
        text, at = self._text, self._at
        if text[at] == "\\":
            if text[at + 1 : at + 2].isdigit():
                raise BadPattern("refers back to a group")
            self._take(2)
            return 1
        if text[at] == "[":
            self._take(self._end_of_set() - at)
            return 1
        if text[at] != "(":
            self._take(1)
            return 1
        found = _OPENS.match(text, at)
        if found is None or text[found.end() : found.end() + 1] == "?":
            raise BadPattern("has a group of a kind that is not allowed")
        self._take(len(found[0]))
        ways = self._branches()
        self._take(1)
        return ways

    def _repeated(self, ways: int) -> int:
        found = _QUANTIFIER.match(self._text, self._at)
        if found is None or found[0] in ("{}", "{,}"):
            return ways
        least, most = _bounds(found)
        self._at = found.end()
        self._out.append("?" if found[0] == "?" else f"{{{least},{most}}}")
        if self._text[self._at : self._at + 1] in ("?", "+"):
            self._take(1)
        return self._counted((most - least + 1) * ways ** min(most, 2 if ways == 1 else 64))

    def _end_of_set(self) -> int:
        at = self._at + 1
        at += self._text[at : at + 1] == "^"
        at += self._text[at : at + 1] == "]"
        while self._text[at] != "]":
            at += 2 if self._text[at] == "\\" else 1
        return at + 1

    def _take(self, count: int) -> None:
        self._out.append(self._text[self._at : self._at + count])
        self._at += count

    def _counted(self, ways: int) -> int:
        if ways > MOST_WAYS:
            raise BadPattern(
                "can match the same text in too many ways (repetitions within repetitions, or too "
                "many of them); bound them, as in {1,20}"
            )
        return ways


def _bounds(found: re.Match[str]) -> tuple[int, int]:
    if found[0] in "*+?":
        return (1 if found[0] == "+" else 0), (1 if found[0] == "?" else REACH)
    least = int(found[1] or 0)
    most = least if not found[2] else int(found[3]) if found[3] else max(REACH, least)
    if most > MOST_REPEATS:
        raise BadPattern(f"repeats something more than {MOST_REPEATS} times")
    return least, most


def _card(found: re.Match[str]) -> str:
    digits = [int(one) for one in found[0] if one.isdigit()]
    # Luhn's sum, by which every other digit from the right counts twice.
    twice = [sum(divmod(2 * one, 10)) for one in digits[-2::-2]]
    return "[card]" if (sum(digits[::-2]) + sum(twice)) % 10 == 0 else found[0]


def _iban(found: re.Match[str]) -> str:
    # Words in capitals behind it look like a part of it.
    text = found[0]
    while len(text) >= 15:
        code = text.replace(" ", "")
        moved = code[4:] + code[:4]
        if int("".join(str(int(one, 36)) for one in moved)) % 97 == 1:
            return "[iban]" + found[0][len(text) :]
        text = text.rpartition(" ")[0]
    return found[0]


def _rules() -> Iterable[tuple[str, Rule]]:
    yield (
        "email",
        Rule(
            re.compile(
                r"(?<![\w.%+-])[\w.%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
            ),
            "[email]",
        ),
    )
    yield "iban", Rule(re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b", re.ASCII), _iban)
    yield "card", Rule(re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)", re.ASCII), _card)
    yield (
        "phone",
        Rule(
            re.compile(
                r"(?<![\w+])(?:(?:\+|00)\d[\d ().\-/]{6,18}\d"
                r"|\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4})(?!\w)",
                re.ASCII,
            ),
            "[phone]",
        ),
    )
    # Keys are masked in any case.
    yield "key", Rule(re.compile(r"(?!)"), "")


PRESETS: Mapping[str, Rule] = MappingProxyType(dict(_rules()))
