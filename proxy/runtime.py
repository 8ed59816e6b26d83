"""One provisioned generation of the configuration, and the only place where it is put together.

The rule: whatever a call needs is opened here and handed down through constructors.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.assembly import assemble
from pipelines.chain import Chain
from pipelines.clock import Clock
from pipelines.dialects.base import Dialect
from pipelines.errors import StoreUnavailable
from pipelines.ledger import Ledger
from pipelines.parties import PartyRules
from pipelines.ports import Journal, KeyStore, Ports, ResponseStore, Transport, Users
from pipelines.prompt_bound import PromptBound
from pipelines.providers.load import load_catalog
from pipelines.registry import DIALECTS
from pipelines.routing.routes import Routes
from proxy.background import Background
from proxy.clock import SystemClock
from proxy.config.settings import Settings
from proxy.discovery import Discovery
from proxy.refresh import PriceRefresh
from proxy.rotation import KeyRotation
from proxy.stores.entities.kinds import StoredModel
from proxy.stores.entities.sealing import Sealer
from proxy.stores.entities.store import EntityStore
from proxy.stores.entities.stored_models import StoredModels, Workshop
from proxy.stores.journal.calls import CallLog
from proxy.stores.journal.several import Journals
from proxy.stores.keys.directory import Directory
from proxy.stores.keys.master import MasterKeys, OpenKeys
from proxy.stores.keys.openwebui import party_rules
from proxy.stores.keys.rotating import Maker
from proxy.stores.ledger.memory import MemoryLedger
from proxy.stores.opening import Stores
from proxy.stores.reasoning.memory import MemoryReasoning
from proxy.stores.responses.memory import MemoryResponses
from proxy.telemetry.logging import LogJournal, get_logger
from proxy.transport.choice import SchemeTransport
from proxy.transport.client import HttpTransport
from proxy.transport.fetch import Fetch
from proxy.transport.mock import MockTransport


@dataclass(slots=True)
class Runtime:
    """Everything that serves calls under one configuration; without stores (a configuration that is
    only checked) there are no entities, and money is counted in memory."""

    settings: Settings
    chain: Chain
    keys: KeyStore
    routes: Routes
    dialects: Mapping[str, Dialect]
    discovery: Discovery
    background: Background
    ledger: Ledger
    models: StoredModels
    _http: HttpTransport
    entities: EntityStore | None = None
    stores: Stores | None = None
    responses: ResponseStore | None = None
    users: Users | None = None
    parties: PartyRules = field(default_factory=PartyRules)
    prices: PriceRefresh | None = None
    rotation: KeyRotation | None = None

    @classmethod
    def provision(
        cls, settings: Settings, background: Background, stores: Stores | None = None
    ) -> Runtime:
        """Open what the configuration asks for. Raises ChainOrder."""
        clock = SystemClock()
        http = HttpTransport(settings.connect_timeout, _verification(settings.ssl_verify))
        transport = SchemeTransport(http, {"mock": MockTransport(clock)})
        keys, users = _keys(settings, stores, clock, background, transport)
        ledger = MemoryLedger(clock) if stores is None else stores.ledger
        responses = MemoryResponses(clock)
        ports = Ports(
            keys=keys,
            transport=transport,
            journal=_journal(stores),
            clock=clock,
            routes=settings.routes,
            policy=settings.policy,
            dialects=DIALECTS,
            ledger=ledger,
            budgets=settings.budgets,
            prompt_bound=PromptBound(),
            responses=responses,
            thoughts=MemoryReasoning(clock),
            users=users,
            parties=party_rules(settings.identity),
            addresses=settings.identity.addresses,
        )
        return cls(
            settings=settings,
            chain=assemble(settings.stages, ports),
            keys=keys,
            routes=settings.routes,
            dialects=DIALECTS,
            discovery=Discovery(transport, clock, settings.routes, background),
            background=background,
            ledger=ledger,
            models=stored_models(settings),
            entities=None if stores is None else stores.entities,
            stores=stores,
            _http=http,
            responses=responses,
            users=users,
            parties=ports.parties,
            prices=_refresh(settings, transport, clock),
            rotation=_rotation(settings, stores, transport, clock),
        )

    async def begin(self) -> None:
        """Serve the stored models too, and look after the stores from now on. Raises
        StoreUnavailable."""
        if self.prices is not None:
            self.background.spawn(self.prices.run(), "prices")
        stores = self.stores
        if stores is None:
            return
        await self._renew_models()
        self.background.spawn(stores.notices.run(), "notices")
        self.background.spawn(stores.tend(), "ledger")
        self.background.spawn(stores.journal.run(), "journal")
        self.background.spawn(self._follow_models(stores), "stored models")
        if isinstance(self.keys, Directory):
            self.background.spawn(self.keys.follow(), "directory")
        if self.rotation is not None:
            self.background.spawn(self.rotation.run(), "rotation")

    @property
    def calls(self) -> CallLog | None:
        """The recorded calls, or None without stores."""
        return None if self.stores is None else CallLog(self.stores.engine)

    async def close(self) -> None:
        """Close what was opened."""
        await self._http.close()
        if self.stores is not None:
            await self.stores.close()

    async def _follow_models(self, stores: Stores) -> None:
        async with aclosing(stores.notices.follow()) as changes:
            async for kind, _ in changes:
                if kind not in ("", StoredModel.kind):
                    continue
                try:
                    await self._renew_models()
                except StoreUnavailable as error:
                    get_logger(__name__).warning("models are not renewed", error=error.message)

    async def _renew_models(self) -> None:
        if self.entities is not None:
            for problem in await self.models.renew(self.entities):
                get_logger("config").warning(problem, where="stored models")


def _keys(
    settings: Settings,
    stores: Stores | None,
    clock: Clock,
    background: Background,
    transport: Transport,
) -> tuple[KeyStore, Users | None]:
    # An empty key is one that nobody has, not the wish for an open door.
    if settings.master_key is None:
        return OpenKeys(), None
    if stores is None:
        return MasterKeys(settings.master_key), None
    identity = settings.identity
    services = None
    if identity.services is not None:
        # Its library is large, and few gateways let services sign in by tokens of others.
        from proxy.stores.keys.services import Services

        services = Services(identity.services, Fetch(transport), clock)
    found = Directory(stores.entities, identity, settings.master_key, clock, background, services)
    return found, found


def _refresh(settings: Settings, transport: Transport, clock: Clock) -> PriceRefresh | None:
    if settings.prices_url is None:
        return None
    return PriceRefresh(settings.book, settings.prices_url, Fetch(transport), clock)


def _rotation(
    settings: Settings, stores: Stores | None, transport: Transport, clock: Clock
) -> KeyRotation | None:
    # Without a master key nobody needs a key.
    if stores is None or not settings.master_key:
        return None
    maker = Maker(settings.master_key, settings.identity.pepper)
    post = Fetch(transport).post
    return KeyRotation(stores.entities, settings.rotation, maker, post, clock)


def _journal(stores: Stores | None) -> Journal:
    return LogJournal() if stores is None else Journals(LogJournal(), stores.journal)


def stored_models(settings: Settings) -> StoredModels:
    """The models that are added at run time; none can be without a salt key."""
    salt_key = settings.identity.pepper
    workshop = Workshop(
        catalog=load_catalog(),
        environment=settings.environment,
        vault=settings.secrets,
        drop_params=settings.drop_params,
        enforces_rates=settings.enforces_rates,
        book=settings.book,
    )
    return StoredModels(Sealer(salt_key) if salt_key else None, workshop, settings.routes)


def _verification(verify: bool | str) -> bool | ssl.SSLContext:
    if not isinstance(verify, str):
        return verify
    if Path(verify).is_dir():
        return ssl.create_default_context(capath=verify)
    return ssl.create_default_context(cafile=verify)
