"""The hub into one chat document for a client.

The rule: a whole reply is the same deltas as a stream's, collected; nothing of it is sent before
the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from pipelines.deltas import (
    AudioDelta,
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    ImageDelta,
    LogprobsDelta,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.openai_chat.writer import annotation, image, thought_block, usage_object
from pipelines.usage import NO_USAGE


class Answer:
    """One choice as far as it has been said."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.thought: list[str] = []
        self.refusal: list[str] = []
        self.blocks: list[dict[str, Any]] = []
        self.calls: dict[int, ToolBegin] = {}
        self.arguments: dict[int, list[str]] = {}
        self.extras: dict[str, Any] = {}
        self.logprobs: dict[str, Any] | None = None
        self.reason: str | None = None
        self._unsigned: list[str] = []

    def take(self, one: Delta) -> None:
        """Add one delta of this choice."""
        if type(one) is TextDelta:
            self.text.append(one.text)
        elif type(one) is ThoughtDelta:
            self._think(one)
        elif type(one) is ToolBegin:
            self.calls[one.index] = one
        elif type(one) is ToolArguments:
            self.arguments.setdefault(one.index, []).append(one.text)
        elif type(one) is RefusalDelta:
            self.refusal.append(one.text)
        elif type(one) is Finish:
            self.reason = one.reason
        elif type(one) is ImageDelta:
            self.extras.setdefault("images", []).append(image(one))
        elif type(one) is CitationDelta:
            self.extras.setdefault("annotations", []).append(annotation(one))
        elif type(one) is AudioDelta:
            self.extras["audio"] = {**self.extras.get("audio", {}), **one.audio}
        elif type(one) is LogprobsDelta:
            self._score(one.logprobs)

    def _think(self, one: ThoughtDelta) -> None:
        if one.text:
            self.thought.append(one.text)
            self._unsigned.append(one.text)
        if one.signature or one.data:
            words = "" if one.data else "".join(self._unsigned)
            self.blocks.append(thought_block(one, words))
            self._unsigned.clear()

    def _score(self, logprobs: dict[str, Any]) -> None:
        if self.logprobs is None:
            self.logprobs = {}
        for key, values in logprobs.items():
            if isinstance(values, list):
                self.logprobs.setdefault(key, []).extend(values)

    def entry(self, index: int) -> dict[str, Any]:
        """The choice as it stands in the document."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": "".join(self.text) if self.text or not self.calls else None,
            "refusal": "".join(self.refusal) or None,
        }
        if self.thought:
            message["reasoning_content"] = "".join(self.thought)
        if self.blocks:
            message["thinking_blocks"] = self.blocks
        if self.calls:
            message["tool_calls"] = [self._call(one) for _, one in sorted(self.calls.items())]
        return {
            "index": index,
            "message": {**message, **self.extras},
            "logprobs": self.logprobs,
            "finish_reason": self.reason or "stop",
        }

    def _call(self, one: ToolBegin) -> dict[str, Any]:
        words = "".join(self.arguments.get(one.index, ()))
        if one.custom:
            return {
                "id": one.id,
                "type": "custom",
                "custom": {"name": one.name, "input": words},
            }
        call: dict[str, Any] = {
            "id": one.id,
            "type": "function",
            "function": {"name": one.name, "arguments": words or "{}"},
        }
        if one.signature:
            call["extra_content"] = {"google": {"thought_signature": one.signature}}
        return call


class ChatWholeWriter:
    """Collects a reply and writes it as one document."""

    def __init__(self, model: str, id: str) -> None:
        self._model = model
        self._id = id
        self._created = 0
        self._answers: dict[int, Answer] = {}
        self._usage = NO_USAGE

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """Nothing yet: the document is written at the end."""
        for one in deltas:
            if type(one) is Begin:
                self._id, self._created = one.id or self._id, one.created or self._created
            elif type(one) is Consumed:
                self._usage = one.usage
            else:
                choice: int = one.choice  # type: ignore[union-attr]
                self._answers.setdefault(choice, Answer()).take(one)
        return b""

    def close(self) -> bytes:
        """The document."""
        answers = self._answers or {0: Answer()}
        return orjson.dumps(
            {
                "id": self._id,
                "object": "chat.completion",
                "created": self._created,
                "model": self._model,
                "choices": [answer.entry(index) for index, answer in sorted(answers.items())],
                "usage": usage_object(self._usage),
            }
        )
