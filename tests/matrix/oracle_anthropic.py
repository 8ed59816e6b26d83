"""What a recorded reply of Anthropic's Messages says, whole or streamed.

The rule: read from the recording alone; tools that the provider runs itself are no calls.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from tests.matrix.meaning import Calls, Meaning, ended
from tests.matrix.wires import Event

REASONS = MappingProxyType(
    {
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
    }
)


class AnthropicOracle:
    """Collects one message."""

    def __init__(self) -> None:
        self.said = Meaning()
        self._calls = Calls()
        self._usage: dict[str, Any] = {}
        self._reason = ""
        self._seen = False
        self._stopped = False

    def take(self, event: Event) -> None:
        """One event, or one whole message."""
        kind = event.get("type")
        if self._stopped:
            # One file holds two replies, one after the other.
            return
        self._stopped = kind == "message_stop"
        if kind == "error":
            self.said.failure = str(event.get("error"))
        elif kind == "message":
            self._seen = True
            for at, block in enumerate(event.get("content") or ()):
                self._block(at, block)
            self._ended(event)
        elif kind == "message_start":
            self._seen = True
            self._ended(event["message"])
        elif kind == "content_block_start":
            self._block(event["index"], event["content_block"])
        elif kind == "content_block_delta":
            self._delta(event["index"], event["delta"])
        elif kind == "message_delta":
            self._ended({**event["delta"], "usage": event.get("usage")})

    def _block(self, at: int, block: Event) -> None:
        self.said.text += block["text"] if block["type"] == "text" else ""
        self.said.thoughts += block["thinking"] if block["type"] == "thinking" else ""
        if block["type"] == "tool_use":
            self._calls.begin(at, block["name"], block.get("input") or "")

    def _delta(self, at: int, delta: Event) -> None:
        self.said.text += delta.get("text") or ""
        self.said.thoughts += delta.get("thinking") or ""
        if delta["type"] == "input_json_delta" and at in self._calls:
            self._calls.more(at, delta["partial_json"])

    def _ended(self, event: Event) -> None:
        self._reason = event.get("stop_reason") or self._reason
        for name, count in (event.get("usage") or {}).items():
            if count:
                self._usage[name] = count

    def meaning(self, complete: bool) -> Meaning:
        """The message; `complete` says that it is a document."""
        if not self._seen or not (self._reason or complete):
            self.said.failure = self.said.failure or "cut off"
        if self._usage:
            read = self._usage.get("cache_read_input_tokens") or 0
            written = self._usage.get("cache_creation_input_tokens") or 0
            fresh = self._usage.get("input_tokens") or 0
            self.said.usage = (fresh + read + written, self._usage.get("output_tokens") or 0)
        self.said.calls = self._calls.all()
        self.said.finish = ended(REASONS.get(self._reason, "stop"), self.said.calls)
        return self.said
