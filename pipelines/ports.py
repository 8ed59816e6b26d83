"""What stages ask of the world.

The rule: a port is a small Protocol; the domain never knows who stands behind it, and one
conformance suite runs over everyone who does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from pipelines.addresses import Addresses
from pipelines.budgets import BudgetPolicy
from pipelines.clock import Clock
from pipelines.conversation import Kept
from pipelines.dialects.base import Dialect
from pipelines.events import Headers
from pipelines.exchange import Principal
from pipelines.ledger import Ledger
from pipelines.parties import Party, PartyRules
from pipelines.prompt_bound import PromptBound
from pipelines.record import Record
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Routes
from pipelines.upstream import UpstreamRequest


class KeyStore(Protocol):
    """Knows the callers."""

    async def find(self, secret: str | None) -> Principal | None:
        """Who holds this secret (None: the call came without one), or None for a stranger.

        Raises Unauthenticated where the key is known and no longer good, and StoreUnavailable.
        """


class Users(Protocol):
    """Knows for whom callers call."""

    async def joined(self, principal: Principal, party: Party) -> Principal:
        """The caller together with those that it calls for. Raises Forbidden where one of them is
        blocked, and StoreUnavailable."""


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


class ResponseStore(Protocol):
    """Keeps responses for those who go on from them; bounded, so that anything may be gone."""

    async def put(self, kept: Kept) -> None:
        """Keep it. The id of another owner's response is never taken; what cannot be kept is
        forgotten without an error."""

    async def get(self, id: str) -> Kept | None:
        """What is kept under the id, whoever owns it; to check the owner is the caller's duty."""

    async def delete(self, id: str) -> None:
        """Forget it; nothing happens where it is not known."""


class ThoughtStore(Protocol):
    """Keeps the reasoning of replies for the next turn; bounded, so that anything may be gone."""

    async def keep(self, owner: str, thoughts: Mapping[str, bytes]) -> None:
        """Keep each under its key, in place of what was there."""

    async def find(self, owner: str, keys: Sequence[str]) -> Mapping[str, bytes]:
        """What this owner, and nobody else, has under the keys."""


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
    ledger: Ledger
    budgets: BudgetPolicy
    prompt_bound: PromptBound
    responses: ResponseStore | None = None
    thoughts: ThoughtStore | None = None
    users: Users | None = None
    parties: PartyRules = field(default_factory=PartyRules)
    addresses: Addresses = field(default_factory=Addresses)
