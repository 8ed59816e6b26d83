"""A provider's chat or generate reply into the hub, streamed or whole.

The rule: the object that says `done` ends the reply and counts it; tool calls come whole, with
`done_reason` "stop" and often without an id, which is then made of what they say.
Sources: https://docs.ollama.com/api/chat, https://docs.ollama.com/api/streaming
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson

from pipelines.deltas import (
    Begin,
    Consumed,
    Delta,
    Finish,
    ImageDelta,
    LogprobsDelta,
    Reason,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.ollama.fields import mime_of
from pipelines.dialects.upstream_errors import no_answer
from pipelines.errors import StreamBroken, UpstreamFailed
from pipelines.usage import Usage


def read_usage(value: Mapping[str, Any]) -> Usage | None:
    """What a reply counts; None where it counts nothing. A prompt that was kept from before has no
    count of its own."""
    prompt, spoken = value.get("prompt_eval_count"), value.get("eval_count")
    if type(prompt) is not int and type(spoken) is not int:
        return None
    return Usage(_count(prompt), _count(spoken))


def _count(value: object) -> int:
    return max(0, value) if type(value) is int else 0


def truncated(provider: str) -> StreamBroken:
    """The error of a stream that ended before its time."""
    error = StreamBroken(
        f"{provider} ended the stream without a last message; the answer is incomplete."
    )
    error.code = "upstream_truncated"
    return error


class OllamaInterpreter:
    """What one reply means."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._begun = False
        self._finished = False
        self._calls = 0
        self._stamp = ""

    def event(self, name: str, value: dict[str, Any]) -> list[Delta]:
        """What one line means. Raises UpstreamError where it is an error."""
        if value.get("error"):
            raise no_answer(value, self._provider)
        deltas: list[Delta] = [] if self._begun else [self._begin(value)]
        message = value.get("message")
        if isinstance(message, Mapping):
            self._message(message, message.get("content"), deltas)
        else:
            self._message(value, value.get("response"), deltas)
        scores = value.get("logprobs")
        if isinstance(scores, list) and scores:
            deltas.append(LogprobsDelta({"content": [_score(one) for one in scores]}))
        if value.get("done") is True and not self._finished:
            self._finished = True
            deltas.append(Finish(self._reason(value.get("done_reason"))))
            usage = read_usage(value)
            if usage is not None:
                deltas.append(Consumed(usage))
        return deltas

    def document(self, value: dict[str, Any]) -> list[Delta]:
        """What a whole reply means. Raises UpstreamError where it is no answer."""
        if value.keys().isdisjoint(("message", "response", "done")):
            raise no_answer(value, self._provider)
        deltas = self.event("", value)
        if not self._finished:
            deltas.append(Finish(self._reason(None)))
        return deltas

    def end(self, done: bool) -> list[Delta]:
        """Nothing is left to say. Raises StreamBroken where the stream was cut."""
        if not self._begun:
            raise UpstreamFailed(f"{self._provider} closed the stream before its first message.")
        if not self._finished:
            raise truncated(self._provider)
        return []

    def _begin(self, value: Mapping[str, Any]) -> Begin:
        self._begun = True
        self._stamp = str(value.get("created_at") or "")
        model = value.get("model")
        return Begin(model=model if isinstance(model, str) else "", created=_seconds(self._stamp))

    def _message(self, said: Mapping[str, Any], text: object, deltas: list[Delta]) -> None:
        thought = said.get("thinking")
        if isinstance(thought, str) and thought:
            deltas.append(ThoughtDelta(thought))
        if isinstance(text, str) and text:
            deltas.append(TextDelta(text))
        for call in said.get("tool_calls") or ():
            self._call(call, deltas)
        pictures = said.get("images") or [said.get("image")]
        deltas += [
            ImageDelta(picture, mime_of(picture))
            for picture in (pictures if isinstance(pictures, list) else ())
            if isinstance(picture, str) and picture
        ]

    def _call(self, call: object, deltas: list[Delta]) -> None:
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(call, Mapping) or not isinstance(function, Mapping):
            return
        name, given = function.get("name") or "", function.get("arguments")
        words = given if isinstance(given, str) else orjson.dumps(given or {}).decode()
        index = self._calls
        self._calls += 1
        id = call.get("id") or self._made(f"{index} {name} {words}")
        deltas.append(ToolBegin(index, id, name))
        deltas.append(ToolArguments(index, words))

    def _made(self, said: str) -> str:
        # The stamp has nanoseconds: the same call in a later turn gets another id.
        return "call_" + blake2b(f"{self._stamp} {said}".encode(), digest_size=8).hexdigest()

    def _reason(self, reason: object) -> Reason:
        if reason == "length":
            return "length"
        if reason == "content_filter":
            return "content_filter"
        return "tool_calls" if self._calls else "stop"


def _score(one: Any) -> Any:
    # OpenAI's clients expect both fields on every token.
    return {"bytes": None, "top_logprobs": [], **one} if isinstance(one, Mapping) else one


def _seconds(stamp: str) -> int:
    try:
        return int(datetime.fromisoformat(stamp).timestamp())
    except (ValueError, OverflowError, OSError):
        return 0
