"""The faulty provider on a thread of its own, so that it outlives the loops of single tests.

The rule: a test only reads what the provider remembers; the provider's loop is the thread's.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from tests.e2e.gateway import soon
from tests.fakes.upstream import FaultyUpstream, Gone
from tests.fakes.wire import Received

BOTH = tuple[FaultyUpstream, asyncio.AbstractEventLoop, asyncio.Event]


class Provider:
    """What a test may ask of the provider."""

    def __init__(self, upstream: FaultyUpstream) -> None:
        self.upstream = upstream

    @property
    def url(self) -> str:
        """The address for `api_base`."""
        return self.upstream.url

    def asked(self, model: str, count: int = 1) -> list[Received]:
        """The requests for a model, once there are so many."""

        def found() -> list[Received]:
            requests = [one for one in self.upstream.requests if one.model == model]
            return requests if len(requests) >= count else []

        asked = soon(found) or []
        assert len(asked) == count, f"{len(asked)} requests for {model!r}"
        return asked

    def never_asked(self, model: str) -> bool:
        """Whether nobody has asked for the model."""
        return all(one.model != model for one in self.upstream.requests)

    def left(self, model: str) -> Gone:
        """How the gateway left the one call of a model, once it did; times are monotonic."""
        found = soon(lambda: [one for one in self.upstream.closed if one.model == model]) or []
        assert len(found) == 1, f"{len(found)} calls of {model!r} were left"
        return found[0]


@contextmanager
def provider_thread() -> Iterator[Provider]:
    """A provider that runs inside the block."""
    ready: Future[BOTH] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        async with FaultyUpstream() as upstream:
            ready.set_result((upstream, asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve(), debug=False), name="provider")
    thread.start()
    upstream, loop, stop = ready.result(5)
    try:
        yield Provider(upstream)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
    assert not thread.is_alive()
