"""The hub into one Messages document for a client.

The rule: a whole reply is the same deltas as a stream's, collected; nothing of it is sent before
the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from pipelines.deltas import (
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.anthropic.parse import FAMILY
from pipelines.dialects.anthropic.turns import tool_input
from pipelines.dialects.anthropic.usage import usage_object
from pipelines.dialects.anthropic.writer import citation, in_words, message, stop_reason
from pipelines.usage import NO_USAGE


class MessagesWholeWriter:
    """Collects a reply and writes it as one document."""

    def __init__(self, model: str, id: str, thoughts: bool) -> None:
        self._model = model
        self._id = id
        self._thoughts = thoughts
        self._usage = NO_USAGE
        self._blocks: list[dict[str, Any]] = []
        self._calls: dict[int, dict[str, Any]] = {}
        self._arguments: dict[int, list[str]] = {}
        self._custom: set[int] = set()
        self._finish = Finish("stop")
        self._refused = False

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """Nothing yet: the document is written at the end."""
        for one in deltas:
            if type(one) is Begin:
                self._id = one.id if one.id.startswith("msg_") else self._id
            elif type(one) is Consumed:
                self._usage = one.usage
            elif not one.choice:  # type: ignore[union-attr]
                self._take(one)
        return b""

    def close(self) -> bytes:
        """The document."""
        for index, block in self._calls.items():
            words = "".join(self._arguments.get(index, ()))
            custom = index in self._custom
            block["input"] = {"input": words} if custom else tool_input(words)
        document = message(self._id, self._model, usage_object(self._usage))
        document["content"] = self._blocks
        document["stop_reason"] = stop_reason(self._finish, bool(self._calls), self._refused)
        document["stop_sequence"] = self._finish.stop_sequence
        return orjson.dumps(document)

    def _take(self, one: Delta) -> None:
        if type(one) is TextDelta:
            self._speak(one.text)
        elif type(one) is ThoughtDelta:
            self._think(one)
        elif type(one) is ToolBegin:
            block = {"type": "tool_use", "id": one.id, "name": one.name, "input": {}}
            self._blocks.append(block)
            self._calls[one.index] = block
            if one.custom:
                self._custom.add(one.index)
        elif type(one) is ToolArguments:
            self._arguments.setdefault(one.index, []).append(one.text)
        elif type(one) is Finish:
            self._finish = one
        elif type(one) is CitationDelta:
            text = self._last({"type": "text", "text": ""})
            text.setdefault("citations", []).append(citation(one))
        elif type(one) is RefusalDelta:
            self._refused = True
            self._speak(one.text)
        else:
            self._speak(in_words(one))

    def _speak(self, text: str) -> None:
        if text:
            self._last({"type": "text", "text": ""})["text"] += text

    def _think(self, one: ThoughtDelta) -> None:
        if not self._thoughts:
            return
        if one.text:
            self._thought()["thinking"] += one.text
        if one.signature and one.family == FAMILY:
            self._thought()["signature"] = one.signature
        if one.data and one.family == FAMILY:
            self._blocks.append({"type": "redacted_thinking", "data": one.data})

    def _thought(self) -> dict[str, Any]:
        fresh: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
        block = self._last(fresh)
        if block["signature"]:
            block = fresh
            self._blocks.append(block)
        return block

    def _last(self, block: dict[str, Any]) -> dict[str, Any]:
        """The last block where it is of this type, else this one, put behind it."""
        if not self._blocks or self._blocks[-1]["type"] != block["type"]:
            self._blocks.append(block)
        return self._blocks[-1]
