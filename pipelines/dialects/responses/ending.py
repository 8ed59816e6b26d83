"""Ends a stream of the Responses API before its provider does.

The rule: what is open is closed with all that was said of it, and the last event tells the whole
output, as the API does for a reply that reached its greatest length.
Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.dialects.responses.writer import usage_object
from pipelines.usage import Usage

# By the type of a delta, without its last word: where the words stand in the item or its part.
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "response.output_text": "text",
        "response.refusal": "refusal",
        "response.reasoning_text": "text",
        "response.reasoning_summary_text": "text",
        "response.function_call_arguments": "arguments",
        "response.custom_tool_call_input": "input",
    }
)
_PARTS = ("content", "summary")


class Ending:
    """One response as far as its events have told it; `number` is that of the next event."""

    def __init__(self, told: Iterable[Mapping[str, Any]]) -> None:
        self.response: dict[str, Any] = {}
        self.number = 0
        self._items: dict[int, dict[str, Any]] = {}
        self._open: dict[int, dict[str, Any]] = {}
        self._events: list[bytes] = []
        for value in told:
            self._take(value)

    def incomplete(self, usage: Usage) -> bytes:
        """The events that end the response where it stands; `response` is then what was told."""
        for index, item in sorted(self._open.items()):
            self._close(index, item)
        self.response |= {
            "status": "incomplete",
            "incomplete_details": {"reason": "max_output_tokens"},
            "output": [item for _, item in sorted(self._items.items())],
            "usage": usage_object(usage),
        }
        self._emit("response.incomplete", response=self.response)
        return b"".join(self._events)

    def _take(self, value: Mapping[str, Any]) -> None:
        kind, index = str(value.get("type")), value.get("output_index")
        number = value.get("sequence_number")
        self.number = number + 1 if isinstance(number, int) else self.number
        if isinstance(value.get("response"), dict):
            self.response = dict(value["response"])
        if not isinstance(index, int):
            return
        item = value.get("item")
        if isinstance(item, dict):
            self._items[index] = self._open[index] = item
            if kind == "response.output_item.done":
                del self._open[index]
        elif index in self._open:
            self._add(kind, value, self._open[index])

    def _add(self, kind: str, value: Mapping[str, Any], item: dict[str, Any]) -> None:
        place, at = _place(value)
        part = value.get("part")
        if place and isinstance(part, dict):
            parts = item.setdefault(place, [])
            parts[at:] = [part]
            return
        name = _WORDS.get(kind.removesuffix(".delta"))
        words = value.get("delta")
        if name is None or not isinstance(words, str):
            return
        holder = item
        if place:
            parts = item.setdefault(place, [])
            if at >= len(parts):
                parts.append({})
            holder = parts[at]
        holder[name] = (holder.get(name) or "") + words

    def _close(self, index: int, item: dict[str, Any]) -> None:
        place = {"item_id": item.get("id"), "output_index": index}
        content = item.get("content")
        if item.get("type") == "message" and isinstance(content, list) and content:
            part, where = content[-1], {**place, "content_index": len(content) - 1}
            if part.get("type") == "refusal":
                self._emit("response.refusal.done", **where, refusal=part.get("refusal"))
            else:
                text = part.get("text")
                self._emit("response.output_text.done", **where, text=text, logprobs=[])
            self._emit("response.content_part.done", **where, part=part)
        elif item.get("type") == "function_call":
            words, name = item.get("arguments"), item.get("name")
            kind = "response.function_call_arguments.done"
            self._emit(kind, **place, name=name, arguments=words)
        elif item.get("type") == "custom_tool_call":
            self._emit("response.custom_tool_call_input.done", **place, input=item.get("input"))
        if "status" in item:
            item["status"] = "incomplete"
        self._emit("response.output_item.done", output_index=index, item=item)

    def _emit(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, "sequence_number": self.number, **fields}
        self.number += 1
        self._events.append(
            b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n"
        )


def _place(value: Mapping[str, Any]) -> tuple[str, int]:
    for name in _PARTS:
        at = value.get(f"{name}_index")
        if isinstance(at, int):
            return name, at
    return "", 0
