"""Watches Cohere's replies that are passed on as they are.

The rule: bytes leave as they came; only the events that tell usage, an error or the end are read. A
stream without the provider's own end is broken.
"""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deltas import Consumed, Delta
from pipelines.dialects.cohere.reader import CohereReader
from pipelines.dialects.cohere.writer import DONE, event_of, usage_object
from pipelines.dialects.shape import MISSHAPEN
from pipelines.dialects.sse import EventTooLong, Framer, data_of, events
from pipelines.errors import StreamBroken, UpstreamError, UpstreamFailed
from pipelines.usage import NO_USAGE, Usage

BYTES_PER_TOKEN = 4

# Every other event is a piece of the answer.
_TELLING = (b"message-start", b"message-end", b'"error"', b'{"message"', b'{"id"')
_BYTES_AROUND = 100


class CohereWholeGauge:
    """Watches a reply that is one JSON document."""

    fault: UpstreamError | None = None

    def __init__(self, provider: str, prompt_tokens: int) -> None:
        self._provider = provider
        self._prompt_tokens = prompt_tokens
        self.usage: Usage = NO_USAGE

    def watch(self, raw: bytes) -> bytes:
        """The document as it is. Raises UpstreamError where it is no answer."""
        body = _object(raw)
        if body is None:
            raise UpstreamFailed(f"{self._provider} answered with something that is no answer.")
        try:
            reported = _usage(CohereReader(self._provider).document(body))
        except MISSHAPEN:
            raise UpstreamFailed(
                f"{self._provider} answered with something that is no answer."
            ) from None
        tokens = len(raw) // BYTES_PER_TOKEN
        self.usage = reported or Usage(self._prompt_tokens, tokens, estimated=True)
        return raw

    def close(self) -> bytes:
        """Nothing is left over."""
        return b""


class CohereStreamGauge:
    """Watches a reply that is a stream of events."""

    def __init__(self, provider: str, prompt_tokens: int) -> None:
        self._provider = provider
        self._prompt_tokens = prompt_tokens
        self._framer = Framer()
        self._reader = CohereReader(provider)
        self._reported: Usage | None = None
        self._said = 0
        self._last = b""
        self.fault: UpstreamError | None = None

    @property
    def usage(self) -> Usage:
        """What the provider reported, else an estimate from what was seen."""
        if self._reported is not None:
            return self._reported
        prompt = self._prompt_tokens if self._last else 0
        return Usage(prompt, self._said // BYTES_PER_TOKEN, estimated=True)

    def watch(self, raw: bytes) -> bytes:
        """The whole events so far. Where one of them is an error, what stood before it is given and
        `fault` is set. Raises UpstreamError where nothing stood before it."""
        try:
            whole = self._framer.feed(raw)
        except EventTooLong:
            raise UpstreamFailed(f"{self._provider} sent an event of over 8 MiB.") from None
        return self._read(whole)

    def close(self) -> bytes:
        """The last event. Raises StreamBroken where the stream was cut, UpstreamFailed where it
        never began."""
        tail = self._framer.close()
        if tail.strip():
            tail = self._read(tail + b"\n\n")
        if self.fault is not None:
            raise self.fault
        self._reader.end(False)
        return tail

    def cut_short(self, call: Call) -> bytes:
        """What ends the stream where it stands, as at its greatest length."""
        last = _object(data_of(self._last) or b"") or {}
        kind = str(last.get("type"))
        if kind == "message-end" or b"[DONE]" in self._last:
            return b""
        out, index = b"", {"index": last.get("index")}
        if kind in ("content-start", "content-delta"):
            out = event_of({"type": "content-end", **index})
        elif kind in ("tool-call-start", "tool-call-delta"):
            out = event_of({"type": "tool-call-end", **index})
        delta = {"finish_reason": "MAX_TOKENS", "usage": usage_object(self.usage)}
        return out + event_of({"type": "message-end", "delta": delta}) + DONE

    def _read(self, whole: bytes) -> bytes:
        for begin, end in events(whole):
            event = whole[begin:end]
            data = data_of(event)
            if data is None:
                continue
            if not any(word in event for word in _TELLING):
                self._last = event
                self._said += max(0, len(event) - _BYTES_AROUND)
                continue
            value = _object(data)
            if value is None:
                continue
            try:
                self._reported = _usage(self._reader.event("", value)) or self._reported
            except UpstreamError as error:
                if not self._last and not begin:
                    raise
                self.fault = StreamBroken(error.message)
                return whole[:begin]
            except MISSHAPEN:
                # It is the client's to make sense of: nothing is read for it here.
                pass
            self._last = event
        return whole


def _usage(deltas: list[Delta]) -> Usage | None:
    return next((one.usage for one in deltas if isinstance(one, Consumed)), None)


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
