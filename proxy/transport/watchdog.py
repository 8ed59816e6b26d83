"""Time limits for one wait after another, at the price of one timer a connection.

The rule: a wait is bounded only while it lasts; between two waits nothing can be interrupted.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Watchdog:
    """Interrupts the current task when a wait lasts too long; times are the loop's, in seconds.

    Use it as a context manager around one await at a time, after `until` has said how long. The
    timer is set when it is first needed, looks at the clock when it fires, and goes on from there.
    """

    __slots__ = ("_armed", "_asked", "_bitten", "_loop", "_task", "_timer", "_waiting", "deadline")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed = 0.0
        self.deadline = 0.0
        self._asked = 0
        self._waiting = False
        self._bitten = False

    def until(self, deadline: float) -> Watchdog:
        """Bound the next wait by this moment."""
        self.deadline = deadline
        return self

    def within(self, seconds: float) -> Watchdog:
        """Bound the next wait by this many seconds from now."""
        self.deadline = self._loop.time() + seconds
        return self

    def __enter__(self) -> None:
        # The task may change between two waits: whoever waits now is the one to be interrupted.
        self._task = task = asyncio.current_task(self._loop)
        self._asked = task.cancelling() if task is not None else 0
        self._waiting = True
        if self._timer is None or self._armed > self.deadline:
            self._arm()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._waiting = False
        if self._bitten:
            self._bitten = False
            task = self._task
            if (
                task is not None
                and task.uncancel() <= self._asked
                and kind is asyncio.CancelledError
            ):
                raise TimeoutError

    def close(self) -> None:
        """Put the timer away."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # The handle is not asked for its moment: uvloop's has none where it is due at once.
        self._armed = self.deadline
        self._timer = self._loop.call_at(self.deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._waiting or self._task is None:
            return
        if self._loop.time() < self.deadline:
            self._arm()
        else:
            self._bitten = True
            self._task.cancel()
