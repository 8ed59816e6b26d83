"""The scheme of clouds whose bearer tokens run out: Google's and Microsoft's.

The rule: a token is fetched once however many ask, and renewed before it runs out; while the old
one is good nobody waits for the new one but the call that fetches it, and nobody sees it fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pipelines.errors import Denied, UpstreamError, UpstreamFailed
from pipelines.upstream import UpstreamRequest

# Google's metadata server gives the old token again until five minutes before its end.
EARLY = 225.0
AGAIN = 15.0


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; `lifetime` is how many seconds it is good for when it is given."""

    value: str = field(repr=False)
    lifetime: float


Fetch = Callable[[], Awaitable[Token]]


class TokenBearer:
    """Signs with a token of a token service; `now` gives seconds that only go forward."""

    __slots__ = ("_failure", "_fetch", "_header", "_lock", "_now", "_renew", "_until")

    def __init__(self, fetch: Fetch, now: Callable[[], float]) -> None:
        self._fetch = fetch
        self._now = now
        self._header = ""
        self._renew = self._until = float("-inf")
        self._lock = asyncio.Lock()
        self._failure: tuple[float, UpstreamError] | None = None

    async def sign(self, request: UpstreamRequest) -> None:
        """Set the Authorization header. Raises UpstreamError where there is no token."""
        asked = self._now()
        if asked >= self._renew and not (asked < self._until and self._lock.locked()):
            async with self._lock:
                await self._renewed(asked)
        request.headers["Authorization"] = self._header

    async def _renewed(self, asked: float) -> None:
        if self._now() < self._renew:
            return
        if self._failure is not None and self._failure[0] >= asked:
            # Those who waited for this very attempt share what became of it.
            raise _again(self._failure[1])
        try:
            token = await self._fetch()
        except UpstreamError as error:
            now = self._now()
            if now < self._until:
                self._renew = min(now + AGAIN, self._until)
                return
            self._failure = (now, error)
            raise
        now = self._now()
        self._header = f"Bearer {token.value}"
        self._until = now + token.lifetime
        self._renew = self._until - min(EARLY, token.lifetime / 4)


def _again(error: UpstreamError) -> UpstreamError:
    kind = Denied if isinstance(error, Denied) else UpstreamFailed
    return kind(error.message)
