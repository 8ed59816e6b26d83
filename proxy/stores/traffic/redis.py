"""Tells other processes through Redis what this one counts, and hears what they count.

The rule: no call waits for it; a Redis that is gone leaves each process with its own figures, and
nobody is told but the log.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from pipelines.clock import Clock
from pipelines.routing.health import Health
from pipelines.routing.routes import Routes
from pipelines.routing.traffic import MINUTE, Seen, Traffic
from proxy.background import Background
from proxy.config.redis import RedisPlace
from proxy.stores.redis_clients import close_client, redis_client, redis_failures
from proxy.stores.traffic.peers import Figures, Peers, packed
from proxy.stores.watch import Watch

# One key, for all that one command reads must lie in one node of a cluster.
KEY = "{headgate}:traffic:1"
EVERY = 0.2
# Nobody waits for an answer, so it may be slower than where a call does.
DEADLINE = 0.2
# Older figures of others are worse than none.
STALE = 2.0
KEPT = 120


@dataclass(frozen=True, slots=True)
class Known:
    """What one process knows of its deployments."""

    traffic: Traffic
    health: Health
    routes: Routes


class SharedTraffic:
    """Keeps the figures of this process and of all others beside each other. Raises NoRedis where
    there can be no client."""

    def __init__(
        self, place: RedisPlace, known: Known, clock: Clock, background: Background
    ) -> None:
        self._client = redis_client(place)
        self._failures = redis_failures()
        self._traffic, self._health, self._routes = known.traffic, known.health, known.routes
        self._clock = clock
        self._me = uuid4().hex
        self._peers = Peers()
        self._beat = 0
        self._news = asyncio.Event()
        self._watch = Watch("the traffic in Redis", self._exchange, self._failures, background)
        self._heard_at = 0.0

    async def run(self) -> None:
        """Tell and hear again and again, and at once when a rest begins; runs until cancelled."""
        self._health.tell(lambda *_: self._news.set())
        await self._watch.open()
        while True:
            await self.once()
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._news.wait()
            self._news.clear()

    @property
    def up(self) -> bool:
        """Whether Redis answers."""
        return self._watch.up

    async def once(self) -> None:
        """Tell and hear, if Redis answers; figures of others that grew too old are forgotten."""
        if self._watch.up:
            try:
                async with asyncio.timeout(DEADLINE):
                    await self._exchange()
                self._watch.went_well()
            except self._failures as error:
                self._watch.failed(error)
        if self._clock.monotonic() > self._heard_at + STALE:
            self._traffic.heard({}, self._clock.time())

    async def close(self) -> None:
        """Tell the others that no calls run here any more, and close the connections."""
        if self._watch.up:
            with suppress(*self._failures):
                async with asyncio.timeout(DEADLINE):
                    await self._client.hset(KEY, self._me, self._told(leaving=True))
        self._watch.close()
        await close_client(self._client)

    async def _exchange(self) -> None:
        async with self._client.pipeline(transaction=False) as batch:
            batch.hset(KEY, self._me, self._told())
            batch.expire(KEY, KEPT)
            batch.hgetall(KEY)
            told: dict[bytes, bytes] = (await batch.execute())[-1]
        told.pop(self._me.encode(), None)
        now, at = self._clock.monotonic(), self._clock.time()
        gone = self._peers.hear(told, now)
        self._traffic.heard(self._peers.seen(int(at // MINUTE), now), at)
        known = frozenset([one.id for one in self._routes.deployments])
        self._health.heard(self._peers.rests(known), self._peers.over(known), at)
        self._heard_at = now
        if gone:
            await self._client.hdel(KEY, *gone)

    def _told(self, leaving: bool = False) -> bytes:
        now = self._clock.time()
        seen = self._traffic.own(now)
        if leaving:
            seen = {id: Seen(0, one.requests, one.tokens) for id, one in seen.items()}
        self._beat += 1
        rests, over = self._health.rests(now), self._health.over(now)
        return packed(Figures(int(now // MINUTE), seen, rests, over), self._beat)
