"""Whether a store that may be gone is worth asking now.

The rule: a store that failed several times in a row is not asked again until it has answered one
who looks after it from outside all calls; each change of state is one line of the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from proxy.background import Background
from proxy.telemetry.logging import get_logger

FAILURES = 5
ANSWERS_WITHIN = 1.0
LOOKS_EVERY = 0.5
LONGEST_WAIT = 5.0


class Watch:
    """Starts closed, and is `up` once the store has answered `ask`, which raises what is among
    `failures` where it does not; `name` is what the log calls the store."""

    def __init__(
        self,
        name: str,
        ask: Callable[[], Awaitable[object]],
        failures: tuple[type[BaseException], ...],
        background: Background,
    ) -> None:
        self.up = False
        self._name = name
        self._ask = ask
        self._failures = failures
        self._background = background
        self._in_a_row = 0
        self._told_down = False
        self._looking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Look once; if it does not answer, go on looking."""
        await self._look()
        if not self.up:
            self.look()

    def look(self) -> None:
        """Look for the store until it answers, beside everything else."""
        if self._looking is None:
            self._looking = self._background.spawn(
                self._looks(), f"look for {self._name}", shared=True
            )

    def failed(self, error: BaseException) -> None:
        """Count a failure; the last of several in a row closes the store."""
        self._in_a_row += 1
        if self._in_a_row >= FAILURES and self.up:
            self._down(error)
            self.look()

    def went_well(self) -> None:
        """Forget the failures."""
        if self._in_a_row:
            self._in_a_row = 0

    def close(self) -> None:
        """Look no more."""
        self.up = False
        if self._looking is not None:
            self._looking.cancel()

    async def _looks(self) -> None:
        wait = LOOKS_EVERY
        try:
            while not self.up:
                await asyncio.sleep(wait)
                await self._look()
                wait = min(LONGEST_WAIT, 2 * wait)
        finally:
            self._looking = None

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                await self._ask()
        except self._failures as error:
            self._down(error)
            return
        self._in_a_row = 0
        self.up = True
        if self._told_down:
            self._told_down = False
            get_logger(__name__).info(f"{self._name} answers again")

    def _down(self, error: BaseException) -> None:
        self.up = False
        if not self._told_down:
            self._told_down = True
            # What the library says may hold an address with a password.
            get_logger(__name__).warning(
                f"{self._name} does not answer; the gateway goes on without it",
                error=type(error).__name__,
            )
