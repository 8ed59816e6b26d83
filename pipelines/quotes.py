"""Takes a client's own words out of what somebody else says about its call.

The rule: providers repeat prompts in their errors; what the client gets is left as it is, and what
is written down has nothing in it that the prompt says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

# A quote of twice as many characters is found wherever it begins.
PIECE = 8
MOST_READ = 256 * 1024
MOST_TRIES = 20_000
DEEPEST = 16
MARK = "[…]"

_SAYING = (
    "messages", "input", "contents", "content", "prompt", "requests", "documents", "query",
    "system", "instructions", "systemInstruction", "system_instruction", "tools", "suffix",
)  # fmt: skip
# What stands beside the words and is no word of anybody.
_NAMES = frozenset({"role", "type", "id", "name", "model", "status", "mime_type", "media_type"})


def without_quotes(words: str, body: Mapping[str, Any] | None) -> str:
    """The words without what they repeat of the call's prompt, in so far as it is long enough to be
    a quote; also in the shape that JSON or a program's `repr` gives it."""
    if body is None or len(words) < PIECE:
        return words
    search = _Search(words)
    left = MOST_READ
    for text in _texts(body):
        left -= len(text)
        said = text[:MOST_READ]
        for shape in (said, repr(said)[1:-1], json.dumps(said, ensure_ascii=False)[1:-1]):
            search.hide(shape)
        if left <= 0 or search.tries > MOST_TRIES:
            break
    if search.tries > MOST_TRIES:
        # Whoever makes the search that long gets no word through.
        return MARK
    return _marked(words, search.hidden) if 1 in search.hidden else words


class _Search:
    """Looks for parts of texts in the words; `hidden` is 1 where one was found."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._pieces: dict[str, list[int]] = {}
        for at in range(len(words) - PIECE + 1):
            self._pieces.setdefault(words[at : at + PIECE], []).append(at)
        self.hidden = bytearray(len(words))
        self.tries = 0

    def hide(self, text: str) -> None:
        """Hide what the words have of this text."""
        if len(text) < PIECE:
            return
        # The last piece as well, whose end need not fall on a step.
        for at in (*range(0, len(text) - PIECE + 1, PIECE), len(text) - PIECE):
            piece = text[at : at + PIECE]
            places = self._pieces.get(piece)
            if not places or self.tries > MOST_TRIES:
                continue
            for place in places:
                if 0 not in self.hidden[place : place + PIECE]:
                    continue
                self.tries += 1
                begin, end = self._widened(text, at, place)
                if end - begin >= 2 * PIECE - 1 or end - begin == len(text):
                    self.hidden[begin:end] = b"\1" * (end - begin)
            # What is hidden need not be found again.
            self._pieces[piece] = [one for one in places if 0 in self.hidden[one : one + PIECE]]

    def _widened(self, text: str, at: int, place: int) -> tuple[int, int]:
        words = self._words
        begin, end, start, stop = place, place + PIECE, at, at + PIECE
        while begin and start and words[begin - 1] == text[start - 1]:
            begin, start = begin - 1, start - 1
        while end < len(words) and stop < len(text) and words[end] == text[stop]:
            end, stop = end + 1, stop + 1
        return begin, end


def _marked(words: str, hidden: bytearray) -> str:
    told: list[str] = []
    for at, letter in enumerate(words):
        if not hidden[at]:
            told.append(letter)
        elif not told or told[-1] != MARK:
            told.append(MARK)
    return "".join(told)


def _texts(body: Mapping[str, Any]) -> Iterator[str]:
    for name in _SAYING:
        if name in body:
            yield from _leaves(body[name], 0)


def _leaves(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth == DEEPEST:
        return
    elif isinstance(value, Mapping):
        for name, one in value.items():
            if name not in _NAMES or not isinstance(one, str):
                yield from _leaves(one, depth + 1)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one, depth + 1)
