"""What a recorded reply of an OpenAI-like host says: chat completions and text completions.

The rule: read from the recording alone; the first finish reason and the last usage count.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tests.matrix.meaning import Calls, Meaning, ended
from tests.matrix.wires import Event

REASONS = MappingProxyType(
    {
        "length": "length",
        "max_tokens": "length",
        "model_length": "length",
        "tool_calls": "tool_calls",
        "function_call": "tool_calls",
        "content_filter": "content_filter",
    }
)


class ChatOracle:
    """Collects the first choice of a reply."""

    def __init__(self) -> None:
        self.said = Meaning()
        self._calls = Calls()
        self._ids: dict[str, object] = {}
        self._reason = ""
        self._seen = False

    def take(self, chunk: Event) -> None:
        """One chunk, or one whole document."""
        if chunk.get("error"):
            self.said.failure = str(chunk["error"])
        for choice in chunk.get("choices") or ():
            if not choice.get("index"):
                self._choice(choice)
        groq = chunk.get("x_groq") or {}
        usage = chunk.get("usage") or groq.get("usage")
        if isinstance(usage, dict) and "prompt_tokens" in usage:
            spoken = usage.get("completion_tokens") or 0
            self.said.usage = (usage["prompt_tokens"] or 0, spoken)
            self.said.total = usage.get("total_tokens") or 0

    def _choice(self, choice: Event) -> None:
        self._seen = True
        said = choice.get("message") or choice.get("delta") or {"content": choice.get("text")}
        self._content(said.get("content"))
        thought = said.get("reasoning_content") or said.get("reasoning") or _details(said)
        self.said.thoughts += thought if isinstance(thought, str) else ""
        self.said.refusal += said.get("refusal") or ""
        for call in said.get("tool_calls") or ():
            self._call(call)
        self._reason = self._reason or choice.get("finish_reason") or ""

    def _content(self, content: object) -> None:
        if isinstance(content, str):
            self.said.text += content
        for part in content if isinstance(content, list) else ():
            if part.get("type") == "text":
                self.said.text += part["text"]
            elif part.get("type") == "thinking":
                inner = part["thinking"]
                self.said.thoughts += (
                    inner if isinstance(inner, str) else "".join(one["text"] for one in inner)
                )

    def _call(self, call: Mapping[str, Any]) -> None:
        function = call.get("function") or call.get("custom") or {}
        words = function.get("arguments", function.get("input"))
        at, name = call.get("index"), call.get("id")
        key: object = self._ids.get(name) if name else None
        if key is None and name and (at is None or at in self._calls):
            key = name
        elif key is None:
            key = at if at is not None else self._calls.last if self._calls else 0
        if name:
            self._ids.setdefault(name, key)
        if key in self._calls:
            self._calls.more(key, words or "")
        else:
            self._calls.begin(key, function.get("name") or "", words or "")

    def meaning(self, complete: bool) -> Meaning:
        """The reply; `complete` says that an end mark was seen, or that it is a document."""
        if not self._seen or not (self._reason or complete):
            self.said.failure = self.said.failure or "cut off"
        self.said.calls = self._calls.all()
        self.said.finish = ended(REASONS.get(self._reason, "stop"), self.said.calls)
        return self.said


def _details(said: Mapping[str, Any]) -> str:
    """OpenRouter's other place for reasoning."""
    details = said.get("reasoning_details") or ()
    return "".join(one.get("text") or one.get("summary") or "" for one in details)
