"""The world as stages see it: every port in memory, which does what it is told and remembers it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pipelines.budgets import BudgetPolicy
from pipelines.dialects.base import Dialect
from pipelines.errors import UpstreamError, UpstreamFailed
from pipelines.events import Headers
from pipelines.exchange import Principal
from pipelines.ledger import Ledger
from pipelines.ports import Ports, UpstreamReply
from pipelines.prompt_bound import PromptBound
from pipelines.record import Record
from pipelines.registry import DIALECTS
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Routes
from pipelines.stages.budget import Budget
from pipelines.upstream import UpstreamRequest
from proxy.stores.ledger.memory import MemoryLedger

SSE = (b"content-type", b"text/event-stream")
JSON = (b"content-type", b"application/json")


@dataclass(eq=False)
class Silence:
    """Nothing more comes; `reached` tells that somebody waits for it."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)


Piece = bytes | UpstreamError | Silence


class FakeClock:
    """A clock that moves only when somebody sleeps or turns it."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_793_000_000 + self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


class FakeJournal:
    """Keeps the records."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def put(self, record: Record) -> None:
        self.records.append(record)


class FakeKeys:
    """Knows the principals of the secrets that it was given; None stands for a call without one."""

    def __init__(self, known: Mapping[str | None, Principal]) -> None:
        self._known = known
        self.asked: list[str | None] = []

    async def find(self, secret: str | None) -> Principal | None:
        self.asked.append(secret)
        return self._known.get(secret)

    async def holder(self, digest: str) -> Principal | None:
        return next((one for one in self._known.values() if one.digest == digest), None)


@dataclass
class FakeReply:
    """A provider's reply: its pieces one a read. An error among them is raised in its place, and
    after a silence nothing comes."""

    pieces: Sequence[Piece] = ()
    status: int = 200
    headers: Headers = field(default_factory=lambda: [SSE])

    async def reads(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, UpstreamError):
                raise piece
            if isinstance(piece, Silence):
                piece.reached.set()
                await asyncio.Event().wait()
            else:
                yield piece

    async def body(self, limit: int) -> bytes:
        whole = b""
        async for piece in self.reads():
            whole += piece
            if len(whole) > limit:
                raise UpstreamFailed(f"a body over {limit} bytes")
        return whole


class FakeTransport:
    """Answers each request with the next of its replies, the last one again when they are used up;
    an error in place of a reply is raised before any head.

    `requests` are copies as they were sent; `trail` tells in which order replies were opened and
    closed, by their number.
    """

    def __init__(self, *replies: FakeReply | UpstreamError) -> None:
        self._replies = replies
        self.requests: list[UpstreamRequest] = []
        self.trail: list[str] = []

    @asynccontextmanager
    async def open(self, request: UpstreamRequest) -> AsyncIterator[UpstreamReply]:
        number = len(self.requests)
        self.requests.append(replace(request, headers=dict(request.headers)))
        reply = self._replies[min(number, len(self._replies) - 1)]
        if isinstance(reply, UpstreamError):
            self.trail.append(f"failed {number}")
            raise reply
        self.trail.append(f"opened {number}")
        try:
            yield reply
        finally:
            # A real connection takes a turn of the loop to close.
            await asyncio.sleep(0)
            self.trail.append(f"closed {number}")

    @property
    def still_open(self) -> int:
        """How many replies were opened and not closed."""
        return sum(
            1 if step.startswith("opened") else -1 for step in self.trail if "failed" not in step
        )


def fake_ports(
    transport: FakeTransport | None = None,
    routes: Routes | None = None,
    keys: FakeKeys | None = None,
    policy: RoutePolicy | None = None,
    dialects: Mapping[str, Dialect] = DIALECTS,
) -> Ports:
    """A whole world; everybody is known in it unless `keys` says otherwise."""
    clock = FakeClock()
    return Ports(
        keys=keys or FakeKeys({None: Principal("anybody")}),
        transport=transport or FakeTransport(),
        journal=FakeJournal(),
        clock=clock,
        routes=routes or Routes(()),
        policy=policy or RoutePolicy(),
        dialects=MappingProxyType(dict(dialects)),
        ledger=MemoryLedger(clock),
        budgets=BudgetPolicy(),
        prompt_bound=PromptBound(),
    )


def a_budget(ledger: Ledger | None = None, policy: BudgetPolicy | None = None) -> Budget:
    """The budget stage over an empty ledger."""
    clock = FakeClock()
    return Budget(ledger or MemoryLedger(clock), policy or BudgetPolicy(), clock, PromptBound())
