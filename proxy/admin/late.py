"""Loads the admin API when it is called for the first time.

The rule: a gateway that nobody administers carries none of it; it is loaded beside the loop, so
that calls to models go on, and once loaded it answers as if it had always been there.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from starlette.routing import BaseRoute, Match, Router

from proxy.admin.session import Backing
from proxy.http.asgi import Receive, Scope, Send

# Every address of the admin API is one of these, or lies below it.
ROOTS = (
    "/access_group",
    "/audit",
    "/budget",
    "/cache",
    "/cost",
    "/customer",
    "/docs",
    "/end_user",
    "/global",
    "/key",
    "/model",
    "/model_group",
    "/openapi.json",
    "/organization",
    "/route",
    "/spend",
    "/tag",
    "/team",
    "/user",
    "/v1/model",
    "/v2/key",
    "/v2/model",
    "/v2/team",
    "/v2/user",
)
_OURS = re.compile(f"(?:{'|'.join(map(re.escape, ROOTS))})(?:/.*)?", re.DOTALL)


class LateAdmin(BaseRoute):
    """The whole admin API as one route; `current` is the generation that serves now."""

    def __init__(self, current: Callable[[], Backing]) -> None:
        self._current = current
        self._router: Router | None = None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the address is the admin API's."""
        ours = scope["type"] == "http" and _OURS.fullmatch(scope["path"]) is not None
        return (Match.FULL if ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call; the first one loads what is needed."""
        if self._router is None:
            self._router = await asyncio.to_thread(_loaded, self._current)
        await self._router(scope, receive, send)


def _loaded(current: Callable[[], Backing]) -> Router:
    from proxy.admin.table import routes

    return Router(routes(current), redirect_slashes=False)
