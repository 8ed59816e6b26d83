"""What a recorded reply of Bedrock's Converse says, whole or streamed.

The rule: read from the recording alone; an event is named by its frame, not by what it holds.
"""

from __future__ import annotations

from types import MappingProxyType

from tests.matrix.meaning import Calls, Meaning, ended
from tests.matrix.wires import Event

REASONS = MappingProxyType(
    {
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "guardrail_intervened": "content_filter",
        "content_filtered": "content_filter",
    }
)


class BedrockOracle:
    """Collects one message."""

    def __init__(self) -> None:
        self.said = Meaning()
        self._calls = Calls()
        self._reason = ""

    def take(self, name: str, value: Event) -> None:
        """One event by its name; a whole document has the name ""."""
        at = value.get("contentBlockIndex", 0)
        if not name:
            message = (value.get("output") or {}).get("message") or {}
            for at, block in enumerate(message.get("content") or ()):
                self._block(at, block)
        elif name == "contentBlockStart":
            self._block(at, value.get("start") or {})
        elif name == "contentBlockDelta":
            delta = value["delta"]
            self.said.text += delta.get("text") or ""
            thought = delta.get("reasoningContent") or {}
            self.said.thoughts += thought.get("text") or ""
            if "toolUse" in delta and at in self._calls:
                self._calls.more(at, delta["toolUse"].get("input") or "")
        elif name.endswith("Exception"):
            self.said.failure = name
        self._reason = value.get("stopReason") or self._reason
        usage = value.get("usage")
        if usage:
            names = ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
            prompt = sum(usage.get(one) or 0 for one in names)
            self.said.usage = (prompt, usage.get("outputTokens") or 0)

    def _block(self, at: int, block: Event) -> None:
        self.said.text += block.get("text") or ""
        thought = (block.get("reasoningContent") or {}).get("reasoningText") or {}
        self.said.thoughts += thought.get("text") or ""
        if "toolUse" in block and block["toolUse"].get("type") != "server_tool_use":
            self._calls.begin(at, block["toolUse"]["name"], block["toolUse"].get("input") or "")

    def meaning(self) -> Meaning:
        """The message."""
        if not self._reason:
            self.said.failure = self.said.failure or "cut off"
        self.said.calls = self._calls.all()
        self.said.finish = ended(REASONS.get(self._reason, "stop"), self.said.calls)
        return self.said
