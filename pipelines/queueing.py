"""Who waits for money that other calls hold and may give back.

The rule: of those who wait for one account the first alone asks the ledger again; the next is woken
when it was let in or has given up, and all of them where there is nothing left to wait for.
"""

from __future__ import annotations

import asyncio

from pipelines.clock import Clock

SOONEST = 0.05
LATEST = 0.5
SLOWER = 1.5


class Ticket:
    """The place of one call in the line for an account; `until` is in monotonic seconds."""

    __slots__ = ("account", "pause", "seen", "turn", "until")

    def __init__(self, account: str, until: float) -> None:
        self.account = account
        self.until = until
        self.pause = SOONEST
        self.seen: tuple[int, int] | None = None
        self.turn = asyncio.Event()


class Queue:
    """The lines of this process, one an account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: dict[str, dict[Ticket, None]] = {}

    def enter(self, account: str, until: float) -> Ticket:
        """A place at the end of the line, until then (monotonic seconds)."""
        ticket = Ticket(account, until)
        self._lines.setdefault(account, {})[ticket] = None
        return ticket

    async def turn(self, ticket: Ticket, spent: int, held: int) -> None:
        """Wait until it is worth asking again, after an answer that told these sums in
        nano-dollars."""
        line = self._lines[ticket.account]
        ticket.turn.clear()
        if next(iter(line)) is not ticket:
            await ticket.turn.wait()
            return
        moved = ticket.seen != (spent, held)
        ticket.seen = (spent, held)
        ticket.pause = SOONEST if moved else min(LATEST, ticket.pause * SLOWER)
        left = ticket.until - self._clock.monotonic()
        await self._clock.sleep(max(0.001, min(ticket.pause, left)))
        self._wake_late(line)

    def leave(self, ticket: Ticket, hopeless: bool = False) -> None:
        """Give the place up; `hopeless` where what is spent already leaves too little."""
        line = self._lines[ticket.account]
        del line[ticket]
        if not line:
            del self._lines[ticket.account]
        elif hopeless:
            for one in line:
                one.turn.set()
        else:
            next(iter(line)).turn.set()

    def _wake_late(self, line: dict[Ticket, None]) -> None:
        now = self._clock.monotonic()
        for one in line:
            if one.until <= now:
                one.turn.set()
