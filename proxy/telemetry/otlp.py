"""Hands spans of calls to whoever takes OTLP over HTTP.

The rule: the spans of a batch are written a few at a time, so that no call waits for all of them;
what is tried again is what OTLP allows: 429, 502, 503, 504 and what never arrived.
https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Mapping, Sequence

from pipelines.errors import Rejected, UpstreamFailed
from pipelines.record import Record
from proxy import __version__
from proxy.config.tracing import Receiver
from proxy.telemetry.otlp_wire import Span, Value, encode_request, encode_span, rejected

SCOPE = "headgate"

_SLICE = 8
_AGAIN = frozenset({502, 503, 504})

Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[bytes]]
Spans = Callable[[Record], list[Span]]


class Otlp:
    """Sends the spans that `spans` makes of records to one receiver, through `post`."""

    def __init__(self, receiver: Receiver, spans: Spans, post: Post) -> None:
        self._receiver = receiver
        self._spans = spans
        self._post = post
        self._headers = {"Content-Type": "application/x-protobuf", **receiver.headers}
        if receiver.compress:
            self._headers["Content-Encoding"] = "gzip"
        self._resource: dict[str, Value] = {
            "service.name": receiver.service,
            "service.version": __version__,
            **receiver.resource,
        }

    async def __call__(self, records: Sequence[Record]) -> int:
        """Send them; gives how many were not accepted. Raises UpstreamError."""
        written: list[bytes] = []
        for start in range(0, len(records), _SLICE):
            for record in records[start : start + _SLICE]:
                written += [encode_span(span) for span in self._spans(record)]
            await asyncio.sleep(0)
        body = encode_request(written, self._resource, SCOPE)
        if self._receiver.compress:
            body = await asyncio.to_thread(gzip.compress, body, 1)
        try:
            answer = await self._post(self._receiver.url, body, self._headers)
        except UpstreamFailed as error:
            if error.status in _AGAIN:
                raise
            raise Rejected(error.message, error.status) from None
        # It tells spans, and a record has more than one.
        return min(rejected(answer), len(records))
