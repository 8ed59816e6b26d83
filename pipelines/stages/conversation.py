"""What a call of the Responses API goes on from, and what is kept of its reply.

The rule: a response belongs to whoever made it; it is kept before its last event is passed on, so
that whoever has seen its end can go on from it. Calls of other operations do not pass here at all.
"""

from __future__ import annotations

from random import Random
from typing import Any

import orjson

from pipelines.conversation import (
    PREVIOUS,
    Conversation,
    Kept,
    items_of,
    not_found,
    output_of,
    references_in,
    said_in,
    turns_to,
)
from pipelines.events import Flow, Proceed
from pipelines.exchange import Exchange
from pipelines.operations import RESPONSES
from pipelines.ports import ResponseStore


class Conversations:
    """Finds the turns before a Responses call, and keeps its reply unless `store` is false."""

    name = "conversation"
    needs = frozenset({"principal"})
    gives: frozenset[str] = frozenset()

    def __init__(self, store: ResponseStore | None, random: Random) -> None:
        self._store = store
        self._random = random

    def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """Raises BadCall where the earlier response is another caller's."""
        if self._store is None or exchange.call.operation is not RESPONSES:
            return proceed()
        return self._conversing(exchange, proceed, self._store)

    async def _conversing(self, exchange: Exchange, proceed: Proceed, store: ResponseStore) -> Flow:
        body, owner = exchange.call.json, exchange.principal.owner
        told = Conversation(f"{self._random.getrandbits(192):048x}", body.get("store") is not False)
        previous = body.get(PREVIOUS)
        if isinstance(previous, str) and previous:
            await _recall(previous, owner, told, store)
        for id, response in references_in(body.get("input")):
            told.referred |= await _referred(id, response, owner, store)
        exchange.call = exchange.call.within(told)
        kept = False
        async for event in proceed():
            if told.final is not None and not kept:
                kept = True
                await _keep(told, body.get("input"), previous, owner, store)
            yield event


async def _recall(id: str, owner: str, told: Conversation, store: ResponseStore) -> None:
    kept = await store.get(id)
    if kept is None:
        return
    if kept.owner != owner:
        raise not_found(id)
    told.knower = kept.maker
    turns, whole = await turns_to(kept, store.get)
    told.size = sum(len(one.input) + len(one.response) for one in turns)
    if whole:
        told.earlier = said_in(turns)


async def _referred(
    id: str, response: str, owner: str, store: ResponseStore
) -> dict[str, dict[str, Any]]:
    kept = await store.get(response)
    if kept is None or kept.owner != owner:
        return {}
    return {one["id"]: one for one in output_of(kept) if one.get("id") == id}


async def _keep(
    told: Conversation, said: object, previous: object, owner: str, store: ResponseStore
) -> None:
    final = told.final
    id = None if final is None else final.get("id")
    if not told.keeps or not isinstance(id, str) or not id:
        return
    try:
        own, response = orjson.dumps(items_of(said)), orjson.dumps(final)
    except orjson.JSONEncodeError:
        # It nests deeper than can be written; the client has it all the same.
        return
    before = previous if isinstance(previous, str) else ""
    await store.put(Kept(id, owner, before, told.maker, own, response))
