"""The responses that are kept: read, listed and deleted by those who made them.

The rule: another caller's response is answered as one that does not exist.
Source: https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pipelines.conversation import Kept, input_of, turns_to
from pipelines.errors import BadCall, GatewayError, UnknownResponse
from pipelines.ports import ResponseStore
from proxy.http.models import find_principal
from proxy.http.plain import JsonReply, error_reply
from proxy.runtime import Runtime

MOST = 100
USUAL = 20


class Responses:
    """Answers for one kept response."""

    def __init__(self, current: Callable[[], Runtime]) -> None:
        self._current = current

    async def one(self, request: Request) -> Response:
        """Give the response, or delete it."""
        try:
            store, kept = await self._kept(request)
            if request.method == "DELETE":
                await store.delete(kept.id)
                return JsonReply({"id": kept.id, "object": "response", "deleted": True})
            if request.query_params.get("stream") == "true":
                raise BadCall("A kept response is not streamed; ask without 'stream'.", "stream")
            return Response(kept.response, media_type="application/json")
        except GatewayError as error:
            return error_reply(error)

    async def input_items(self, request: Request) -> Response:
        """List what the response was made from, the newest first unless told otherwise."""
        try:
            store, kept = await self._kept(request)
            turns, _ = await turns_to(kept, store.get)
            return JsonReply(_page(input_of(turns), request))
        except GatewayError as error:
            return error_reply(error)

    async def _kept(self, request: Request) -> tuple[ResponseStore, Kept]:
        runtime = self._current()
        principal = await find_principal(runtime, request)
        id, store = request.path_params["id"], runtime.responses
        kept = None if store is None else await store.get(id)
        if store is None or kept is None or kept.owner != principal.owner:
            raise UnknownResponse(id)
        return store, kept


def _page(items: list[dict[str, Any]], request: Request) -> dict[str, object]:
    asked = request.query_params
    limit = _limit(asked.get("limit"))
    if asked.get("order") != "asc":
        items.reverse()
    after = asked.get("after")
    if after:
        known = [at for at, one in enumerate(items) if one.get("id") == after]
        if not known:
            raise BadCall(f"No item has the id {after[:200]!r}.", "after")
        items = items[known[0] + 1 :]
    shown = items[:limit]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0].get("id") if shown else None,
        "last_id": shown[-1].get("id") if shown else None,
        "has_more": len(items) > limit,
    }


def _limit(value: str | None) -> int:
    if value is None:
        return USUAL
    if not value.isascii() or not value.isdigit() or not 0 < int(value[:9]) <= MOST:
        raise BadCall(f"The parameter 'limit' must be a number from 1 to {MOST}.", "limit")
    return int(value)
