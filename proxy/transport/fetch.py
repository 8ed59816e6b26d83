"""Reads small documents from addresses that the operator wrote down.

The rule: the address comes from the configuration and never from a call; redirects are not
followed, and both time and size are bounded.
"""

from __future__ import annotations

from pipelines.errors import UpstreamFailed
from pipelines.ports import Transport
from pipelines.upstream import UpstreamRequest

PATIENCE = 5.0
MOST = 1_048_576


class Fetch:
    """Gets the body behind an address."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def __call__(self, url: str) -> bytes:
        """The whole body. Raises UpstreamError."""
        request = UpstreamRequest(
            url=url,
            headers={"Accept": "application/json"},
            body=b"",
            pool="documents",
            dialect="",
            streaming=False,
            first_byte=PATIENCE,
            idle=PATIENCE,
            method="GET",
        )
        async with self._transport.open(request) as reply:
            if reply.status != 200:
                raise UpstreamFailed(f"A document was answered with {reply.status}.")
            return await reply.body(MOST)
