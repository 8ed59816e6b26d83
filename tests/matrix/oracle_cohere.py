"""What a recorded reply of Cohere's chat, version 2, says, whole or streamed.

The rule: read from the recording alone; the plan before tool calls counts as a thought.
"""

from __future__ import annotations

from types import MappingProxyType

from tests.matrix.meaning import Calls, Meaning, ended
from tests.matrix.wires import Event

REASONS = MappingProxyType(
    {"MAX_TOKENS": "length", "TOOL_CALL": "tool_calls", "ERROR_TOXIC": "content_filter"}
)


class CohereOracle:
    """Collects one message."""

    def __init__(self) -> None:
        self.said = Meaning()
        self._calls = Calls()
        self._reason = ""

    def take(self, event: Event) -> None:
        """One event, or one whole document."""
        kind = event.get("type")
        delta = event.get("delta") or {}
        message = (delta if kind else event).get("message")
        if isinstance(message, str) or event.get("error"):
            self.said.failure = str(event)
            return
        said = message or {}
        self.said.thoughts += said.get("tool_plan") or ""
        content = said.get("content") or ()
        for part in [content] if isinstance(content, dict) else content:
            self.said.text += part.get("text") or ""
            self.said.thoughts += part.get("thinking") or ""
        self._tools(kind, event.get("index"), said.get("tool_calls") or [])
        ending = delta if kind == "message-end" else event
        self._reason = ending.get("finish_reason") or self._reason
        usage = ending.get("usage") or {}
        counted = usage.get("tokens") or usage.get("billed_units")
        if counted:
            counts = counted.get("input_tokens") or 0, counted.get("output_tokens") or 0
            self.said.usage = int(counts[0]), int(counts[1])

    def _tools(self, kind: object, at: object, tools: Event | list[Event]) -> None:
        if kind == "tool-call-delta" and isinstance(tools, dict):
            self._calls.more(at, tools["function"].get("arguments") or "")
            return
        for number, call in enumerate([tools] if isinstance(tools, dict) else tools):
            function = call["function"]
            key = at if kind else number
            self._calls.begin(key, function["name"], function.get("arguments") or "")

    def meaning(self) -> Meaning:
        """The message."""
        if not self._reason:
            self.said.failure = self.said.failure or "cut off"
        self.said.calls = self._calls.all()
        self.said.finish = ended(REASONS.get(self._reason, "stop"), self.said.calls)
        return self.said
