"""What stages ask of the world.

The rule: a port is a small Protocol; the domain never knows who stands behind it, and one
conformance suite runs over everyone who does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipelines.addresses import Addresses
from pipelines.budgets import BudgetPolicy
from pipelines.cache_policy import CachePolicy
from pipelines.clock import Clock
from pipelines.conversation import Kept
from pipelines.dialects.base import Dialect
from pipelines.events import Headers, Media
from pipelines.exchange import Exchange, Principal
from pipelines.ledger import Ledger
from pipelines.parties import Party, PartyRules
from pipelines.prompt_bound import PromptBound
from pipelines.record import Record
from pipelines.recordings import Recordings
from pipelines.routing.affinity import Affinity
from pipelines.routing.filters import Checks
from pipelines.routing.health import Health
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.retry_budget import RetryBudget
from pipelines.routing.routes import Routes
from pipelines.routing.strategies import Strategy
from pipelines.routing.traffic import Traffic
from pipelines.upstream import UpstreamRequest


class KeyStore(Protocol):
    """Knows the callers."""

    async def find(self, secret: str | None) -> Principal | None:
        """Who holds this secret (None: the call came without one), or None for a stranger.

        Raises Unauthenticated where the key is known and no longer good, and StoreUnavailable.
        """

    async def holder(self, digest: str) -> Principal | None:
        """Who holds the key with this digest, or None. Raises as `find` does."""


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


class Beginnings(Protocol):
    """Knows which calls have begun, so that none is forgotten whose end is never written."""

    def admit(self) -> None:
        """Raises JournalFull where a new call could not be recorded and so must not be made."""

    def begin(self, record: Record) -> None:
        """Keep what is to be remembered of a call that may never end; never blocks and never
        raises."""


class Hearing(Protocol):
    """Listens to one call whose prompt and answer are kept."""

    def take(self, raw: bytes) -> None:
        """Hear more of what the client gets; never blocks and never raises."""

    def put(self, record: Record) -> None:
        """The call is over: take its record in the journal's place; never blocks and never
        raises."""


class TextKeeper(Protocol):
    """Knows of which calls prompt and answer are kept."""

    def hear(self, exchange: Exchange, media: Media | None) -> Hearing | None:
        """Who listens to this call, which answers in this form (None: not at all); None where its
        texts are not kept."""


class Running(Protocol):
    """Work that was begun and goes on by itself."""

    def cancel(self) -> object:
        """Ask it to end; it may still clean up."""

    def done(self) -> bool:
        """Whether it has ended."""


class Spawner(Protocol):
    """Runs work that outlives the one who asked for it, and logs what it dies of."""

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> Running:
        """Start the work and keep hold of it."""


class ReplyCache(Protocol):
    """Keeps replies under their keys for a while; bounded, so that anything may be gone. A store
    that cannot be asked is an empty one: no method raises."""

    async def get(self, key: str) -> bytes | None:
        """What is kept under the key."""

    async def many(self, keys: Sequence[str]) -> list[bytes | None]:
        """What is kept under each of the keys."""

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keep the value for `ttl` seconds; what is too large is not kept."""

    async def put_many(self, pairs: Sequence[tuple[str, bytes]], ttl: float) -> None:
        """Keep each of these values under its key for `ttl` seconds."""

    async def delete(self, keys: Sequence[str]) -> int:
        """Forget these; gives how many were there."""

    async def flush(self) -> int:
        """Forget everything of this gateway, and nothing of others; gives how many there were."""

    async def ping(self) -> bool:
        """Whether the store answers."""


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
    beginnings: Beginnings | None = None
    texts: TextKeeper | None = None
    responses: ResponseStore | None = None
    thoughts: ThoughtStore | None = None
    users: Users | None = None
    parties: PartyRules = field(default_factory=PartyRules)
    addresses: Addresses = field(default_factory=Addresses)
    traffic: Traffic = field(default_factory=Traffic)
    health: Health = field(default_factory=Health)
    checks: Checks = field(default_factory=Checks)
    affinity: Affinity | None = None
    strategy: Strategy | None = None
    retry_budget: RetryBudget = field(default_factory=RetryBudget)
    spawner: Spawner | None = None
    replies: ReplyCache | None = None
    caching: CachePolicy = field(default_factory=CachePolicy)
    recordings: Recordings = field(default_factory=Recordings)
