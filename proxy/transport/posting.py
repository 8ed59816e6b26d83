"""Hands documents over to receivers that the operator named.

The rule: a redirect is no answer, both time and size are bounded, and what went wrong is told
without the address, which may hold a secret.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.dialects.upstream_errors import retry_after
from pipelines.errors import Denied, Overloaded, Rejected, UpstreamFailed
from pipelines.events import Headers
from pipelines.ports import Transport
from pipelines.upstream import UpstreamRequest

PATIENCE = 10.0
MOST = 65_536


class Posting:
    """Sends bodies to one kind of receiver, whose `name` is told in errors; it shares connections
    with all others of this name."""

    def __init__(self, transport: Transport, name: str) -> None:
        self._transport = transport
        self._name = name

    async def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], method: str = "POST"
    ) -> bytes:
        """The answer to a body that was accepted (2xx). Raises Overloaded and UpstreamFailed where
        it may be sent again, Denied and Rejected where that is of no use, and what the transport
        raises."""
        request = UpstreamRequest(
            url=url,
            headers=dict(headers),
            body=body,
            pool=self._name,
            dialect="",
            streaming=False,
            first_byte=PATIENCE,
            idle=PATIENCE,
            method=method,
        )
        async with self._transport.open(request) as reply:
            if 200 <= reply.status < 300:
                return await reply.body(MOST)
            raise self._failure(reply.status, reply.headers)

    def _failure(self, status: int, headers: Headers) -> Exception:
        words = f"{self._name} answered with {status}."
        if status in (401, 403):
            return Denied(words)
        if status in (408, 425, 429, 503):
            return Overloaded(words, status, retry_after(headers))
        if 300 <= status < 500:
            return Rejected(words, status)
        return UpstreamFailed(words, status)
