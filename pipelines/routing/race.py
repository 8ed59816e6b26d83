"""Two deployments for one call, of which the first to speak serves it.

The rule: each runs in a task and on an exchange of its own, holds its own money and settles it at
its own end; the client's exchange shows the one that serves, and lists the other.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.clock import Clock
from pipelines.costs import account
from pipelines.errors import GatewayError, ShuttingDown, Unsupported, UpstreamError
from pipelines.events import Data, End, Event, Head
from pipelines.exchange import Attempt, Exchange, Outlives
from pipelines.prompt_bound import measured
from pipelines.pump import Running, Spawn
from pipelines.routing.attempts import Attempts
from pipelines.routing.deadline import Deadline
from pipelines.routing.hedging import Hedging
from pipelines.routing.traffic import Traffic
from pipelines.routing.tries import Tries
from pipelines.usage import Usage

STAGE = "route"
# How many events of a lane may wait to be read.
AHEAD = 4
BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Track:
    """What all races are run with."""

    spawn: Spawn
    clock: Clock
    books: Attempts
    hedging: Hedging
    traffic: Traffic

    def race(self, exchange: Exchange, tries: Tries, deadline: Deadline) -> Race | None:
        """The race that begins with the exchange's last attempt; None where it runs alone."""
        members = tries.members
        if len(members) < 2 or exchange.passage is None:
            return None
        streaming = exchange.call.streaming
        delay = self.hedging.delay(self.traffic, [one.id for one in members], streaming)
        return None if delay is None else Race(self, exchange, tries, deadline, delay)


class Lane:
    """One of those who run; `spoke` says that its reply has begun, `ended` that it is whole."""

    __slots__ = (
        "_begun",
        "_events",
        "_over",
        "_seen",
        "_space",
        "_spoke",
        "_task",
        "attempt",
        "ended",
        "exchange",
        "fault",
        "over",
        "spoke",
        "stopped",
    )

    def __init__(
        self, exchange: Exchange, spoke: Callable[[Lane], None], over: Callable[[Lane], None]
    ) -> None:
        self.exchange = exchange
        self.attempt: Attempt = exchange.attempts[-1]
        self.fault: BaseException | None = None
        self.spoke = self.ended = self.over = self.stopped = False
        self._spoke = spoke
        self._over = over
        self._events: deque[Event] = deque()
        self._space = asyncio.Event()
        self._seen = 0
        self._begun = False
        self._task: Running | None = None

    def start(self, spawn: Spawn) -> None:
        """Begin to run."""
        self._task = spawn(self._run(), f"race {self.attempt.deployment.id}")

    def stop(self) -> None:
        """Run no further, unless only the cleaning up is left."""
        if self.over or self.ended or self._task is None:
            return
        self.stopped = True
        self._task.cancel()
        if not self._begun:
            # Cancelled before its first step, it never runs.
            self._finish(None)

    def pop(self) -> Event | None:
        """The next event that waits to be read."""
        if not self._events:
            return None
        self._space.set()
        return self._events.popleft()

    async def _run(self) -> None:
        self._begun = True
        try:
            await self._read()
        except GatewayError as error:
            self.fault = error.with_traceback(None)
        finally:
            self._finish(sys.exception())

    async def _read(self) -> None:
        exchange = self.exchange
        passage, reservation = exchange.passage, exchange.reservation
        assert passage is not None
        if reservation is not None:
            await reservation.take(exchange.deployment)
        async with passage.apart(STAGE, exchange) as flow:
            async for event in flow:
                kind = type(event)
                if reservation is not None and type(event) is Data:
                    self._seen += len(event.raw)
                    if reservation.check_at is not None and self._seen > reservation.check_at:
                        await exchange.meter()
                self._events.append(event)
                self.ended = kind is End
                self.spoke = self.spoke or kind is not Head
                self._spoke(self)
                while len(self._events) >= AHEAD:
                    self._space.clear()
                    await self._space.wait()

    def _finish(self, fault: BaseException | None) -> None:
        if self.over:
            return
        self.over = True
        if isinstance(fault, Exception):
            self.fault = fault
        elif fault is not None and not self.stopped:
            # Only a gateway that stops ends those who run.
            self.fault = ShuttingDown()
        self._over(self)


class Race:
    """The events of the one that speaks first; `attempt` is its attempt, and the first one's before
    that is known. Raises what the first one died of, where nobody spoke."""

    __slots__ = (
        "_deadline",
        "_exchange",
        "_first",
        "_lanes",
        "_news",
        "_outlives",
        "_timer",
        "_track",
        "_tries",
        "_winner",
        "_works",
    )

    def __init__(
        self, track: Track, exchange: Exchange, tries: Tries, deadline: Deadline, delay: float
    ) -> None:
        self._track = track
        self._exchange = exchange
        self._tries = tries
        self._deadline = deadline
        self._news = asyncio.Event()
        self._winner: Lane | None = None
        self._outlives: Outlives | None = None
        self._works: list[Callable[[], None]] = []
        first = exchange.attempts[-1]
        branch = exchange.branch()
        branch.attempt(first.deployment, first.started)
        branch.attempts[-1] = first
        branch.serial += str(len(exchange.attempts))
        self._first = Lane(branch, self._spoke, self._ended)
        self._lanes = [self._first]
        self._first.start(track.spawn)
        self._timer = track.spawn(self._later(delay), "hedge")

    @property
    def attempt(self) -> Attempt:
        """The attempt that serves the call, or the first one."""
        return (self._winner or self._first).attempt

    @property
    def over(self) -> bool:
        """Whether nobody runs any more."""
        return all(lane.over for lane in self._lanes)

    def then(self, work: Callable[[], None]) -> None:
        """Do the work when nobody runs any more."""
        self._works.append(work)

    def leave(self) -> None:
        """Nobody reads any further: whoever still runs is ended, and the call is over then."""
        self._timer.cancel()
        for lane in self._lanes:
            lane.stop()
        if not self.over:
            self._outlives, self._exchange.outlives = self._exchange.outlives, self

    def __aiter__(self) -> Race:
        return self

    async def __anext__(self) -> Event:
        while True:
            winner = self._winner
            if winner is not None:
                event = winner.pop()
                if event is not None:
                    if type(event) is not Data:
                        self._exchange.adopt(winner.exchange)
                    return event
            lane = winner or self._first
            if lane.over and (winner is not None or self.over):
                raise self._conclusion(lane)
            self._news.clear()
            await self._news.wait()

    def _conclusion(self, lane: Lane) -> BaseException:
        self._exchange.adopt(lane.exchange)
        return lane.fault or StopAsyncIteration()

    async def _later(self, delay: float) -> None:
        await self._track.clock.sleep(delay)
        if self._winner is None and not self._first.over:
            self._hedge()

    def _hedge(self) -> None:
        deployment = self._tries.beside()
        if deployment is None:
            return
        exchange = self._exchange
        branch = exchange.branch()
        attempt = self._track.books.begin(branch, deployment)
        attempt.kind = "hedge"
        # The last one stands for the call; the first one does until another one speaks.
        exchange.attempts.insert(len(exchange.attempts) - 1, attempt)
        # Every hold has a name of its own.
        branch.serial += str(len(exchange.attempts))
        branch.patience = self._deadline.patience(branch, deployment, self._tries.spare)
        lane = Lane(branch, self._spoke, self._ended)
        self._lanes.append(lane)
        lane.start(self._track.spawn)

    def _spoke(self, lane: Lane) -> None:
        self._news.set()
        if self._winner is not None or not lane.spoke:
            return
        self._winner = lane
        self._exchange.adopt(lane.exchange)
        self._timer.cancel()
        for other in self._lanes:
            if other is lane:
                continue
            if other.over:
                self._lost(other)
            else:
                other.stop()

    def _ended(self, lane: Lane) -> None:
        exchange, winner = lane.exchange, self._winner
        if winner is not None and lane is not winner and lane.fault is None:
            _bill(exchange)
        exchange.close_attempt()
        if exchange.reservation is not None:
            exchange.reservation.settle()
        if lane is winner:
            self._exchange.adopt(exchange)
        elif winner is not None or lane is not self._first:
            self._lost(lane)
        self._news.set()
        if self.over:
            self._settle()

    def _lost(self, lane: Lane) -> None:
        """Write down how it went with one that does not serve the call."""
        books, exchange, fault = self._track.books, lane.exchange, lane.fault
        if isinstance(fault, UpstreamError | Unsupported):
            books.failed(exchange, lane.attempt, fault, False, self._deadline.hurried)
        elif self._winner is not None and fault is None:
            books.outrun(exchange, lane.attempt)
        else:
            books.left(exchange, lane.attempt)

    def _settle(self) -> None:
        exchange = self._exchange
        if exchange.outlives is self:
            exchange.outlives = self._outlives
        works: Sequence[Callable[[], None]] = self._works
        self._works = []
        for work in works:
            exchange.when_over(work)


def _bill(exchange: Exchange) -> None:
    """What a provider is likely to ask for a reply that nobody waited for: its prompt at least."""
    if not exchange.was_sent or exchange.usage.prompt_tokens:
        return
    size, media, added, _ = measured(exchange.call)
    spoken = exchange.usage.completion_tokens
    prompt = size // BYTES_PER_TOKEN + media + added
    exchange.usage = Usage(prompt, spoken, estimated=True)
    account(exchange)
