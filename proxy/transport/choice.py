"""Which transport carries a request.

The rule: the address decides, by its scheme; everything without one of its own goes over HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from pipelines.ports import Transport, UpstreamReply
from pipelines.upstream import UpstreamRequest


class SchemeTransport:
    """Hands a request to the transport of its scheme."""

    def __init__(self, http: Transport, others: Mapping[str, Transport]) -> None:
        self._http = http
        self._others = others

    def open(self, request: UpstreamRequest) -> AbstractAsyncContextManager[UpstreamReply]:
        """Send, and wait for the head."""
        if request.url.startswith("http"):
            return self._http.open(request)
        scheme, _, _ = request.url.partition(":")
        return self._others.get(scheme, self._http).open(request)
