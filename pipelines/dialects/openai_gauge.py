"""Watches replies in OpenAI's dialects that are passed on as they are.

The rule: bytes leave as they came, with one exception: the usage event that the gateway itself
asked for is cut out. A stream without the provider's own end mark is broken.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.dialects.openai import DONE, read_usage, usage_of
from pipelines.dialects.openai_ending import ending
from pipelines.dialects.sse import (
    MAX_EVENT,
    EventTooLong,
    Framer,
    data_of,
    event_around,
    events,
    line_starts_with,
)
from pipelines.dialects.upstream_errors import classify, complaint_of, status_in
from pipelines.errors import StreamBroken, UpstreamError, UpstreamFailed
from pipelines.usage import NO_USAGE, Usage

KEPT_READS = 4

_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"')
_BARE_ERROR = re.compile(rb"(?:^|[\r\n])error:[ \t]*(\{[^\r\n]*\})")


class WholeGauge:
    """Watches a reply that is one JSON document; the field `holds` makes it an answer."""

    fault: UpstreamError | None = None

    def __init__(self, provider: str, holds: str, prompt_tokens: int) -> None:
        self._provider = provider
        self._holds = holds
        self._prompt_tokens = prompt_tokens
        self.usage: Usage = NO_USAGE

    def watch(self, raw: bytes) -> bytes:
        """The document as it is. Raises UpstreamFailed where it is no answer."""
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise UpstreamFailed(f"{self._provider} answered with broken JSON.") from None
        if not isinstance(body, dict):
            raise UpstreamFailed(f"{self._provider} answered with JSON that is no object.")
        if not isinstance(body.get(self._holds), list):
            raise _error_in(body, self._provider)
        usage = usage_of(body)
        self.usage = usage or Usage(
            prompt_tokens=self._prompt_tokens,
            completion_tokens=len(raw) // 4 if self._holds == "choices" else 0,
            estimated=True,
        )
        return raw

    def close(self) -> bytes:
        """Nothing is left over."""
        return b""


class StreamGauge:
    """Watches a reply that is a stream of events; `cut_usage` takes the usage event out again."""

    def __init__(self, provider: str, cut_usage: bool, prompt_tokens: int) -> None:
        self._provider = provider
        self._cut_usage = cut_usage
        self._prompt_tokens = prompt_tokens
        self._framer = Framer()
        self._begun = False
        self._held = b""
        self._bytes = 0
        self._kept: deque[bytes] = deque(maxlen=KEPT_READS)
        self._reported: Usage | None = None
        self.fault: UpstreamError | None = None

    @property
    def usage(self) -> Usage:
        """What the provider reported, else an estimate from what was seen."""
        return self._find_usage() or self._reported or self._estimate()

    def watch(self, raw: bytes) -> bytes:
        """The whole events so far. Where one of them is an error, what stood before it is given and
        `fault` is set. Raises UpstreamFailed where the very first event is an error."""
        try:
            whole = self._framer.feed(raw)
        except EventTooLong:
            raise self._too_long() from None
        if not whole:
            return whole
        if not self._begun:
            whole = self._begin(whole)
            if not whole:
                return whole
        if b"data:" in whole:
            self._bytes += len(whole)
            self._kept.append(whole)
        if b"error" in whole and (b'"error"' in whole or line_starts_with(whole, b"error:")):
            whole = self._until_error(whole)
        if self._cut_usage and _USAGE.search(whole) is not None:
            whole = self._without_usage(whole)
        return whole

    def close(self) -> bytes:
        """The last event, and the end mark where only that was left out. Raises StreamBroken where
        the stream was cut, UpstreamFailed where it never began."""
        tail, self._held = self._held + self._framer.close(), b""
        if self._ended():
            return b"" if tail.strip() else tail
        if _complete(tail):
            tail = self._end_mark(tail) if _done(tail) else self.watch(tail + b"\n\n")
            if self.fault is not None:
                raise self.fault
        elif _only_comments(tail):
            tail = b"" if tail.strip() else tail
        elif self._begun:
            raise self._broken("broke off in the middle of an event")
        if not self._begun:
            raise UpstreamFailed(f"{self._provider} closed the stream before its first event.")
        if self._ended():
            return tail
        if _FINISH.search(b"".join(self._kept)):
            return tail + DONE
        raise self._broken("ended the stream without a finish reason", "upstream_truncated")

    def cut_short(self, call: Call) -> bytes:
        """What ends the stream where it stands, as at its greatest length."""
        return b"" if self._ended() else ending(self._kept, call, self.usage)

    def _begin(self, whole: bytes) -> bytes:
        # Comments do not commit the attempt: an error may follow them.
        self._held += whole
        if len(self._held) > MAX_EVENT and not line_starts_with(whole, b"data:"):
            raise self._too_long()
        for begin, end in events(whole):
            event = whole[begin:end]
            error = self._error(event)
            if error is not None:
                raise error
            if data_of(event) is not None:
                self._begun = True
                whole, self._held = self._held, b""
                return whole
        return b""

    def _until_error(self, whole: bytes) -> bytes:
        for begin, end in events(whole):
            error = self._error(whole[begin:end])
            if error is not None:
                self.fault = StreamBroken(error.message)
                return whole[:begin]
        return whole

    def _error(self, event: bytes) -> UpstreamError | None:
        bare = _BARE_ERROR.search(event)
        value = _object(bare[1] if bare else data_of(event) or b"")
        if value is not None and bare and not value.get("error"):
            value = {"error": value}
        if value is None or not value.get("error"):
            return None
        return _error_in(value, self._provider)

    def _without_usage(self, whole: bytes) -> bytes:
        kept, done = [], 0
        for found in _USAGE.finditer(whole):
            if found.start() < done:
                continue
            begin, end = event_around(whole, found.start())
            value = _object(data_of(whole[begin:end]) or b"")
            usage = usage_of(value) if value is not None else None
            if usage is None or value is None:
                continue
            self._reported = usage
            if not value.get("choices"):
                kept.append(whole[done:begin])
                done = end
        return b"".join((*kept, whole[done:])) if done else whole

    def _find_usage(self) -> Usage | None:
        for whole in reversed(self._kept):
            if _USAGE.search(whole) is None:
                continue
            for begin, end in reversed(tuple(events(whole))):
                value = _object(data_of(whole[begin:end]) or b"")
                usage = _usage_in(value) if value is not None else None
                if usage is not None:
                    return usage
        return None

    def _estimate(self) -> Usage:
        # Most providers send one token an event; the events kept tell how long one is.
        kept = b"".join(self._kept)
        count = kept.count(b"data:")
        tokens = self._bytes * count // len(kept) if kept else 0
        return Usage(self._prompt_tokens if self._begun else 0, tokens, estimated=True)

    def _ended(self) -> bool:
        return bool(self._kept) and _done(self._kept[-1])

    def _end_mark(self, tail: bytes) -> bytes:
        self._begun = True
        self._kept.append(tail)
        return tail

    def _too_long(self) -> UpstreamError:
        if self._begun:
            return self._broken("sent an event of over 8 MiB")
        return UpstreamFailed(f"{self._provider} sent an event of over 8 MiB.")

    def _broken(self, how: str, code: str = "upstream_malformed") -> StreamBroken:
        error = StreamBroken(f"{self._provider} {how}; the answer is incomplete.")
        error.code = code
        return error


def _done(whole: bytes) -> bool:
    return line_starts_with(whole, b"data: [DONE]") or line_starts_with(whole, b"data:[DONE]")


def _only_comments(tail: bytes) -> bool:
    return all(line.startswith(b":") for line in tail.splitlines() if line)


def _complete(tail: bytes) -> bool:
    if _BARE_ERROR.search(tail):
        return True
    data = data_of(tail)
    return data is not None and (data.strip() == b"[DONE]" or _object(data) is not None)


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _usage_in(value: dict[str, Any]) -> Usage | None:
    usage = usage_of(value)
    if usage is None and isinstance(value.get("x_groq"), dict):
        usage = read_usage(value["x_groq"].get("usage"))
    return usage


def _error_in(value: dict[str, Any], provider: str) -> UpstreamError:
    """The error of a reply with status 200: worth another try unless it says otherwise."""
    if not value.get("error"):
        return UpstreamFailed(f"{provider} answered with something that is no answer.")
    return classify(status_in(value, 502), complaint_of(value), provider)
