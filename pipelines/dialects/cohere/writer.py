"""The hub into Cohere's chat reply for a client, streamed or whole.

The rule: one block of content is open at a time, whatever follows closes it; the end waits for the
usage. Source: https://docs.cohere.com/v2/reference/chat-stream
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.deltas import (
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    Reason,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.usage import NO_USAGE, Usage

DONE = b"data: [DONE]\n\n"

_REASONS: MappingProxyType[Reason, str] = MappingProxyType(
    {
        "stop": "COMPLETE",
        "length": "MAX_TOKENS",
        "tool_calls": "TOOL_CALL",
        "content_filter": "ERROR_TOXIC",
    }
)


def usage_object(usage: Usage) -> dict[str, Any]:
    """Cohere's usage object."""
    counts = {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}
    tokens = dict(counts)
    if usage.reasoning_tokens:
        tokens["reasoning_tokens"] = usage.reasoning_tokens
    return {"billed_units": counts, "tokens": tokens, "cached_tokens": usage.cached_tokens}


def _reason(finish: Finish | None) -> str:
    if finish is None:
        return "COMPLETE"
    return "STOP_SEQUENCE" if finish.stop_sequence else _REASONS[finish.reason]


def _citation(one: CitationDelta) -> dict[str, Any]:
    document = {"title": one.title, "url": one.url}
    sources = one.rest.get("sources") or [
        {"type": "document", "id": one.url, "document": document},
    ]
    cited = {"start": one.start, "end": one.end, "text": one.text, "sources": sources}
    return {**cited, "type": "TEXT_CONTENT"}


class CohereStreamWriter:
    """Writes a reply as events; `id` serves where the provider gave none."""

    def __init__(self, id: str) -> None:
        self._id = id
        self._begun = False
        self._open = ""
        self._blocks = 0
        self._citations = 0
        self._custom: dict[int, list[str]] = {}
        self._called: int | None = None
        self._finish: Finish | None = None
        self._usage = NO_USAGE

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """The events for these deltas, joined."""
        events: list[bytes] = []
        for one in deltas:
            if type(one) is Begin:
                self._id = one.id or self._id
            elif type(one) is Consumed:
                self._usage = one.usage
            elif one.choice == 0:  # type: ignore[union-attr]
                self._say(one, events)
        return b"".join(events)

    def close(self) -> bytes:
        """What ends the message, with its usage."""
        events: list[bytes] = []
        self._begin(events)
        self._shut(events)
        delta = {"finish_reason": _reason(self._finish), "usage": usage_object(self._usage)}
        events.append(event_of({"type": "message-end", "id": self._id, "delta": delta}))
        return b"".join(events) + DONE

    def _say(self, one: Delta, events: list[bytes]) -> None:
        if type(one) is Finish:
            self._finish = one
            return
        self._begin(events)
        if type(one) is TextDelta or type(one) is RefusalDelta:
            self._content("text", one.text, events)
        elif type(one) is ThoughtDelta:
            if one.text:
                self._content("thinking", one.text, events)
        elif type(one) is ToolBegin:
            self._call(one, events)
        elif type(one) is ToolArguments:
            self._arguments(one, events)
        elif type(one) is CitationDelta:
            self._cite(one, events)

    def _begin(self, events: list[bytes]) -> None:
        if self._begun:
            return
        self._begun = True
        message: dict[str, Any] = {"role": "assistant", "content": [], "tool_plan": ""}
        message |= {"tool_calls": [], "citations": []}
        delta = {"message": message}
        events.append(event_of({"type": "message-start", "id": self._id, "delta": delta}))

    def _content(self, kind: str, words: str, events: list[bytes]) -> None:
        if self._open != kind:
            self._shut(events)
            self._open = kind
            events.append(self._part("content-start", {"content": {"type": kind, kind: ""}}))
        events.append(self._part("content-delta", {"content": {kind: words}}))

    def _part(self, name: str, message: dict[str, Any]) -> bytes:
        return event_of({"type": name, "index": self._blocks, "delta": {"message": message}})

    def _call(self, one: ToolBegin, events: list[bytes]) -> None:
        self._shut(events)
        self._called = one.index
        if one.custom:
            self._custom[one.index] = []
        function = {"name": one.name, "arguments": ""}
        call = {"id": one.id, "type": "function", "function": function}
        events.append(_tool("tool-call-start", one.index, call))

    def _arguments(self, one: ToolArguments, events: list[bytes]) -> None:
        if one.index in self._custom:
            # The words of a custom tool are no JSON, and the client knows nothing else.
            self._custom[one.index].append(one.text)
        else:
            call = {"function": {"arguments": one.text}}
            events.append(_tool("tool-call-delta", one.index, call))

    def _cite(self, one: CitationDelta, events: list[bytes]) -> None:
        at = self._citations
        self._citations += 1
        delta = {"message": {"citations": _citation(one)}}
        events.append(event_of({"type": "citation-start", "index": at, "delta": delta}))
        events.append(event_of({"type": "citation-end", "index": at}))

    def _shut(self, events: list[bytes]) -> None:
        if self._open:
            events.append(event_of({"type": "content-end", "index": self._blocks}))
            self._open = ""
            self._blocks += 1
        if self._called is not None:
            words = self._custom.pop(self._called, None)
            if words is not None:
                call = {"function": {"arguments": _wrapped(words)}}
                events.append(_tool("tool-call-delta", self._called, call))
            events.append(event_of({"type": "tool-call-end", "index": self._called}))
            self._called = None


class CohereWholeWriter:
    """Collects a reply and writes it as one document."""

    def __init__(self, id: str) -> None:
        self._id = id
        self._content: list[dict[str, Any]] = []
        self._calls: dict[int, ToolBegin] = {}
        self._words: dict[int, list[str]] = {}
        self._citations: list[dict[str, Any]] = []
        self._finish: Finish | None = None
        self._usage = NO_USAGE

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """Nothing yet: the document is written at the end."""
        for one in deltas:
            if type(one) is Begin:
                self._id = one.id or self._id
            elif type(one) is Consumed:
                self._usage = one.usage
            elif one.choice == 0:  # type: ignore[union-attr]
                self._take(one)
        return b""

    def _take(self, one: Delta) -> None:
        if type(one) is Finish:
            self._finish = one
        elif type(one) is TextDelta or type(one) is RefusalDelta:
            self._say("text", one.text)
        elif type(one) is ThoughtDelta:
            self._say("thinking", one.text)
        elif type(one) is ToolBegin:
            self._calls[one.index] = one
        elif type(one) is ToolArguments:
            self._words.setdefault(one.index, []).append(one.text)
        elif type(one) is CitationDelta:
            self._citations.append(_citation(one))

    def _say(self, kind: str, words: str) -> None:
        if not words:
            return
        if not self._content or self._content[-1]["type"] != kind:
            self._content.append({"type": kind, kind: []})
        self._content[-1][kind].append(words)

    def close(self) -> bytes:
        """The document."""
        content = [
            {"type": one["type"], one["type"]: "".join(one[one["type"]])} for one in self._content
        ]
        message: dict[str, Any] = {"role": "assistant"}
        if content or not self._calls:
            message["content"] = content
        if self._calls:
            message["tool_calls"] = [self._call(one) for _, one in sorted(self._calls.items())]
        if self._citations:
            message["citations"] = self._citations
        return orjson.dumps(
            {
                "id": self._id,
                "message": message,
                "finish_reason": _reason(self._finish),
                "usage": usage_object(self._usage),
            }
        )

    def _call(self, one: ToolBegin) -> dict[str, Any]:
        words = self._words.get(one.index, [])
        text = _wrapped(words) if one.custom else "".join(words) or "{}"
        function = {"name": one.name, "arguments": text}
        return {"id": one.id, "type": "function", "function": function}


def _wrapped(words: list[str]) -> str:
    return orjson.dumps({"input": "".join(words)}).decode()


def _tool(name: str, index: int, call: dict[str, Any]) -> bytes:
    return event_of({"type": name, "index": index, "delta": {"message": {"tool_calls": call}}})


def event_of(value: dict[str, Any]) -> bytes:
    """One event as it is sent."""
    name: str = value["type"]
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(value) + b"\n\n"
