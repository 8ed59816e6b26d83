"""The scheme of most providers: `Authorization: Bearer SECRET` (RFC 6750).

The rule: the secret is kept in the finished header's form and never shows in a repr.
"""

from __future__ import annotations

from pipelines.upstream import UpstreamRequest


class Bearer:
    """Signs with a bearer token."""

    __slots__ = ("_value",)

    def __init__(self, secret: str) -> None:
        self._value = f"Bearer {secret}"

    async def sign(self, request: UpstreamRequest) -> None:
        """Set the Authorization header."""
        request.headers["Authorization"] = self._value
