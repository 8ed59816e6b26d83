"""What the cache stage needs of the world, in memory; it remembers what it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from pipelines.cache_policy import CachePolicy
from pipelines.call import Call
from pipelines.events import Event, Flow
from pipelines.exchange import Exchange, Principal
from pipelines.recordings import Recordings
from pipelines.registry import DIALECTS
from pipelines.stages.cache import Cache
from tests.builders import Rest, a_principal, a_stream_call, an_exchange
from tests.fakes.ports import FakeClock

ON = CachePolicy(enabled=True)


class FakeSpawner:
    """Runs the work as tasks of the test's loop, and keeps them."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self.tasks.append(task)
        return task

    async def settled(self) -> None:
        """Return when every task has ended."""
        await asyncio.gather(*self.tasks, return_exceptions=True)


class FakeReplies:
    """Keeps values without a bound; `slow` turns of the loop pass before each answer."""

    def __init__(self, slow: int = 0) -> None:
        self.kept: dict[str, bytes] = {}
        self.ttls: dict[str, float] = {}
        self.asked: list[str] = []
        self._slow = slow

    async def get(self, key: str) -> bytes | None:
        self.asked.append(key)
        for _ in range(self._slow):
            await asyncio.sleep(0)
        return self.kept.get(key)

    async def many(self, keys: Sequence[str]) -> list[bytes | None]:
        return [await self.get(key) for key in keys]

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        self.kept[key], self.ttls[key] = value, ttl

    async def put_many(self, pairs: Sequence[tuple[str, bytes]], ttl: float) -> None:
        for key, value in pairs:
            await self.put(key, value, ttl)

    async def delete(self, keys: Sequence[str]) -> int:
        return sum(self.kept.pop(key, None) is not None for key in keys)

    async def flush(self) -> int:
        count = len(self.kept)
        self.kept.clear()
        return count

    async def ping(self) -> bool:
        return True


class FakePassage:
    """The run of a call, whose part behind the cache is this rest of a chain."""

    def __init__(self, rest: Callable[[], Flow]) -> None:
        self._rest = rest

    def apart(
        self, after: str, exchange: Exchange | None = None, around: tuple[Any, ...] = ()
    ) -> AbstractAsyncContextManager[Flow]:
        assert after == "cache"
        return self._run()

    @asynccontextmanager
    async def _run(self) -> Any:
        flow = self._rest()
        try:
            yield flow
        finally:
            await flow.aclose()


class World:
    """A cache stage, and what stands around it; every call of `asked` is one to the provider."""

    def __init__(self, policy: CachePolicy = ON, replies: FakeReplies | None = None) -> None:
        self.clock = FakeClock()
        self.spawner = FakeSpawner()
        self.replies = replies or FakeReplies()
        self.recordings = Recordings(policy)
        self.cache = Cache(
            policy, self.recordings, self.clock, DIALECTS, self.replies, self.spawner
        )

    def exchange(
        self,
        rest: Callable[[], Flow],
        call: Call | None = None,
        principal: Principal | None = None,
    ) -> Exchange:
        """A call that is past auth, with the rest of the chain behind the cache."""
        exchange = an_exchange(call or a_stream_call(), principal or a_principal())
        exchange.passage = FakePassage(rest)
        return exchange

    def flow(self, exchange: Exchange, rest: Callable[[], Flow]) -> Flow:
        """The call through the stage."""
        return self.cache(exchange, rest)

    async def answered(
        self,
        rest: Callable[[], Flow],
        call: Call | None = None,
        principal: Principal | None = None,
    ) -> tuple[Exchange, list[Event]]:
        """The call as it was answered, once nothing of it runs any more."""
        exchange = self.exchange(rest, call, principal)
        events = [event async for event in self.cache(exchange, rest)]
        await self.spawner.settled()
        return exchange, events


def asking(*steps: Any) -> Rest:
    """A provider that always says the same."""
    return Rest(steps)
