"""The scheme of those who take the secret as a parameter of the address, such as `?key=SECRET`.

The rule: the secret is put there directly before the request is sent; an address is never part of a
repr, a log line or an error.
"""

from __future__ import annotations

from urllib.parse import quote

from pipelines.upstream import UpstreamRequest


class Query:
    """Signs by putting the secret into the named parameter."""

    __slots__ = ("_name", "_secret")

    def __init__(self, name: str, secret: str) -> None:
        self._name = name
        self._secret = secret

    async def sign(self, request: UpstreamRequest) -> None:
        """Add the parameter to the address."""
        mark = "&" if "?" in request.url else "?"
        request.url += f"{mark}{self._name}={quote(self._secret, safe='')}"
