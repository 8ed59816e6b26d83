"""Reads and sends small documents, at addresses that the operator wrote down.

The rule: the address comes from the configuration and never from a call; redirects are not
followed, and both time and size are bounded.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.errors import UpstreamFailed
from pipelines.ports import Transport
from pipelines.upstream import UpstreamRequest

PATIENCE = 5.0
MOST = 1_048_576


class Fetch:
    """Gets the body behind an address, or sends one there."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def __call__(self, url: str) -> bytes:
        """The whole body. Raises UpstreamError."""
        request = _request("GET", url, b"", {"Accept": "application/json"})
        async with self._transport.open(request) as reply:
            if reply.status != 200:
                raise UpstreamFailed(f"A document was answered with {reply.status}.")
            return await reply.body(MOST)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a document of JSON. Raises UpstreamError where it was not accepted (2xx)."""
        sent = {"Content-Type": "application/json", **headers}
        async with self._transport.open(_request("POST", url, body, sent)) as reply:
            if not 200 <= reply.status < 300:
                raise UpstreamFailed(f"A document was answered with {reply.status}.")


def _request(method: str, url: str, body: bytes, headers: dict[str, str]) -> UpstreamRequest:
    return UpstreamRequest(
        url=url,
        headers=headers,
        body=body,
        pool="documents",
        dialect="",
        streaming=False,
        first_byte=PATIENCE,
        idle=PATIENCE,
        method=method,
    )
