"""The one place that creates tasks.

The rule: a task is kept until it ends, what kills it is logged, and all of them end at shutdown.
This is one of the places where any exception is caught.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from proxy.telemetry.logging import get_logger

# So long after its death, in seconds, work that never ends by itself is begun again.
PAUSE = 5.0


class Background:
    """Owns the tasks that no request waits for."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that runs now, asked for once: on Python 3.11 that costs a system call."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def spawn(
        self, work: Coroutine[Any, Any, None], name: str, shared: bool = False
    ) -> asyncio.Task[None]:
        """Run the work beside everything else; its failure is logged under its name. `shared`: it
        is nobody's own, whoever asks for it first."""
        # Nothing is wrapped around the work: cancelled before its first step, it would never run.
        context = Context() if shared else None
        task = self.loop.create_task(work, name=name, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def keep(self, begin: Callable[[], Coroutine[Any, Any, None]], name: str) -> asyncio.Task[None]:
        """Run work that has no end; where something unforeseen ends it all the same, that is
        logged under its name, and it is begun again."""
        return self.spawn(self._again(begin, name), name)

    async def _again(self, begin: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        while True:
            try:
                await begin()
                return
            except Exception:
                get_logger(__name__).exception(
                    "background task died, and is begun again", task=name
                )
            await asyncio.sleep(PAUSE)

    @property
    def running(self) -> int:
        """How many tasks have not ended."""
        return len(self._tasks)

    async def close(self, within: float = 5.0) -> None:
        """Give the tasks `within` seconds to end, then cancel them."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=within)
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger = get_logger(__name__)
            logger.error("background task died", task=task.get_name(), exc_info=error)
