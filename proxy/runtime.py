"""One provisioned generation of the configuration, and the only place where it is put together.

The rule: whatever a call needs is opened here and handed down through constructors.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

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
from pipelines.recordings import Recordings
from pipelines.registry import DIALECTS, strategy_factory
from pipelines.routing.choice import Chooser
from pipelines.routing.choosing import Choosing
from pipelines.routing.explain import Explainer
from pipelines.routing.filters import View
from pipelines.routing.health import Health
from pipelines.routing.routes import Routes
from pipelines.routing.strategies import Means
from pipelines.routing.traffic import Traffic
from pipelines.routing.tries import Rules
from proxy.background import Background
from proxy.clock import SystemClock
from proxy.config.settings import Settings
from proxy.discovery import Discovery
from proxy.metering.budgets import Budgets
from proxy.metering.meter import Meter
from proxy.metering.sources import Parts, watch_all, watch_callbacks
from proxy.probes import Probe, Probes
from proxy.refresh import PriceRefresh
from proxy.rotation import KeyRotation
from proxy.stores.cache.opening import Replies, open_replies
from proxy.stores.entities.kinds import StoredModel
from proxy.stores.entities.sealing import Sealer
from proxy.stores.entities.store import EntityStore
from proxy.stores.entities.stored_models import StoredModels, Workshop
from proxy.stores.journal.calls import CallLog
from proxy.stores.journal.several import Journals
from proxy.stores.journal.texts import Texts
from proxy.stores.keys.directory import Directory
from proxy.stores.keys.master import MasterKeys, OpenKeys
from proxy.stores.keys.openwebui import party_rules
from proxy.stores.keys.rotating import Maker
from proxy.stores.ledger.memory import MemoryLedger
from proxy.stores.opening import CannotOpen, Stores
from proxy.stores.reasoning.memory import MemoryReasoning
from proxy.stores.redis_clients import NoRedis
from proxy.stores.responses.memory import MemoryResponses
from proxy.stores.traffic.redis import Known, SharedTraffic
from proxy.telemetry.logging import LogJournal, get_logger
from proxy.telemetry.rests import RestLog
from proxy.telling import Telling
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
    replies: Replies
    explainer: Explainer
    entities: EntityStore | None = None
    stores: Stores | None = None
    responses: ResponseStore | None = None
    users: Users | None = None
    parties: PartyRules = field(default_factory=PartyRules)
    prices: PriceRefresh | None = None
    traffic: Traffic = field(default_factory=Traffic)
    health: Health = field(default_factory=Health)
    shared: SharedTraffic | None = None
    probes: Probes | None = None
    rotation: KeyRotation | None = None
    meter: Meter | None = None
    texts: Texts | None = None
    telling: Telling | None = None

    @classmethod
    def provision(
        cls, settings: Settings, background: Background, stores: Stores | None = None
    ) -> Runtime:
        """Open what the configuration asks for. Raises ChainOrder and CannotOpen."""
        clock = SystemClock()
        replies = open_replies(settings.caching, clock, background)
        http = HttpTransport(settings.connect_timeout, _verification(settings.ssl_verify))
        transport = SchemeTransport(http, {"mock": MockTransport(clock)})
        meter = _meter(settings, stores, clock)
        ports = _decided(_ports(settings, stores, background, transport, replies), settings)
        telling = Telling(settings, ports, stores, background)
        texts = _texts(settings, stores, meter, telling)
        journal = Journals(ports.journal, meter, *telling.watchers, *telling.told)
        ports = replace(ports, journal=journal, beginnings=telling.beginnings, texts=texts)
        watch_all(meter, Parts(ports, stores, background, clock))
        if telling.callbacks is not None:
            watch_callbacks(meter, telling.callbacks)
        if isinstance(ports.keys, Directory):
            meter.ask(Budgets(ports.keys, ports.ledger, clock, settings.metering.end_users).levels)
        return cls(
            settings=settings,
            chain=assemble(settings.stages, ports),
            keys=ports.keys,
            routes=settings.routes,
            dialects=DIALECTS,
            discovery=Discovery(transport, clock, settings.routes, background),
            background=background,
            ledger=ports.ledger,
            models=stored_models(settings),
            entities=None if stores is None else stores.entities,
            stores=stores,
            _http=http,
            replies=replies,
            explainer=explainer(ports, settings.choosing),
            responses=ports.responses,
            users=ports.users,
            parties=ports.parties,
            prices=_refresh(settings, transport, clock),
            traffic=ports.traffic,
            health=ports.health,
            shared=_shared(ports, settings, background),
            probes=_probes(ports, settings),
            rotation=_rotation(settings, stores, transport, clock),
            meter=meter,
            texts=texts,
            telling=telling,
        )

    async def begin(self) -> None:
        """Serve the stored models too, and look after the stores from now on. Raises
        StoreUnavailable."""
        if self.meter is not None:
            self.background.keep(self.meter.run, "metrics")
        if self.texts is not None:
            self.background.keep(self.texts.run, "texts")
        if self.prices is not None:
            self.background.keep(self.prices.run, "prices")
        if self.settings.caching.policy.enabled:
            await self.replies.open()
        if self.shared is not None:
            self.background.keep(self.shared.run, "shared traffic")
        if self.probes is not None and self.settings.probing.on:
            self.background.keep(self.probes.run, "probes")
        if self.telling is not None:
            self.telling.begin(self.shared)
        stores = self.stores
        if stores is None:
            return
        await self._renew_models()
        self.background.keep(stores.notices.run, "notices")
        self.background.keep(stores.tend, "ledger")
        self.background.keep(stores.journal.run, "journal")
        self.background.keep(stores.retention.run, "retention")
        self.background.keep(lambda: self._follow_models(stores), "stored models")
        if isinstance(self.keys, Directory):
            self.background.keep(self.keys.follow, "directory")
        if self.rotation is not None:
            self.background.keep(self.rotation.run, "rotation")

    @property
    def calls(self) -> CallLog | None:
        """The recorded calls, or None without stores."""
        return None if self.stores is None else CallLog(self.stores.engine)

    async def close(self) -> None:
        """Close what was opened."""
        if self.meter is not None:
            self.meter.close()
        if self.texts is not None:
            self.texts.close()
        if self.telling is not None:
            await self.telling.close()
        await self._http.close()
        await self.replies.close()
        if self.shared is not None:
            await self.shared.close()
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
            ids = [one.id for one in self.routes.deployments]
            self.traffic.keep(ids)
            self.health.keep(ids)


def _ports(
    settings: Settings,
    stores: Stores | None,
    background: Background,
    transport: Transport,
    replies: Replies,
) -> Ports:
    clock = SystemClock()
    keys, users = _keys(settings, stores, clock, background, transport)
    return Ports(
        keys=keys,
        transport=transport,
        journal=_journal(stores),
        beginnings=None if stores is None else stores.journal,
        clock=clock,
        routes=settings.routes,
        policy=settings.policy,
        dialects=DIALECTS,
        ledger=MemoryLedger(clock) if stores is None else stores.ledger,
        budgets=settings.budgets,
        prompt_bound=PromptBound(),
        responses=MemoryResponses(clock),
        thoughts=MemoryReasoning(clock),
        users=users,
        spawner=background,
        replies=replies,
    )


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


def _probes(ports: Ports, settings: Settings) -> Probes:
    probe = Probe(ports.transport, ports.dialects, ports.policy, ports.clock)
    return Probes(probe, settings.probing, ports.routes, ports.health, ports.clock)


def explainer(ports: Ports, choosing: Choosing) -> Explainer:
    """Who tells where a call would go, by what the gateway knows now; its strategy is one of its
    own, so that to ask it changes no call's way."""
    random = Random()
    view = View(ports.health, ports.traffic, ports.checks, ports.affinity)
    means = Means(ports.traffic, random, choosing.args)
    chooser = Chooser(view, strategy_factory(choosing.strategy)(means), ports.clock)
    return Explainer(Rules(ports.routes, ports.policy, random), chooser)


def _shared(ports: Ports, settings: Settings, background: Background) -> SharedTraffic | None:
    place = settings.shared_redis
    if place is None:
        return None
    known = Known(ports.traffic, ports.health, ports.routes)
    try:
        return SharedTraffic(place, known, ports.clock, background)
    except NoRedis as error:
        raise CannotOpen(str(error)) from None


def _decided(ports: Ports, settings: Settings) -> Ports:
    choosing = settings.choosing
    make = strategy_factory(choosing.strategy)
    health = Health(settings.cooldowns)
    health.tell(RestLog(settings.routes))
    return replace(
        ports,
        parties=party_rules(settings.identity),
        addresses=settings.identity.addresses,
        caching=settings.caching.policy,
        recordings=Recordings(settings.caching.policy),
        health=health,
        checks=choosing.checks,
        affinity=choosing.affinity(),
        strategy=make(Means(ports.traffic, Random(), choosing.args)),
    )


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


def _meter(settings: Settings, stores: Stores | None, clock: Clock) -> Meter:
    given = settings.metering
    # What is only checked adds nothing up.
    return Meter(given if stores else replace(given, folder=None), settings.routes, clock)


def _journal(stores: Stores | None) -> Journal:
    return LogJournal() if stores is None else Journals(LogJournal(), stores.journal)


def _texts(
    settings: Settings, stores: Stores | None, meter: Meter, telling: Telling
) -> Texts | None:
    policy = settings.texts
    spool = None if stores is None or not policy.stored else stores.journal
    keeping = [*telling.told, *([] if spool is None else [spool])]
    if not keeping:
        return None
    # What is not to be stored is told, and written without its texts.
    plain = _journal(stores) if spool is None else LogJournal()
    return Texts(
        policy, Journals(plain, meter, *telling.watchers), Journals(*keeping), DIALECTS, spool
    )


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
        usual=settings.usual,
    )
    return StoredModels(Sealer(salt_key) if salt_key else None, workshop, settings.routes)


def _verification(verify: bool | str) -> bool | ssl.SSLContext:
    if not isinstance(verify, str):
        return verify
    if Path(verify).is_dir():
        return ssl.create_default_context(capath=verify)
    return ssl.create_default_context(cafile=verify)
