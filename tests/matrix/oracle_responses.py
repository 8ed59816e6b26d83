"""What a recorded reply of OpenAI's Responses says, whole or streamed.

The rule: read from the recording alone; the last event holds the whole reply, but what was said
before it counts where that one leaves it out.
"""

from __future__ import annotations

from tests.matrix.meaning import Calls, Meaning, ended
from tests.matrix.wires import Event

ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.done"})


class ResponsesOracle:
    """Collects one response."""

    def __init__(self) -> None:
        self.said = Meaning()
        self._items: dict[int, Event] = {}
        self._response: Event = {}
        self._ended = False

    def take(self, event: Event) -> None:
        """One event, or one whole response."""
        kind = str(event.get("type") or "")
        if event.get("object") == "response":
            self._response, self._ended = event, True
        elif kind in ENDS:
            self._response, self._ended = event["response"], True
        elif kind == "response.output_item.done":
            self._items[event["output_index"]] = event["item"]
        elif kind == "error" or event.get("error"):
            self.said.failure = str(event)

    def meaning(self) -> Meaning:
        """The response."""
        said, response = self.said, self._response
        calls = Calls()
        if not self._ended:
            said.failure = said.failure or "cut off"
        if response.get("status") == "failed" or response.get("error"):
            said.failure = str(response.get("error"))
        items = [self._items[at] for at in sorted(self._items)] or response.get("output") or []
        for at, item in enumerate(items):
            self._item(at, item, calls)
        usage = response.get("usage")
        if usage:
            said.usage = (usage["input_tokens"], usage["output_tokens"])
        said.calls = calls.all()
        reason = (response.get("incomplete_details") or {}).get("reason")
        known = {"max_output_tokens": "length", "content_filter": "content_filter"}
        said.finish = ended(known.get(reason or "", "stop"), said.calls)
        return said

    def _item(self, at: int, item: Event, calls: Calls) -> None:
        kind = item["type"]
        if kind == "message":
            for part in item["content"]:
                self.said.text += part.get("text") or ""
                self.said.refusal += part.get("refusal") or ""
        elif kind == "reasoning":
            parts = item.get("summary") or item.get("content") or ()
            self.said.thoughts += "".join(part.get("text") or "" for part in parts)
        elif kind == "function_call":
            calls.begin(at, item["name"], item.get("arguments") or "")
        elif kind == "custom_tool_call":
            calls.begin(at, item["name"], item.get("input") or "")
