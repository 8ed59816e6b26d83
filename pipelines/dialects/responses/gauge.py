"""Watches Responses replies that are passed on as they are.

The rule: bytes leave as they came; the first events, which say nothing, are held back until one
that does proves the reply, and a stream without `response.completed` or `.incomplete` is broken.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.conversation import Conversation
from pipelines.dialects.bridge import BYTES_PER_TOKEN
from pipelines.dialects.responses.ending import Ending
from pipelines.dialects.responses.reader import ENDS, failure, usage_of
from pipelines.dialects.responses.writer import response_object
from pipelines.dialects.sse import MAX_EVENT, EventTooLong, Framer, data_of, events
from pipelines.errors import (
    GatewayError,
    Overloaded,
    Rejected,
    StreamBroken,
    UpstreamError,
    UpstreamFailed,
)
from pipelines.usage import NO_USAGE, Usage

_EMPTY = frozenset({"response.created", "response.in_progress", "response.queued"})
_NOTABLE = re.compile(rb"response\.(?:completed|incomplete|failed)|(?:^|\n)event: ?error|\"error\"")


class ResponsesWholeGauge:
    """Watches a reply that is one JSON document."""

    fault: UpstreamError | None = None

    def __init__(
        self,
        provider: str,
        prompt_tokens: int,
        told: Conversation | None = None,
        maker: str = "",
    ) -> None:
        self._told = told
        self._maker = maker
        self._provider = provider
        self._prompt_tokens = prompt_tokens
        self.usage: Usage = NO_USAGE

    def watch(self, raw: bytes) -> bytes:
        """The document as it is. Raises UpstreamError where it is no answer."""
        body = _object(raw)
        if body is None:
            raise UpstreamFailed(
                f"{self._provider} answered with something that is no JSON object."
            )
        if body.get("error") or not isinstance(body.get("output"), list):
            raise failure(body, self._provider)
        estimate = Usage(self._prompt_tokens, len(raw) // BYTES_PER_TOKEN, estimated=True)
        self.usage = usage_of(body) or estimate
        if self._told is not None:
            _tell(self._told, body, self._maker)
        return raw

    def close(self) -> bytes:
        """Nothing is left over."""
        return b""


class ResponsesStreamGauge:
    """Watches a reply that is a stream of events; `keeps` all of it where it may be cut short."""

    def __init__(
        self,
        provider: str,
        prompt_tokens: int,
        told: Conversation | None = None,
        maker: str = "",
        keeps: bool = False,
    ) -> None:
        self._told = told
        self._maker = maker
        self._provider = provider
        self._prompt_tokens = prompt_tokens
        self._framer = Framer()
        self._held = b""
        self._begun = False
        self._ended = False
        self._events = 0
        self._reported: Usage | None = None
        self._passed: deque[bytes] = deque(maxlen=None if keeps else 1)
        self._first: dict[str, Any] = {}
        self.fault: UpstreamError | None = None
        if told is not None:
            told.fails = self.failed

    @property
    def usage(self) -> Usage:
        """What the provider reported, else an estimate: most send one token an event."""
        if self._reported is not None:
            return self._reported
        return Usage(self._prompt_tokens if self._begun else 0, self._events, estimated=True)

    def watch(self, raw: bytes) -> bytes:
        """The whole events so far. Where one of them is an error, what stood before it is given and
        `fault` is set. Raises UpstreamError where nothing was said before the error."""
        try:
            seen = self._seen(self._framer.feed(raw))
        except EventTooLong:
            raise StreamBroken(f"{self._provider} sent an event of over 8 MiB.") from None
        if seen:
            self._passed.append(seen)
        return seen

    def close(self) -> bytes:
        """The last event. Raises StreamBroken where the stream was cut."""
        tail = self._framer.close()
        value = _object(data_of(tail) or b"")
        out = self._seen(tail + b"\n\n") if value is not None else b""
        if self.fault is not None:
            raise self.fault
        if self._ended:
            return out
        if not self._begun:
            raise UpstreamFailed(f"{self._provider} closed the stream before it said anything.")
        error = StreamBroken(
            f"{self._provider} ended the stream before the response was completed; the answer is "
            "incomplete."
        )
        error.code = "upstream_truncated"
        raise error

    def failed(self, error: GatewayError) -> bytes:
        """The event that ends the stream which broke, after the last one that was passed on."""
        number = -1
        for value in _values(list(self._passed)[-1:]):
            found = value.get("sequence_number")
            number = found if isinstance(found, int) else number
        return failed_event(error, self._first, number + 1)

    def cut_short(self, call: Call) -> bytes:
        """What ends the stream where it stands, as at its greatest length."""
        if self._ended:
            return b""
        ending = Ending(_values(self._passed))
        out = ending.incomplete(self.usage)
        if self._told is not None:
            # The provider was left, and need not know this response.
            self._told.maker, self._told.final = "", ending.response
        return out

    def _seen(self, whole: bytes) -> bytes:
        if self._begun:
            self._events += whole.count(b".delta\n") + whole.count(b".delta\r")
            return self._until_error(whole) if _NOTABLE.search(whole) else whole
        self._held += whole
        if len(self._held) > MAX_EVENT:
            raise UpstreamFailed(f"{self._provider} sent over 8 MiB that say nothing.")
        for begin, end in events(whole):
            value = _object(data_of(whole[begin:end]) or b"")
            if value is not None and str(value.get("type")) not in _EMPTY:
                error = self._error(value)
                if error is not None:
                    raise error
                held, self._held, self._begun = self._held, b"", True
                self._first = _first(held)
                return self._until_error(held)
        return b""

    def _until_error(self, whole: bytes) -> bytes:
        for begin, end in events(whole):
            event = whole[begin:end]
            value = _object(data_of(event) or b"") if _NOTABLE.search(event) else None
            if value is None:
                continue
            error = self._error(value)
            if error is not None:
                self.fault = StreamBroken(error.message)
                if isinstance(error, Rejected | Overloaded) and error.code:
                    # Codex tries again or gives up by it.
                    self.fault.code = error.code
                return whole[:begin]
            if value.get("type") in ENDS and isinstance(value.get("response"), dict):
                self._ended = True
                self._reported = usage_of(value["response"]) or self._reported
                if self._told is not None:
                    _tell(self._told, value["response"], self._maker)
        return whole

    def _error(self, value: dict[str, Any]) -> UpstreamError | None:
        if value.get("type") == "response.failed":
            response = value.get("response")
            return failure(response if isinstance(response, dict) else {}, self._provider)
        if value.get("type") == "error" or value.get("error"):
            return failure(value, self._provider)
        return None


def failed_event(error: GatewayError, response: Mapping[str, Any], number: int) -> bytes:
    """`response.failed` for a response that had begun like this."""
    begun = response or response_object({}, "resp_failed", "", 0)
    told = {"code": error.code or "server_error", "message": error.message}
    failed = {**begun, "status": "failed", "error": told}
    event = {"type": "response.failed", "sequence_number": number, "response": failed}
    return b"event: response.failed\ndata: " + orjson.dumps(event) + b"\n\n"


def _values(pieces: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for whole in pieces:
        for begin, end in events(whole):
            value = _object(data_of(whole[begin:end]) or b"")
            if value is not None:
                yield value


def _first(held: bytes) -> dict[str, Any]:
    """The response as it had begun, where the first events tell it."""
    for value in _values([held]):
        if isinstance(value.get("response"), dict):
            return dict(value["response"])
    return {}


def _tell(told: Conversation, response: dict[str, Any], maker: str) -> None:
    told.maker = maker if response.get("store") is True else ""
    told.final = response


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
