"""The hub into a chat or generate reply for a client, streamed as lines of JSON.

The rule: every line names model and time, tool calls go out whole, and the last line says `done`
with the counts. Nobody measures for the client how long its provider took: durations are 0.
Sources: https://docs.ollama.com/api/chat, https://docs.ollama.com/api/generate
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.deltas import (
    Begin,
    Consumed,
    Delta,
    Finish,
    ImageDelta,
    LogprobsDelta,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.ollama.render import as_object
from pipelines.usage import NO_USAGE, Usage

# What is no end of Ollama's own is told by its common name.
_REASONS: Mapping[str, str] = MappingProxyType({"tool_calls": "stop"})


class Frame:
    """What every object of one reply has in common; `chat` says by which endpoint it goes."""

    def __init__(self, model: str, chat: bool) -> None:
        self._model = model
        self._chat = chat
        self._stamp = stamp(0)

    def begin(self, one: Begin) -> None:
        """Take over the provider's time, where it tells one."""
        if one.created:
            self._stamp = stamp(one.created)

    def object(self, text: str, **more: Any) -> dict[str, Any]:
        """One object that says this; `more` are fields of the message."""
        value: dict[str, Any] = {"model": self._model, "created_at": self._stamp}
        if self._chat:
            value["message"] = {"role": "assistant", "content": text, **more}
        else:
            value |= {"response": text, **more}
        value["done"] = False
        return value


class Calls:
    """The tool calls of one reply, as far as they have been said."""

    def __init__(self) -> None:
        self._begun: dict[int, ToolBegin] = {}
        self._arguments: dict[int, list[str]] = {}

    def take(self, one: Delta) -> None:
        """Note the beginning of a call, or more of its arguments."""
        if type(one) is ToolBegin:
            self._begun[one.index] = one
        elif type(one) is ToolArguments:
            self._arguments.setdefault(one.index, []).append(one.text)

    def given(self) -> list[dict[str, Any]]:
        """The calls that were not given before."""
        calls = []
        for index, one in sorted(self._begun.items()):
            words = "".join(self._arguments.get(index, ()))
            given = {"input": words} if one.custom else as_object(words)
            function = {"index": index, "name": one.name, "arguments": given}
            calls.append({"id": one.id, "function": function})
        self._begun.clear()
        return calls


class OllamaStreamWriter:
    """Writes a reply as lines; `model` is the name that the client asked for."""

    def __init__(self, model: str, chat: bool) -> None:
        self._frame = Frame(model, chat)
        self._calls = Calls()
        self._usage = NO_USAGE
        self._reason = "stop"

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """The lines for these deltas, joined."""
        lines: list[dict[str, Any]] = []
        for one in deltas:
            kind = type(one)
            if getattr(one, "choice", 0):
                # A message is one answer.
                continue
            if kind is TextDelta or kind is RefusalDelta:
                lines.append(self._frame.object(one.text))  # type: ignore[union-attr]
            elif type(one) is ThoughtDelta:
                if one.text:
                    lines.append(self._frame.object("", thinking=one.text))
            elif kind is ToolBegin or kind is ToolArguments:
                self._calls.take(one)
            else:
                lines += self._other(one)
        return _lines(lines)

    def close(self) -> bytes:
        """The last line, after the calls that nothing has ended."""
        last = {**self._frame.object(""), **tail(self._reason, self._usage)}
        return _lines([*self._given(), last])

    def _other(self, one: Delta) -> list[dict[str, Any]]:
        if type(one) is Begin:
            self._frame.begin(one)
        elif type(one) is Consumed:
            self._usage = one.usage
        elif type(one) is Finish:
            self._reason = one.reason
            return self._given()
        elif type(one) is ImageDelta:
            return [self._frame.object("", images=[one.data])]
        elif type(one) is LogprobsDelta and one.logprobs.get("content"):
            return [{**self._frame.object(""), "logprobs": one.logprobs["content"]}]
        return []

    def _given(self) -> list[dict[str, Any]]:
        calls = self._calls.given()
        return [self._frame.object("", tool_calls=calls)] if calls else []


def tail(reason: str, usage: Usage) -> dict[str, Any]:
    """What the object that ends a reply says beside its words."""
    return {
        "done": True,
        "done_reason": _REASONS.get(reason, reason),
        "total_duration": 0,
        "load_duration": 0,
        "prompt_eval_count": usage.prompt_tokens,
        "prompt_eval_duration": 0,
        "eval_count": usage.completion_tokens,
        "eval_duration": 0,
    }


def idle(model: str, chat: bool, unloads: bool) -> bytes:
    """The document that answers a call which says nothing."""
    reason = "unload" if unloads else "load"
    return orjson.dumps({**Frame(model, chat).object(""), "done": True, "done_reason": reason})


def stamp(seconds: int) -> str:
    """Seconds since 1970 as Ollama writes a time; those that are none are 0."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        moment = datetime.fromtimestamp(0, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _lines(values: list[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE) for value in values)
