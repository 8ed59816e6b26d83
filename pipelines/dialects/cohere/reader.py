"""Cohere's chat reply into the hub, streamed or whole.

The rule: the plan before tool calls is a thought; tokens are counted as the model saw them, not as
they are billed; an error may hide in a finish reason.
Source: https://docs.cohere.com/v2/reference/chat-stream
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.deltas import (
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    LogprobsDelta,
    Reason,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.upstream_errors import classify, complaint_of, status_in
from pipelines.errors import StreamBroken, UpstreamError, UpstreamFailed
from pipelines.usage import Usage

_REASONS: Mapping[str, Reason] = MappingProxyType(
    {
        "COMPLETE": "stop",
        "STOP_SEQUENCE": "stop",
        "MAX_TOKENS": "length",
        "TOOL_CALL": "tool_calls",
        "ERROR_TOXIC": "content_filter",
    }
)
_FAILED = frozenset({"ERROR", "TIMEOUT", "ERROR_LIMIT", "USER_CANCEL"})


class CohereReader:
    """What one reply means."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._begun = False
        self._finished = False
        self._calls: dict[object, int] = {}

    def event(self, name: str, value: dict[str, Any]) -> list[Delta]:
        """What one event means. Raises UpstreamError where it is an error."""
        kind = value.get("type") or name
        if value.get("error") or (not kind and "message" in value):
            raise self._error(value)
        delta = _object(value.get("delta"))
        said = _object(delta.get("message"))
        if kind == "message-start":
            self._begun = True
            return [Begin(value.get("id") or "")]
        # A host that copies Cohere may leave the start out.
        self._begun = self._begun or bool(delta)
        if kind in ("content-start", "content-delta"):
            return _words(_object(said.get("content"))) + _scores(value.get("logprobs"))
        if kind == "tool-plan-delta":
            return _thought(said.get("tool_plan"))
        if kind == "tool-call-start":
            return self._call(value.get("index"), said.get("tool_calls"))
        if kind == "tool-call-delta":
            call = _object(said.get("tool_calls"))
            words = _object(call.get("function")).get("arguments")
            place = value.get("index")
            last = len(self._calls) - 1
            index = last if place is None else self._calls.get(place, last)
            return [ToolArguments(max(0, index), _json(words))] if words else []
        if kind == "citation-start":
            return _citations([said.get("citations")])
        return self._ended(delta) if kind == "message-end" else []

    def document(self, value: dict[str, Any]) -> list[Delta]:
        """What a whole reply means. Raises UpstreamError where it is no answer."""
        said = value.get("message")
        if not isinstance(said, Mapping):
            raise self._error(value)
        self._begun = True
        deltas: list[Delta] = [Begin(value.get("id") or "")]
        deltas += _thought(said.get("tool_plan"))
        content = said.get("content")
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        for part in content or ():
            deltas += _words(_object(part))
        for index, call in enumerate(said.get("tool_calls") or ()):
            deltas += self._call(index, call)
        deltas += _citations(said.get("citations"))
        deltas += _scores(value.get("logprobs"))
        return deltas + self._ended(value)

    def end(self, done: bool) -> list[Delta]:
        """Nothing is left to say. Raises StreamBroken where the stream was cut."""
        if not self._begun:
            raise UpstreamFailed(f"{self._provider} closed the stream before its first event.")
        if not self._finished:
            error = StreamBroken(
                f"{self._provider} ended the stream without a finish reason; the answer is "
                "incomplete."
            )
            error.code = "upstream_truncated"
            raise error
        return []

    def _call(self, place: object, call: object) -> list[Delta]:
        if isinstance(call, list):
            call = call[0] if call else None
        call = _object(call)
        function = _object(call.get("function"))
        index = len(self._calls)
        self._calls[place if place not in self._calls else f"again {index}"] = index
        begin = ToolBegin(index, call.get("id") or "", function.get("name") or "")
        words = function.get("arguments")
        return [begin, ToolArguments(index, _json(words))] if words else [begin]

    def _ended(self, value: Mapping[str, Any]) -> list[Delta]:
        reason = str(value.get("finish_reason") or "COMPLETE").upper()
        if reason in _FAILED:
            words = value.get("error")
            said = f": {words}" if isinstance(words, str) and words else "."
            raise UpstreamFailed(f"{self._provider} gave up ({reason}){said}")
        self._finished = True
        known = _REASONS.get(reason, "stop")
        deltas: list[Delta] = [Finish("tool_calls" if self._calls and known == "stop" else known)]
        usage = _usage(value.get("usage"))
        return deltas if usage is None else [*deltas, Consumed(usage)]

    def _error(self, value: Mapping[str, Any]) -> UpstreamError:
        complaint = complaint_of(dict(value))
        if not complaint.message:
            return UpstreamFailed(f"{self._provider} answered with something that is no answer.")
        return classify(status_in(value, 502), complaint, self._provider)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _json(words: object) -> str:
    return words if isinstance(words, str) else orjson.dumps(words).decode()


def _thought(words: object) -> list[Delta]:
    return [ThoughtDelta(words)] if isinstance(words, str) and words else []


def _words(content: Mapping[str, Any]) -> list[Delta]:
    text = content.get("text")
    said: list[Delta] = [TextDelta(text)] if isinstance(text, str) and text else []
    return _thought(content.get("thinking")) + said


def _citations(values: object) -> list[Delta]:
    deltas: list[Delta] = []
    for one in values if isinstance(values, list) else ():
        for note in one if isinstance(one, list) else [one]:
            cited = _object(note)
            sources = cited.get("sources") or ()
            first = _object(sources[0]) if sources else {}
            document = _object(first.get("document"))
            deltas.append(
                CitationDelta(
                    url=str(document.get("url") or first.get("id") or ""),
                    title=str(document.get("title") or ""),
                    text=cited.get("text") or "",
                    start=cited.get("start"),
                    end=cited.get("end"),
                    rest={"sources": list(sources)},
                )
            )
    return deltas


def _scores(values: object) -> list[Delta]:
    """Cohere's log probabilities, one group of tokens at a time, in OpenAI's shape."""
    content: list[dict[str, Any]] = []
    for one in [values] if isinstance(values, Mapping) else values or ():  # type: ignore[attr-defined]
        group = _object(one)
        scores = group.get("logprobs") or ()
        if scores:
            token = {"token": group.get("text") or "", "logprob": sum(scores), "top_logprobs": []}
            content.append(token)
    return [LogprobsDelta({"content": content})] if content else []


def _usage(value: object) -> Usage | None:
    usage = _object(value)
    counted = _object(usage.get("tokens")) or _object(usage.get("billed_units"))
    if not counted:
        return None
    return Usage(
        prompt_tokens=_count(counted.get("input_tokens")),
        completion_tokens=_count(counted.get("output_tokens")),
        cached_tokens=_count(usage.get("cached_tokens")),
        reasoning_tokens=_count(counted.get("reasoning_tokens")),
    )


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
