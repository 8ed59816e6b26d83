"""What is kept of an answer, where answers are kept: its words and tool calls, as JSON.

The rule: it is read off what the client got, by the reader of the client's own dialect, in larger
pieces, and cleaned at its end only; what cannot be read is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from pipelines.deltas import Delta, Finish, RefusalDelta, TextDelta, ThoughtDelta, ToolArguments
from pipelines.deltas import ToolBegin as Tool
from pipelines.dialects.base import Dialect
from pipelines.dialects.shape import MISSHAPEN
from pipelines.errors import GatewayError
from pipelines.events import Media
from pipelines.kept_text import MOST_TEXT, SLACK, Clip, as_json
from pipelines.redaction import Redaction

AT_ONCE = 32 * 1024
LONGEST_DOCUMENT = 4 * 1024 * 1024
MOST_CHOICES = 16
MOST_TOOLS = 128


@dataclass(slots=True)
class _Choice:
    text: list[str] = field(default_factory=list)
    thought: list[str] = field(default_factory=list)
    tools: dict[int, tuple[Tool, list[str]]] = field(default_factory=dict)
    reason: str | None = None


class Heard:
    """Listens to one reply as its client gets it."""

    def __init__(self, dialect: Dialect, media: Media) -> None:
        self._interpreter = dialect.interpreter("")
        self._frames = None if media in (Media.JSON, Media.ARRAY) else dialect.frames(media)
        self._raw: list[bytes] = []
        self._size = 0
        self._room = MOST_TEXT + SLACK
        self._choices: dict[int, _Choice] = {}

    def take(self, raw: bytes) -> None:
        """Hear some more; it is read when there is enough of it."""
        if self._room <= 0:
            return
        self._raw.append(raw)
        self._size += len(raw)
        if self._frames is None:
            if self._size > LONGEST_DOCUMENT:
                self._raw, self._room = [], 0
        elif self._size > AT_ONCE:
            self._read()

    def told(self, redaction: Redaction) -> str | None:
        """What was said: a list of OpenAI's messages, one a choice, each with its `finish_reason`;
        None where nothing was. Nothing is to be taken after it."""
        self._read()
        clip = Clip(redaction)
        messages = [_message(one, clip) for _, one in sorted(self._choices.items())]
        return as_json(messages) if messages else None

    def _read(self) -> None:
        raw = b"".join(self._raw)
        self._raw, self._size = [], 0
        try:
            if self._frames is None:
                self._document(raw)
                return
            for name, value in self._frames.feed(raw):
                self._note(self._interpreter.event(name, value))
        except (GatewayError, *MISSHAPEN):
            # The record tells of the error; of what was said before it, all is kept.
            return

    def _document(self, raw: bytes) -> None:
        if not raw:
            return
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError:
            # An array that was cut between two of its elements.
            value = orjson.loads(raw.rstrip(b", \r\n") + b"]")
        if isinstance(value, list):
            for one in value:
                self._note(self._interpreter.event("", one))
        else:
            self._note(self._interpreter.document(value))

    def _note(self, deltas: list[Delta]) -> None:
        for one in deltas:
            if self._room <= 0:
                return
            self._add(one)

    def _add(self, one: Delta) -> None:
        number = getattr(one, "choice", None)
        if not isinstance(number, int):
            return
        if number not in self._choices:
            if len(self._choices) == MOST_CHOICES:
                return
            self._choices[number] = _Choice()
        choice = self._choices[number]
        if isinstance(one, TextDelta | RefusalDelta):
            choice.text.append(self._fit(one.text))
        elif isinstance(one, ThoughtDelta):
            choice.thought.append(self._fit(one.text))
        elif isinstance(one, Tool) and len(choice.tools) < MOST_TOOLS:
            choice.tools[one.index] = (one, [])
        elif isinstance(one, ToolArguments) and one.index in choice.tools:
            choice.tools[one.index][1].append(self._fit(one.text))
        elif isinstance(one, Finish):
            choice.reason = one.reason

    def _fit(self, text: str) -> str:
        if not isinstance(text, str):
            raise TypeError
        text = text[: self._room]
        self._room -= len(text)
        return text


def _message(choice: _Choice, clip: Clip) -> dict[str, Any]:
    text, thought = "".join(choice.text), "".join(choice.thought)
    message: dict[str, Any] = {"role": "assistant", "content": _whole(clip, text) or None}
    if thought:
        message["reasoning_content"] = _whole(clip, thought)
    if choice.tools:
        message["tool_calls"] = [
            {
                "id": clip.text(tool.id),
                "type": "custom" if tool.custom else "function",
                "function": {
                    "name": clip.text(tool.name),
                    "arguments": _whole(clip, "".join(said)),
                },
            }
            for _, (tool, said) in sorted(choice.tools.items())
        ]
    return {**message, "finish_reason": choice.reason}


def _whole(clip: Clip, text: str) -> str:
    return clip.text(text) if text else ""
