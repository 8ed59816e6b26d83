"""Watches Messages replies that are passed on as they are.

The rule: bytes leave as they came; only the events that tell usage, an error or the end are read. A
stream without the provider's own end is broken.
"""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.call import Call
from pipelines.dialects.anthropic.errors import error_in
from pipelines.dialects.anthropic.usage import merged, read_usage, usage_object
from pipelines.dialects.sse import MAX_EVENT, EventTooLong, Framer, data_of, events
from pipelines.errors import StreamBroken, UpstreamError, UpstreamFailed
from pipelines.usage import NO_USAGE, Usage

STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
BYTES_PER_TOKEN = 4

_TELLING = (b"message_start", b"message_delta", b"message_stop", b"error")
_BYTES_AROUND = 120


class MessagesWholeGauge:
    """Watches a reply that is one JSON document."""

    fault: UpstreamError | None = None

    def __init__(self, provider: str, prompt_tokens: int) -> None:
        self._provider = provider
        self._prompt_tokens = prompt_tokens
        self.usage: Usage = NO_USAGE

    def watch(self, raw: bytes) -> bytes:
        """The document as it is. Raises UpstreamError where it is no answer."""
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise UpstreamFailed(f"{self._provider} answered with broken JSON.") from None
        if not isinstance(body, dict):
            raise UpstreamFailed(f"{self._provider} answered with JSON that is no object.")
        if not isinstance(body.get("content"), list):
            raise error_in(body, self._provider)
        self.usage = read_usage(merged({}, body.get("usage"))) or Usage(
            self._prompt_tokens, len(raw) // BYTES_PER_TOKEN, estimated=True
        )
        return raw

    def close(self) -> bytes:
        """Nothing is left over."""
        return b""


class MessagesStreamGauge:
    """Watches a reply that is a stream of events."""

    def __init__(self, provider: str, prompt_tokens: int) -> None:
        self._provider = provider
        self._prompt_tokens = prompt_tokens
        self._framer = Framer()
        self._held = b""
        self._begun = False
        self._known: dict[str, Any] = {}
        self._said = 0
        self._last = b""
        self._finished = False
        self._stopped = False
        self.fault: UpstreamError | None = None

    @property
    def usage(self) -> Usage:
        """What the provider reported, else an estimate from what was seen."""
        known = read_usage(self._known)
        if known is not None and self._finished:
            return known
        prompt = self._prompt_tokens if self._begun else 0
        tokens = self._said // BYTES_PER_TOKEN
        return Usage(known.prompt_tokens if known else prompt, tokens, estimated=True)

    def watch(self, raw: bytes) -> bytes:
        """The whole events so far. Where one of them is an error, what stood before it is given and
        `fault` is set. Raises UpstreamError where nothing stood before it."""
        try:
            whole = self._framer.feed(raw)
        except EventTooLong:
            raise self._too_long() from None
        if not self._begun and whole:
            if self._held:
                whole, self._held = self._held + whole, b""
            if b'"type"' not in whole.replace(b'"type": "ping"', b"").replace(
                b'"type":"ping"', b""
            ):
                # Pings and comments do not commit the attempt: an error may follow them.
                self._held = whole
                if len(whole) > MAX_EVENT:
                    raise self._too_long()
                return b""
        if any(word in whole for word in _TELLING):
            return self._read(whole)
        self._count(whole)
        return whole

    def close(self) -> bytes:
        """The last event, and the end mark where only that was left out. Raises StreamBroken where
        the stream was cut, UpstreamFailed where it never began."""
        tail = self._framer.close()
        if tail.strip():
            data = data_of(tail)
            if data is not None and _object(data) is not None:
                tail = self._read(tail + b"\n\n")
                if self.fault is not None:
                    raise self.fault
            elif not self._stopped and data is not None:
                raise self._broken("broke off in the middle of an event")
        if not self._begun:
            raise UpstreamFailed(f"{self._provider} closed the stream before its first event.")
        if self._stopped:
            return tail
        if self._finished:
            return tail + STOP
        raise self._broken("ended the stream without a stop reason", "upstream_truncated")

    def cut_short(self, call: Call) -> bytes:
        """What ends the stream where it stands, as at its greatest length."""
        if self._stopped:
            return b""
        if self._finished:
            return STOP
        usage, out = self.usage, b""
        index = _open_block(self._last)
        if index is not None:
            out = _event("content_block_stop", {"index": index})
        delta = {"stop_reason": "max_tokens", "stop_sequence": None}
        out += _event("message_delta", {"delta": delta, "usage": usage_object(usage)})
        return out + STOP

    def _read(self, whole: bytes) -> bytes:
        for begin, end in events(whole):
            event = whole[begin:end]
            if not any(word in event for word in _TELLING):
                self._count(event)
                continue
            value = _object(data_of(event) or b"")
            if value is None:
                continue
            kind = value.get("type")
            if kind == "error" or (kind is None and value.get("error")):
                error = error_in(value, self._provider)
                if not self._begun:
                    raise error
                self.fault = StreamBroken(error.message)
                return whole[:begin]
            self._note(kind, value)
        return whole

    def _note(self, kind: object, value: dict[str, Any]) -> None:
        self._begun = True
        if kind == "message_start":
            message = value.get("message")
            if isinstance(message, dict):
                self._known = merged(self._known, message.get("usage"))
        elif kind == "message_delta":
            self._known = merged(self._known, value.get("usage"))
            delta = value.get("delta")
            if isinstance(delta, dict) and delta.get("stop_reason"):
                self._finished = True
        elif kind == "message_stop":
            self._stopped = self._finished = True

    def _count(self, whole: bytes) -> None:
        if b"content_block" in whole:
            self._begun, self._last = True, whole
        elif b"data:" in whole:
            self._begun = self._begun or b'"ping"' not in whole
        else:
            return
        self._said += max(0, len(whole) - _BYTES_AROUND * whole.count(b"data:"))

    def _too_long(self) -> UpstreamError:
        if self._begun:
            return self._broken("sent an event of over 8 MiB")
        return UpstreamFailed(f"{self._provider} sent an event of over 8 MiB.")

    def _broken(self, how: str, code: str = "upstream_malformed") -> StreamBroken:
        error = StreamBroken(f"{self._provider} {how}; the answer is incomplete.")
        error.code = code
        return error


def _open_block(last: bytes) -> int | None:
    """The block that the last of these events leaves open."""
    found = [_object(data_of(last[begin:end]) or b"") or {} for begin, end in events(last)]
    told = [one for one in found if str(one.get("type")).startswith("content_block")]
    if not told or told[-1]["type"] == "content_block_stop":
        return None
    index = told[-1].get("index")
    return index if isinstance(index, int) else None


def _event(kind: str, value: dict[str, Any]) -> bytes:
    data = orjson.dumps({"type": kind, **value})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
