"""What stages ask of the world.

The rule: a port is a small Protocol; the domain never knows who stands behind it, and one
conformance suite runs over everyone who does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from pipelines.dialects.base import Dialect
from pipelines.events import Headers
from pipelines.exchange import Principal
from pipelines.record import Record
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Routes
from pipelines.upstream import UpstreamRequest


class KeyStore(Protocol):
    """Knows the callers."""

    async def find(self, secret: str | None) -> Principal | None:
        """Who holds this secret (None: the call came without one), or None for a stranger."""


class UpstreamReply(Protocol):
    """A provider's reply whose head has arrived."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Headers:
        """Lower-cased headers, hop-by-hop ones already taken out."""

    def reads(self) -> AsyncIterator[bytes]:
        """The body, one item a read. Raises FirstByteTimeout, UpstreamFailed, StreamBroken."""

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises what `reads` raises, and UpstreamFailed over `limit` bytes."""


class Transport(Protocol):
    """Carries requests to providers."""

    def open(self, request: UpstreamRequest) -> AbstractAsyncContextManager[UpstreamReply]:
        """Send, and wait for the head. Raises ConnectFailed, FirstByteTimeout, UpstreamFailed.

        Leaving the context before the body's end closes the connection, which stops the provider.
        """


class Journal(Protocol):
    """Keeps one record a call."""

    def put(self, record: Record) -> None:
        """Take the record; never blocks and never raises."""


class Clock(Protocol):
    """Time, so that tests can turn it."""

    def monotonic(self) -> float:
        """Seconds on a clock that only goes forward."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that a stage may be built from."""

    keys: KeyStore
    transport: Transport
    journal: Journal
    clock: Clock
    routes: Routes
    policy: RoutePolicy
    dialects: Mapping[str, Dialect]
