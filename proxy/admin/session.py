"""One admin call: who asks, and what he may work with.

The rule: a handler gets everything from its session and knows no request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pipelines.exchange import Principal
from pipelines.ledger import Ledger
from pipelines.parties import PartyRules
from pipelines.ports import KeyStore
from pipelines.routing.explain import Explainer
from proxy.admin.errors import NotAllowed
from proxy.admin.roles import Reach
from proxy.config.settings import Settings
from proxy.stores.cache.opening import Replies
from proxy.stores.entities.kinds import Key
from proxy.stores.entities.store import Actor, EntityStore
from proxy.stores.entities.stored_models import StoredModels
from proxy.stores.journal.calls import CallLog
from proxy.stores.keys.digest import digest


class Backing(Protocol):
    """What the admin API needs of the running generation; `entities` is None without a database."""

    @property
    def settings(self) -> Settings:
        """The configuration that serves now."""

    @property
    def keys(self) -> KeyStore:
        """Who finds a caller by the secret."""

    @property
    def entities(self) -> EntityStore | None:
        """What is kept about callers, or None without a database."""

    @property
    def ledger(self) -> Ledger:
        """What was spent."""

    @property
    def calls(self) -> CallLog | None:
        """The recorded calls, or None without a database."""

    @property
    def models(self) -> StoredModels:
        """The models that are added at run time."""

    @property
    def replies(self) -> Replies:
        """The replies that are kept."""

    @property
    def explainer(self) -> Explainer:
        """Who knows how calls are routed."""

    @property
    def parties(self) -> PartyRules:
        """How it is read from a call for whom it is."""


@dataclass(frozen=True, slots=True)
class Session:
    """The caller of one admin call with all that he reaches; `key` is the caller's own key where it
    is a kept one, `path` what the address named, `now` the moment of the call."""

    principal: Principal
    actor: Actor
    reach: Reach
    key: Key | None
    entities: EntityStore
    backing: Backing
    path: Mapping[str, str]
    now: datetime

    @property
    def ledger(self) -> Ledger:
        """The ledger of the gateway."""
        return self.backing.ledger

    @property
    def settings(self) -> Settings:
        """The configuration that serves now."""
        return self.backing.settings

    def digest(self, secret: str) -> str:
        """The digest under which a key with this secret is kept."""
        return digest(secret, self.settings.identity.pepper)

    def demand(self, allowed: bool, what: str) -> None:
        """Raises NotAllowed where something is not allowed; `what` says it to the caller."""
        if not allowed:
            raise NotAllowed(f"{what} Your role={self.reach.role}.")
