"""What a recorded reply of Gemini's generateContent says, whole or streamed.

The rule: read from the recording alone; code that the provider runs is no text and no call.
"""

from __future__ import annotations

import itertools
import re
from types import MappingProxyType
from typing import Any

from tests.matrix.meaning import Meaning, ended
from tests.matrix.wires import Event

REASONS = MappingProxyType(
    {
        "MAX_TOKENS": "length",
        "SAFETY": "content_filter",
        "RECITATION": "content_filter",
        "BLOCKLIST": "content_filter",
        "PROHIBITED_CONTENT": "content_filter",
        "SPII": "content_filter",
        "IMAGE_SAFETY": "content_filter",
        # Vertex's number for MAX_TOKENS, where it writes numbers.
        "2": "length",
    }
)
VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")


class GeminiOracle:
    """Collects the first candidate."""

    def __init__(self) -> None:
        self.said = Meaning()
        self._calls: list[tuple[str, Any]] = []
        self._reason = ""
        self._blocked = False

    def take(self, chunk: Event) -> None:
        """One chunk, or one whole document."""
        if chunk.get("error"):
            self.said.failure = str(chunk["error"])
        self._blocked |= bool((chunk.get("promptFeedback") or {}).get("blockReason"))
        for candidate in (chunk.get("candidates") or [])[:1]:
            for part in (candidate.get("content") or {}).get("parts") or ():
                self._part(part)
            self._reason = str(candidate.get("finishReason") or self._reason)
        usage = chunk.get("usageMetadata") or {}
        if "totalTokenCount" in usage or "promptTokenCount" in usage:
            names = ("promptTokenCount", "toolUsePromptTokenCount")
            spoken = ("candidatesTokenCount", "thoughtsTokenCount")
            self.said.usage = (
                sum(usage.get(name) or 0 for name in names),
                sum(usage.get(name) or 0 for name in spoken),
            )

    def _part(self, part: Event) -> None:
        words = part.get("text") or ""
        if part.get("thought"):
            self.said.thoughts += words
        else:
            self.said.text += words
        call = part.get("functionCall")
        if call is not None:
            add_call(self._calls, call)

    def meaning(self, complete: bool) -> Meaning:
        """The candidate; `complete` says that it is a document."""
        if not self._reason and not self._blocked and not complete:
            self.said.failure = self.said.failure or "cut off"
        self.said.calls = self._calls
        reason = "content_filter" if self._blocked else REASONS.get(self._reason, "stop")
        self.said.finish = ended(reason, self.said.calls)
        return self.said


def add_call(calls: list[tuple[str, Any]], call: Event) -> None:
    """Add a call, or a piece of the last one: each piece names the place that it continues."""
    if call.get("name"):
        calls.append((call["name"], call.get("args") or {}))
    for piece in call.get("partialArgs") or () if calls else ():
        path = re.findall(r"\w+", piece["jsonPath"])
        value = next((piece[one] for one in VALUES if piece.get(one) is not None), None)
        _put(calls[-1][1], [int(one) if one.isdigit() else one for one in path], value)


def _put(value: Any, path: list[Any], piece: Any) -> None:
    for at, after in itertools.pairwise(path):
        fresh: Any = [] if isinstance(after, int) else {}
        if isinstance(value, list):
            value.extend([fresh] if at == len(value) else ())
            value = value[at]
        else:
            value = value.setdefault(at, fresh)
    last = path[-1]
    if isinstance(value, list):
        if last == len(value):
            value.append(piece)
        elif isinstance(piece, str):
            value[last] += piece
    elif isinstance(piece, str):
        value[last] = value.get(last, "") + piece
    else:
        value[last] = piece
