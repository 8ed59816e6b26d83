"""What is asked of a store of entities.

The rule: a change is a function of what stands there, applied in one transaction together with its
line in the audit table; whoever keeps a copy hears of every change within a second.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from proxy.stores.entities.kinds import Audit, Entity, Key

E = TypeVar("E", bound=Entity)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something: the caller's name, the client's address, and whom he acts for."""

    name: str
    address: str = ""
    changed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """Which entities, and which part of them.

    `where` compares columns: a value, None (is null) or a sequence (one of); `search` finds a text
    in the columns that it names; `after` is the last entity's id of the page before (keyset) and
    `offset` the way of LiteLLM's page numbers; `sort` is a column, `created_at` or `id`.
    """

    where: Mapping[str, object] = field(default_factory=dict)
    search: Mapping[str, str] = field(default_factory=dict)
    sort: str = "created_at"
    descending: bool = True
    after: str | None = None
    offset: int = 0
    limit: int = 100


class Taken(Exception):
    """There is one already with this id, or with another field that must be unique."""


class EntityStore(Protocol):
    """Keeps entities of every kind. Every method raises StoreUnavailable."""

    async def get(self, kind: type[E], id: str) -> E | None:
        """The entity, or None."""

    async def many(self, kind: type[E], ids: Sequence[str]) -> list[E]:
        """Those of the ids that there are, in their order."""

    async def find(self, kind: type[E], query: Query) -> list[E]:
        """One page."""

    async def holder(self, digest: str) -> Key | None:
        """The key whose secret has this digest, now or before it was rotated; one round trip."""

    async def count(self, kind: type[E], query: Query) -> int:
        """How many there are, whatever the page."""

    async def add(self, entity: Entity, actor: Actor) -> None:
        """Keep a new one. Raises Taken."""

    async def change(
        self, kind: type[E], id: str, alter: Callable[[E], E], actor: Actor
    ) -> E | None:
        """Put `alter(what stands there)` in its place, or give None where there is none.

        `alter` may be called more than once and may raise, which changes nothing. Raises Taken.
        """

    async def remove(self, kind: type[E], ids: Sequence[str], actor: Actor) -> list[E]:
        """Take them out; gives those that there were."""

    async def audits(self, kind: str | None, id: str | None, limit: int) -> list[Audit]:
        """The newest lines of the audit table."""

    def changes(self) -> AsyncGenerator[tuple[str, str], None]:
        """Kind and id of each entity that anybody changed, from now on; ("", "") means that some
        may have been missed and every copy must go."""

    async def close(self) -> None:
        """Let go of the database."""
