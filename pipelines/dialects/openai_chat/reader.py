"""A provider's chat reply into the hub, streamed or whole.

The rule: tolerant of what hosts really send: usage anywhere, a finish reason twice or never, tool
indices missing, roles and ids repeated; the last usage and the first finish reason count.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
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
    Reason,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.openai import usage_of
from pipelines.dialects.openai_chat.calls import Calls
from pipelines.dialects.openai_chat.details import Details
from pipelines.dialects.openai_chat.parse import split_data_url
from pipelines.dialects.upstream_errors import classify, complaint_of, status_in
from pipelines.errors import StreamBroken, UpstreamError, UpstreamFailed

_REASONS: Mapping[str, Reason] = MappingProxyType(
    {
        "length": "length",
        "model_length": "length",
        "max_tokens": "length",
        "tool_calls": "tool_calls",
        "function_call": "tool_calls",
        "content_filter": "content_filter",
    }
)
_WORDS = frozenset({"role", "content"})


class Choice:
    """What is known of one choice so far."""

    __slots__ = ("calls", "details", "finished", "index", "unnamed")

    def __init__(self, index: int) -> None:
        self.index = index
        self.calls = Calls()
        self.details = Details()
        # Calls of which nothing but the id is known yet.
        self.unnamed: dict[int, ToolBegin] = {}
        self.finished = False


class ChatInterpreter:
    """What one chat reply means."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._choices: dict[int, Choice] = {}
        self._begun = False
        self._whole = False

    def event(self, name: str, value: dict[str, Any]) -> list[Delta]:
        """What one chunk means. Raises UpstreamError where it is an error."""
        return self._chunk(value)

    def document(self, value: dict[str, Any]) -> list[Delta]:
        """What a whole reply means. Raises UpstreamError where it is no answer."""
        if not isinstance(value.get("choices"), list):
            raise self._error(value)
        self._whole = True
        return self._chunk(value) + self._unfinished()

    def end(self, done: bool) -> list[Delta]:
        """What is left to say at the end. Raises StreamBroken where the stream was cut."""
        if not self._begun:
            raise UpstreamFailed(f"{self._provider} closed the stream before its first event.")
        if not done and (not self._choices or not self._all_finished()):
            error = StreamBroken(
                f"{self._provider} ended the stream without a finish reason; the answer is "
                "incomplete."
            )
            error.code = "upstream_truncated"
            raise error
        return self._unfinished()

    def _all_finished(self) -> bool:
        return all(choice.finished for choice in self._choices.values())

    def _unfinished(self) -> list[Delta]:
        deltas: list[Delta] = []
        for choice in self._choices.values():
            if not choice.finished:
                deltas += choice.details.taken(choice.index)
                reason: Reason = "tool_calls" if choice.calls else "stop"
                deltas.append(Finish(reason, choice=choice.index))
        return deltas

    def _chunk(self, chunk: Mapping[str, Any]) -> list[Delta]:
        if chunk.get("error"):
            raise self._error(chunk)
        deltas: list[Delta] = []
        choices = chunk.get("choices") or ()
        if not self._begun and (choices or chunk.get("id")):
            self._begun = True
            created = chunk.get("created")
            deltas.append(
                Begin(
                    chunk.get("id") or "",
                    chunk.get("model") or "",
                    int(created) if isinstance(created, int | float) else 0,
                )
            )
        for one in choices:
            deltas += self._choice(one)
        told = chunk.get("usage") or ("x_groq" in chunk and _groq_usage(chunk))
        tier = chunk.get("service_tier")
        usage = usage_of({"usage": told, "service_tier": tier}) if told else None
        if usage is not None:
            deltas.append(Consumed(usage))
        return deltas

    def _choice(self, one: Mapping[str, Any]) -> list[Delta]:
        index = one.get("index") or 0
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = Choice(index)
        if self._whole:
            # Perplexity puts an empty delta beside the message.
            said = one.get("message") or one.get("delta") or {}
        else:
            said = one.get("delta") or one.get("message") or {}
        if said.keys() <= _WORDS and not one.get("finish_reason") and not one.get("logprobs"):
            # What nearly every chunk is.
            return _content(said.get("content"), index)
        deltas: list[Delta] = []
        thought = said.get("reasoning_content") or said.get("reasoning")
        if isinstance(thought, str) and thought:
            deltas.append(ThoughtDelta(thought, choice=index))
        deltas += _blocks(said, index)
        if "reasoning_details" in said:
            choice.details.take(said["reasoning_details"])
        deltas += _content(said.get("content"), index)
        if isinstance(said.get("refusal"), str) and said["refusal"]:
            deltas.append(RefusalDelta(said["refusal"], index))
        deltas += self._tool_calls(said, choice)
        deltas += _extras(said, one, index)
        reason = one.get("finish_reason")
        if reason and not choice.finished:
            choice.finished = True
            deltas += choice.details.taken(index)
            deltas.append(Finish(_reason(reason, bool(choice.calls)), choice=index))
        return deltas

    def _tool_calls(self, said: Mapping[str, Any], choice: Choice) -> list[Delta]:
        deltas: list[Delta] = []
        calls = said.get("tool_calls") or ()
        old = said.get("function_call")
        # Snowflake writes an empty one beside whatever else was said.
        if not calls and isinstance(old, Mapping) and (old.get("name") or old.get("arguments")):
            calls = ({"index": 0, "function": old},)
        if self._whole:
            # Every entry is a call, whatever index and id it has.
            calls = [{**call, "index": f"entry {at}"} for at, call in enumerate(calls)]
        for call in calls:
            custom = call.get("type") == "custom"
            function = call.get("custom" if custom else "function") or {}
            name, id = function.get("name") or "", call.get("id") or ""
            index, new = choice.calls.place(call.get("index"), id, name)
            words = function.get("input" if custom else "arguments")
            if new:
                choice.unnamed[index] = ToolBegin(
                    index, id, name, _signature(call), custom, choice.index
                )
            if index in choice.unnamed and (name or words):
                begin = choice.unnamed.pop(index)
                begin.name = name
                deltas.append(begin)
            if words is not None and not isinstance(words, str):
                words = orjson.dumps(words).decode()
            if words:
                deltas.append(ToolArguments(index, words, choice.index))
        return deltas

    def _error(self, value: Mapping[str, Any]) -> UpstreamError:
        if not value.get("error"):
            return UpstreamFailed(f"{self._provider} answered with something that is no answer.")
        return classify(status_in(value, 502), complaint_of(dict(value)), self._provider)


def _reason(reason: str, called: bool) -> Reason:
    known = _REASONS.get(reason, "stop")
    return "tool_calls" if called and known == "stop" else known


def _content(content: object, choice: int) -> list[Delta]:
    if isinstance(content, str):
        return [TextDelta(content, choice)] if content else []
    deltas: list[Delta] = []
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, Mapping):
            continue
        if part.get("type") == "text" and part.get("text"):
            deltas.append(TextDelta(part["text"], choice))
        elif part.get("type") in ("thinking", "reasoning"):
            # Mistral's and Databricks' shapes of reasoning within the content.
            inner = part.get("thinking") or part.get("summary") or ()
            words = "".join(one.get("text") or "" for one in inner if isinstance(one, Mapping))
            deltas.append(ThoughtDelta(inner if isinstance(inner, str) else words, choice=choice))
    return deltas


def _blocks(said: Mapping[str, Any], choice: int) -> list[Delta]:
    blocks = said.get("thinking_blocks") or ()
    return [
        ThoughtDelta(
            signature=block.get("signature") or "",
            data=block.get("data") or "",
            family=block.get("family") or "anthropic",
            choice=choice,
        )
        for block in blocks
        if isinstance(block, Mapping) and (block.get("signature") or block.get("data"))
    ]


def _extras(said: Mapping[str, Any], one: Mapping[str, Any], choice: int) -> list[Delta]:
    deltas: list[Delta] = []
    for image in said.get("images") or ():
        mime, data = split_data_url((image.get("image_url") or {}).get("url") or "")
        if data:
            deltas.append(ImageDelta(data, mime, choice))
    for note in said.get("annotations") or ():
        cited = note.get("url_citation") or {}
        deltas.append(
            CitationDelta(
                url=cited.get("url") or "",
                title=cited.get("title") or "",
                text=cited.get("content") or "",
                start=cited.get("start_index"),
                end=cited.get("end_index"),
                choice=choice,
            )
        )
    if isinstance(said.get("audio"), dict) and any(said["audio"].values()):
        deltas.append(AudioDelta(said["audio"], choice))
    if isinstance(one.get("logprobs"), dict):
        deltas.append(LogprobsDelta(one["logprobs"], choice))
    return deltas


def _signature(call: Mapping[str, Any]) -> str:
    google = (call.get("extra_content") or {}).get("google") or {}
    return google.get("thought_signature") or ""


def _groq_usage(chunk: Mapping[str, Any]) -> object:
    groq = chunk.get("x_groq")
    return groq.get("usage") if isinstance(groq, Mapping) else None
