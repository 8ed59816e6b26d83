"""A provider's Responses reply into the hub, streamed or whole.

The rule: an item is known by its output index, since its id may change; what a `done` event holds
and no delta had said is said then; only `response.completed` or `.incomplete` is an end.
Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.deltas import (
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    ImageDelta,
    LogprobsDelta,
    Reason,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.openai import LONGEST_TIER, reported_cost
from pipelines.dialects.responses.envelope import family_of
from pipelines.dialects.upstream_errors import Complaint, classify, complaint_of, status_in
from pipelines.errors import StreamBroken, UpstreamError, UpstreamFailed
from pipelines.usage import Usage

CALLS = ("function_call", "custom_tool_call")
ENDS = ("response.completed", "response.incomplete")

# An event of another shape than the one its type promises is skipped.
_MISSHAPEN = (AttributeError, KeyError, TypeError)
_STATUSES = (
    ("rate_limit", 429),
    ("insufficient_quota", 429),
    ("overloaded", 503),
    ("context_length_exceeded", 400),
    ("invalid", 400),
)


def usage_of(response: Mapping[str, Any]) -> Usage | None:
    """The usage that a response holds, in the convention of the house."""
    value = response.get("usage")
    if not isinstance(value, Mapping) or not {"input_tokens", "output_tokens"} & value.keys():
        return None
    came = value.get("input_tokens_details")
    went = value.get("output_tokens_details")
    came = came if isinstance(came, Mapping) else {}
    went = went if isinstance(went, Mapping) else {}
    tier = response.get("service_tier")
    return Usage(
        prompt_tokens=_count(value.get("input_tokens")),
        completion_tokens=_count(value.get("output_tokens")),
        cached_tokens=_count(came.get("cached_tokens")),
        cache_write_tokens=_count(came.get("cache_write_tokens")),
        reasoning_tokens=_count(went.get("reasoning_tokens")),
        service_tier=tier[:LONGEST_TIER] if isinstance(tier, str) else "",
        reported_cost=reported_cost(value),
    )


def _count(value: object) -> int:
    return max(0, value) if type(value) is int else 0


def failure(value: Mapping[str, Any], provider: str) -> UpstreamError:
    """The error that an `error` event, a failed response or an error body stands for."""
    held = value.get("error")
    if not held and value.get("type") != "error":
        return UpstreamFailed(f"{provider} answered with something that is no answer.")
    complaint = complaint_of(dict(value))
    if not complaint.message:
        complaint = Complaint("The reply failed.", complaint.code, complaint.kind)
    words = f"{complaint.code} {complaint.kind}"
    named = next((status for word, status in _STATUSES if word in words), 502)
    return classify(status_in(value, named), complaint, provider)


class ResponsesInterpreter:
    """What one Responses reply means."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._family = family_of(provider)
        self._begin: Begin | None = None
        self._begun = False
        self._ended = False
        self._calls: dict[int, int] = {}
        self._said: dict[tuple[int, str, int], int] = {}
        self._closed: set[int] = set()
        self._handlers: Mapping[str, Callable[[Mapping[str, Any]], list[Delta]]] = {
            "response.output_text.delta": self._text,
            "response.output_text.done": lambda value: self._rest(value, "text", value["text"]),
            "response.refusal.delta": self._refusal,
            "response.refusal.done": lambda one: self._rest(one, "refusal", one["refusal"]),
            "response.function_call_arguments.delta": self._arguments,
            "response.function_call_arguments.done": self._arguments_done,
            "response.custom_tool_call_input.delta": self._arguments,
            "response.custom_tool_call_input.done": self._arguments_done,
            "response.reasoning_summary_text.delta": self._summary,
            "response.reasoning_text.delta": self._reasoning,
            "response.output_text.annotation.added": self._annotation,
            "response.output_item.added": self._added,
            "response.output_item.done": self._item_done,
            "response.completed": self._end,
            "response.incomplete": self._end,
        }

    def event(self, name: str, value: dict[str, Any]) -> list[Delta]:
        """What one event means. Raises UpstreamError where it is an error."""
        kind = value.get("type") or name
        handler = self._handlers.get(kind) if isinstance(kind, str) else None
        if handler is not None:
            first = self._first(value.get("response"))
            try:
                return first + handler(value)
            except _MISSHAPEN:
                return first
        if kind == "response.failed":
            response = value.get("response")
            raise failure(response if isinstance(response, dict) else {}, self._provider)
        if kind == "error" or value.get("error"):
            raise failure(value, self._provider)
        if self._begin is None and isinstance(value.get("response"), Mapping):
            # Not told yet: an error may follow, and nothing has been said that would forbid
            # another try.
            self._begin = _begin(value["response"])
        return []

    def document(self, value: dict[str, Any]) -> list[Delta]:
        """What a whole reply means. Raises UpstreamError where it is no answer."""
        if value.get("error") or not isinstance(value.get("output"), list):
            raise failure(value, self._provider)
        try:
            return [*self._first(value), *self._end({"response": value})]
        except _MISSHAPEN:
            raise UpstreamFailed(f"{self._provider} answered in no known shape.") from None

    def end(self, done: bool) -> list[Delta]:
        """Nothing is left to say at the end. Raises StreamBroken where the stream was cut."""
        if self._ended:
            return []
        if not self._begun:
            raise UpstreamFailed(f"{self._provider} closed the stream before it said anything.")
        error = StreamBroken(
            f"{self._provider} ended the stream before the response was completed; the answer is "
            "incomplete."
        )
        error.code = "upstream_truncated"
        raise error

    def _first(self, response: object) -> list[Delta]:
        if self._begun:
            return []
        self._begun = True
        if self._begin is None:
            self._begin = _begin(response if isinstance(response, Mapping) else {})
        return [self._begin]

    def _text(self, value: Mapping[str, Any]) -> list[Delta]:
        deltas = self._more(value, "text", value.get("delta"))
        if value.get("logprobs"):
            deltas.append(LogprobsDelta({"content": value["logprobs"]}))
        return deltas

    def _refusal(self, value: Mapping[str, Any]) -> list[Delta]:
        return self._more(value, "refusal", value.get("delta"))

    def _summary(self, value: Mapping[str, Any]) -> list[Delta]:
        return self._more(value, "summary", value.get("delta"))

    def _reasoning(self, value: Mapping[str, Any]) -> list[Delta]:
        return self._more(value, "reasoning", value.get("delta"))

    def _arguments(self, value: Mapping[str, Any]) -> list[Delta]:
        return self._more(value, "arguments", value.get("delta"))

    def _arguments_done(self, value: Mapping[str, Any]) -> list[Delta]:
        return self._rest(value, "arguments", value.get("arguments") or value.get("input"))

    def _more(self, value: Mapping[str, Any], what: str, words: object) -> list[Delta]:
        if not isinstance(words, str) or not words:
            return []
        index = value.get("output_index") or 0
        part = value.get("content_index") or value.get("summary_index") or 0
        key = (index, what, part)
        self._said[key] = self._said.get(key, 0) + len(words)
        if what == "text":
            return [TextDelta(words)]
        if what == "refusal":
            return [RefusalDelta(words)]
        if what == "arguments":
            call = self._calls.get(index)
            return [] if call is None else [ToolArguments(call, words)]
        return [ThoughtDelta(words, id=value.get("item_id") or "")]

    def _rest(self, value: Mapping[str, Any], what: str, whole: object) -> list[Delta]:
        if not isinstance(whole, str):
            return []
        part = value.get("content_index") or value.get("summary_index") or 0
        said = self._said.get((value.get("output_index") or 0, what, part), 0)
        return self._more(value, what, whole[said:])

    def _added(self, value: Mapping[str, Any]) -> list[Delta]:
        return self._open(value.get("output_index") or 0, value.get("item") or {})

    def _open(self, index: int, item: Mapping[str, Any]) -> list[Delta]:
        if item.get("type") not in CALLS or index in self._calls:
            return []
        number = self._calls[index] = len(self._calls)
        id = item.get("call_id") or item.get("id") or ""
        custom = item["type"] == "custom_tool_call"
        return [ToolBegin(number, id, item.get("name") or "", custom=custom)]

    def _item_done(self, value: Mapping[str, Any]) -> list[Delta]:
        index = value.get("output_index") or 0
        return self._whole_item(index, value.get("item") or {})

    def _whole_item(self, index: int, item: Mapping[str, Any]) -> list[Delta]:
        if index in self._closed:
            return []
        self._closed.add(index)
        place = {"output_index": index, "item_id": item.get("id") or ""}
        kind = item.get("type")
        deltas = self._open(index, item)
        if kind in CALLS:
            deltas += self._arguments_done({**place, **item})
        elif kind == "message":
            for at, part in enumerate(item.get("content") or ()):
                deltas += self._whole_part({**place, "content_index": at}, part)
        elif kind == "reasoning":
            deltas += self._whole_thought(place, item)
        elif kind == "image_generation_call" and isinstance(item.get("result"), str):
            mime = f"image/{item.get('output_format') or 'png'}"
            deltas.append(ImageDelta(item["result"], mime))
        return deltas

    def _whole_part(self, place: dict[str, Any], part: Mapping[str, Any]) -> list[Delta]:
        if part.get("type") == "refusal":
            return self._rest(place, "refusal", part.get("refusal"))
        fresh = (place["output_index"], "text", place["content_index"]) not in self._said
        deltas = self._rest(place, "text", part.get("text"))
        if fresh and part.get("logprobs"):
            deltas.append(LogprobsDelta({"content": part["logprobs"]}))
        cited = self._said.get((place["output_index"], "cited", place["content_index"]), 0)
        for annotation in (part.get("annotations") or ())[cited:]:
            deltas += self._annotation({**place, "annotation": annotation})
        return deltas

    def _whole_thought(self, place: dict[str, Any], item: Mapping[str, Any]) -> list[Delta]:
        deltas: list[Delta] = []
        for at, part in enumerate(item.get("summary") or ()):
            deltas += self._rest({**place, "summary_index": at}, "summary", part.get("text"))
        for at, part in enumerate(item.get("content") or ()):
            deltas += self._rest({**place, "content_index": at}, "reasoning", part.get("text"))
        encrypted = item.get("encrypted_content")
        if encrypted:
            id = item.get("id") or ""
            deltas.append(ThoughtDelta(data=encrypted, id=id, family=self._family))
        return deltas

    def _annotation(self, value: Mapping[str, Any]) -> list[Delta]:
        key = (value.get("output_index") or 0, "cited", value.get("content_index") or 0)
        self._said[key] = self._said.get(key, 0) + 1
        said = value.get("annotation")
        if not isinstance(said, Mapping):
            return []
        return [
            CitationDelta(
                url=said.get("url") or "",
                title=said.get("title") or said.get("filename") or "",
                start=said.get("start_index"),
                end=said.get("end_index"),
                rest={} if said.get("type") == "url_citation" else dict(said),
            )
        ]

    def _end(self, value: Mapping[str, Any]) -> list[Delta]:
        response = value.get("response")
        response = response if isinstance(response, Mapping) else {}
        deltas: list[Delta] = []
        if not self._ended:
            self._ended = True
            if not self._said and not self._calls and not self._closed:
                for index, item in enumerate(response.get("output") or ()):
                    deltas += self._whole_item(index, item)
            deltas.append(Finish(self._reason(response)))
        usage = usage_of(response)
        if usage is not None:
            deltas.append(Consumed(usage))
        return deltas

    def _reason(self, response: Mapping[str, Any]) -> Reason:
        why = (response.get("incomplete_details") or {}).get("reason")
        if response.get("status") == "incomplete" or why:
            return "content_filter" if why == "content_filter" else "length"
        return "tool_calls" if self._calls else "stop"


def _begin(response: Mapping[str, Any]) -> Begin:
    created = response.get("created_at")
    return Begin(
        response.get("id") or "",
        response.get("model") or "",
        int(created) if isinstance(created, int | float) else 0,
    )
