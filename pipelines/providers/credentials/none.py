"""The scheme of local servers: nothing is proved.

The rule: a provider whose secret is optional gets this scheme when no secret is set.
"""

from __future__ import annotations

from pipelines.upstream import UpstreamRequest


class NoCredential:
    """Signs nothing."""

    __slots__ = ()

    async def sign(self, request: UpstreamRequest) -> None:
        """Leave the request as it is."""
