"""What a reply says, whoever reads it: the measure by which a client and a recording are compared.

The rule: plain data, and none of the gateway's own types; a difference is told in words.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

SHOWN = 160


@dataclass(slots=True)
class Meaning:
    """One reply: words, calls as (name, arguments), thoughts, why it ended and what it consumed.

    `finish` is stop, length, tool_calls or content_filter; `usage` is (prompt, completion) with
    everything counted, None where it was not told, and `total` what the provider says they sum to;
    `failure` says that it is an error, or was cut.
    """

    text: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    thoughts: str = ""
    refusal: str = ""
    finish: str = "stop"
    usage: tuple[int, int] | None = None
    total: int = 0
    failure: str = ""


class Calls:
    """Tool calls in the making, each under the key by which its pieces name it."""

    def __init__(self) -> None:
        self._names: dict[object, str] = {}
        self._words: dict[object, list[str]] = {}

    def begin(self, key: object, name: str, words: object = "") -> None:
        """A call begins; `words` are its arguments so far, as JSON text or as a value."""
        self._names[key] = name
        self._words[key] = []
        self.more(key, words)

    def more(self, key: object, words: object) -> None:
        """More of a call's arguments."""
        text = words if isinstance(words, str) else json.dumps(words)
        if text:
            self._words[key].append(text)

    def __contains__(self, key: object) -> bool:
        return key in self._names

    def __bool__(self) -> bool:
        return bool(self._names)

    @property
    def last(self) -> object:
        """The key of the call that began last."""
        return next(reversed(self._names))

    def all(self) -> list[tuple[str, Any]]:
        """The calls in their order."""
        return [(name, value_of("".join(self._words[key]))) for key, name in self._names.items()]


def value_of(words: str) -> Any:
    """The arguments as a value; the text itself where it is no JSON, {} where it is empty."""
    if not words.strip():
        return {}
    try:
        return json.loads(words)
    except ValueError:
        return words


def ended(reason: str, calls: object) -> str:
    """Why a reply ended: one that calls tools never merely stops."""
    return "tool_calls" if calls and reason == "stop" else reason


def differences(wanted: Meaning, found: Meaning) -> list[str]:
    """What the client did not read as the recording has it."""
    if wanted.failure:
        return [] if found.failure else [f"an error was expected: {wanted.failure}"]
    if found.failure:
        return [f"error: {found.failure[:SHOWN]}"]
    told = []
    for name in ("text", "calls", "thoughts", "finish", "usage"):
        expected, read = getattr(wanted, name), getattr(found, name)
        if name == "text":
            # Only OpenAI's dialects keep a refusal apart from the answer.
            expected, read = expected + wanted.refusal, read + found.refusal
        if name == "usage" and (expected is None or _counted(wanted, read)):
            continue
        if name == "finish" and wanted.refusal and read == "content_filter":
            continue
        if name == "calls":
            read = [_unwrapped(one, two) for one, two in itertools.zip_longest(read, expected)]
        if expected != read:
            told.append(f"{name}: {_shown(expected)} was read as {_shown(read)}")
    return told


def _counted(wanted: Meaning, read: tuple[int, int] | None) -> bool:
    """Whether the counts hold what a host left out of its own, but not out of the total."""
    if read is None or wanted.usage is None or wanted.total <= sum(wanted.usage):
        return False
    return sum(read) == wanted.total and read[0] >= wanted.usage[0] and read[1] >= wanted.usage[1]


def _unwrapped(read: Any, expected: Any) -> Any:
    """A call of a custom tool as the recording has it: its words are no JSON, and who knows only
    JSON gets them as the field `input`."""
    if read and expected and isinstance(read[1], dict) and list(read[1]) == ["input"]:
        words = read[1]["input"]
        if isinstance(words, str) and value_of(words) == expected[1]:
            return expected
    return read


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN // 2]} … {text[-SHOWN // 2 :]}"
