"""Watches a generateContent reply that is passed on as it is.

The rule: bytes leave as they came, whole events at a time; a stream that ended without a finish
reason is broken.
"""

from __future__ import annotations

import re

import orjson

from pipelines.call import Call
from pipelines.dialects.gemini.faults import fault_in
from pipelines.dialects.gemini.usage import read_usage, usage_metadata
from pipelines.dialects.sse import EventTooLong, Framer, data_of, events
from pipelines.errors import StreamBroken, UpstreamError, UpstreamFailed
from pipelines.output import choices
from pipelines.usage import Usage

_END = re.compile(rb'"(?:finishReason|blockReason)"\s*:')
_USAGE = b'"usageMetadata"'
_ERROR = b'"error"'
_BYTES_PER_TOKEN = 4


class GeminiStreamGauge:
    """Watches a reply that is a stream of events."""

    def __init__(self, provider: str, prompt_tokens: int) -> None:
        self._provider = provider
        self._prompt_tokens = prompt_tokens
        self._framer = Framer()
        self._begun = False
        self._ended = False
        self._bytes = 0
        self._last = b""
        self.fault: UpstreamError | None = None

    @property
    def usage(self) -> Usage:
        """What the provider reported last, else an estimate from what was seen."""
        found = None
        for begin, end in events(self._last):
            data = data_of(self._last[begin:end])
            if data is not None:
                found = read_usage(_object(data).get("usageMetadata")) or found
        if found is not None:
            return found
        prompt = self._prompt_tokens if self._begun else 0
        return Usage(prompt, self._bytes // _BYTES_PER_TOKEN, estimated=True)

    def watch(self, raw: bytes) -> bytes:
        """The whole events so far. Where one of them is an error, what stood before it is given and
        `fault` is set. Raises UpstreamError where the very first event is an error."""
        try:
            whole = self._framer.feed(raw)
        except EventTooLong:
            raise StreamBroken(f"{self._provider} sent an event of over 8 MiB.") from None
        return self._seen(whole)

    def close(self) -> bytes:
        """The last event without its blank line. Raises StreamBroken where the stream was cut."""
        tail = self._framer.close()
        if tail.strip():
            data = data_of(tail)
            if data is None or not _object(data):
                raise StreamBroken(f"{self._provider} broke off in the middle of an event.")
            tail = self._seen(tail + b"\r\n\r\n")
        if self.fault is not None:
            raise self.fault
        if not self._begun:
            raise UpstreamFailed(f"{self._provider} closed the stream before its first event.")
        if not self._ended:
            error = StreamBroken(
                f"{self._provider} ended the stream without a finish reason; the answer is "
                "incomplete."
            )
            error.code = "upstream_truncated"
            raise error
        return tail

    def cut_short(self, call: Call) -> bytes:
        """What ends the stream where it stands, as at its greatest length."""
        if self._ended:
            return b""
        candidates = [
            {
                "content": {"parts": [{"text": ""}], "role": "model"},
                "finishReason": "MAX_TOKENS",
                "index": one,
            }
            for one in range(choices(call))
        ]
        last: dict[str, object] = {}
        for begin, end in events(self._last):
            last = _object(data_of(self._last[begin:end]) or b"") or last
        reply = {
            "candidates": candidates,
            "usageMetadata": usage_metadata(self.usage),
            "modelVersion": last.get("modelVersion") or call.model,
        }
        if "responseId" in last:
            reply["responseId"] = last["responseId"]
        return b"data: " + orjson.dumps(reply) + b"\r\n\r\n"

    def _seen(self, whole: bytes) -> bytes:
        if _ERROR in whole:
            whole = self._until_error(whole)
        if b"data:" not in whole:
            return whole
        self._begun = True
        self._bytes += len(whole)
        if _USAGE in whole:
            self._last = whole
        if not self._ended:
            self._ended = _END.search(whole) is not None
        return whole

    def _until_error(self, whole: bytes) -> bytes:
        for begin, end in events(whole):
            data = data_of(whole[begin:end])
            value = _object(data) if data is not None and _ERROR in data else {}
            if not value.get("error"):
                continue
            error = fault_in(value, self._provider)
            if not self._begun and b"data:" not in whole[:begin]:
                raise error
            self.fault = StreamBroken(error.message)
            return whole[:begin]
        return whole


class GeminiWholeGauge:
    """Watches a reply that is one JSON document."""

    fault: UpstreamError | None = None

    def __init__(self, provider: str, prompt_tokens: int) -> None:
        self._provider = provider
        self._prompt_tokens = prompt_tokens
        self.usage = Usage(estimated=True)

    def watch(self, raw: bytes) -> bytes:
        """The document as it is. Raises UpstreamError where it is no answer."""
        body = _object(raw)
        if body.get("error"):
            raise fault_in(body, self._provider)
        if body.keys().isdisjoint(("candidates", "promptFeedback", "usageMetadata")):
            raise UpstreamFailed(f"{self._provider} answered with something that is no answer.")
        reported = read_usage(body.get("usageMetadata"))
        estimate = Usage(self._prompt_tokens, len(raw) // _BYTES_PER_TOKEN, estimated=True)
        self.usage = reported or estimate
        return raw

    def close(self) -> bytes:
        """Nothing is left over."""
        return b""


def _object(data: bytes) -> dict[str, object]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
