"""What is kept of a prompt, where prompts are kept: the client's own turns, as JSON.

The rule: cleaned before it is cut, and bounded; what is no text is named and left out, and where
there is too much, the last turns are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from pipelines.redaction import Redaction

MOST_TEXT = 64 * 1024
LONGEST_PIECE = 16 * 1024
# Cleaned beyond where it is cut, so that nothing is cut in two that a rule would have found.
SLACK = 512
DEEPEST = 24
MOST_TURNS = 1_000

_PROBE = 256
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{256}")
_DATA_URL = re.compile(r"data:([\w.+-]{1,40}/[\w.+-]{1,80})?[;,]")
_TURNS = ("messages", "input", "contents", "content", "prompt", "requests", "documents")
_BEFORE = ("system", "instructions", "systemInstruction", "system_instruction")


@dataclass(slots=True)
class Clip:
    """Cleans and cuts texts until there is no room any more; `room` is in characters."""

    redaction: Redaction
    room: int = MOST_TEXT

    def text(self, text: str) -> str:
        """As much of the text as there is room for."""
        shape = _not_text(text)
        if shape is not None:
            return shape
        most = min(self.room, LONGEST_PIECE)
        if len(text) <= most + SLACK:
            found = self.redaction.clean(text)
            cut = 0
        else:
            found = self.redaction.clean(text[: most + SLACK])
            cut = len(text) - most
        if len(found) > most:
            cut = cut or len(found) - most
            found = found[:most]
        self.room -= len(found)
        return f"{found}… ({cut} characters left out)" if cut else found

    def value(self, value: Any, depth: int = 0) -> Any:
        """The same of each text within a value."""
        if isinstance(value, str):
            return self.text(value)
        if depth == DEEPEST:
            return None
        if isinstance(value, Mapping):
            found = {}
            for name, one in value.items():
                self.room -= len(name) + 4
                if self.room < 0:
                    break
                found[name[:LONGEST_PIECE]] = self.value(one, depth + 1)
            return found
        if isinstance(value, list):
            return list(self._items(value, depth))
        self.room -= 4
        return value

    def _items(self, items: list[Any], depth: int) -> Iterator[Any]:
        for one in items:
            if self.room < 0:
                return
            yield self.value(one, depth + 1)


def prompt_of(body: Mapping[str, Any], redaction: Redaction) -> str | None:
    """The turns of a call, of whatever dialect; None where it has none."""
    turns = [turn for name in _TURNS for turn in _turns(body.get(name))]
    if "query" in body:
        turns.append({"role": "user", "content": body["query"]})
    if not turns:
        return None
    clip = Clip(redaction)
    before = [
        {"role": "system", "content": clip.value(body[name])} for name in _BEFORE if body.get(name)
    ]
    clip.room = max(clip.room, MOST_TEXT // 4)
    kept: list[Any] = []
    for turn in reversed(turns[-MOST_TURNS:]):
        if clip.room <= 0:
            break
        kept.append(clip.value(turn))
    if len(kept) < len(turns):
        left = len(turns) - len(kept)
        kept.append({"role": "system", "content": f"({left} earlier turns left out)"})
    return as_json([*before, *reversed(kept)])


def as_json(value: Any) -> str:
    """JSON, also of what a client sent that no UTF-8 can hold."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return orjson.dumps(_whole(value), default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_whole(name): _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**64 else value


def _turns(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if isinstance(value, Mapping):
        return [value]
    if not isinstance(value, list):
        return []
    # Numbers are tokens.
    return [
        {"role": "user", "content": one} if isinstance(one, str) else one
        for one in value
        if isinstance(one, str | Mapping)
    ]


def _not_text(text: str) -> str | None:
    if len(text) <= _PROBE:
        return None
    found = _DATA_URL.match(text)
    if found is not None:
        return f"({found[1] or 'data'}, {len(text)} characters left out)"
    if _ENCODED.match(text):
        return f"({len(text)} characters of encoded data left out)"
    return None
