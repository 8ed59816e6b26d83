"""The scheme of Azure, Anthropic and Gemini: the bare secret in a header of its own.

The rule: the secret never shows in a repr.
"""

from __future__ import annotations

from pipelines.upstream import UpstreamRequest


class Header:
    """Signs by putting the secret into the named header."""

    __slots__ = ("_name", "_secret")

    def __init__(self, name: str, secret: str) -> None:
        self._name = name
        self._secret = secret

    async def sign(self, request: UpstreamRequest) -> None:
        """Set the named header."""
        request.headers[self._name] = self._secret
