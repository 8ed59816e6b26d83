"""The hub into one chat or generate document for a client.

The rule: a whole reply is the same deltas as a stream's, collected; nothing of it is sent before
the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from pipelines.deltas import (
    Begin,
    Consumed,
    Delta,
    Finish,
    ImageDelta,
    LogprobsDelta,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
)
from pipelines.dialects.ollama.writer import Calls, Frame, tail
from pipelines.usage import NO_USAGE


class OllamaWholeWriter:
    """Collects a reply and writes it as one document."""

    def __init__(self, model: str, chat: bool) -> None:
        self._frame = Frame(model, chat)
        self._calls = Calls()
        self._text: list[str] = []
        self._thought: list[str] = []
        self._images: list[str] = []
        self._scores: list[Any] = []
        self._usage = NO_USAGE
        self._reason = "stop"

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """Nothing yet: the document is written at the end."""
        for one in deltas:
            if getattr(one, "choice", 0):
                continue
            if type(one) is TextDelta or type(one) is RefusalDelta:
                self._text.append(one.text)
            elif type(one) is ThoughtDelta:
                self._thought.append(one.text)
            elif type(one) is Begin:
                self._frame.begin(one)
            elif type(one) is Consumed:
                self._usage = one.usage
            elif type(one) is Finish:
                self._reason = one.reason
            elif type(one) is ImageDelta:
                self._images.append(one.data)
            elif type(one) is LogprobsDelta:
                self._scores += one.logprobs.get("content") or ()
            else:
                self._calls.take(one)
        return b""

    def close(self) -> bytes:
        """The document."""
        more: dict[str, Any] = {}
        if any(self._thought):
            more["thinking"] = "".join(self._thought)
        if self._images:
            more["images"] = self._images
        calls = self._calls.given()
        if calls:
            more["tool_calls"] = calls
        value = self._frame.object("".join(self._text), **more)
        if self._scores:
            value["logprobs"] = self._scores
        return orjson.dumps({**value, **tail(self._reason, self._usage)})
