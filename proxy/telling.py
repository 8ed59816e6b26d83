"""Puts callbacks and alerts together for one configuration.

The rule: both are journals beside the others; what nobody asked for costs nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from pipelines.ports import Beginnings, Journal, Ports
from proxy.alerts.calls import Calls
from proxy.alerts.channels import channels
from proxy.alerts.quiet import Quiet
from proxy.alerts.sending import Alerts
from proxy.alerts.stores import Waiting
from proxy.alerts.watching import Seen, Watching
from proxy.background import Background
from proxy.config.settings import Settings
from proxy.stores.journal.sums import Rollups
from proxy.stores.keys.callbacks import OwnCallbacks
from proxy.stores.opening import Stores
from proxy.stores.traffic.redis import SharedTraffic
from proxy.telemetry.callbacks import Callbacks, Exporters
from proxy.transport.posting import Posting


class Telling:
    """The `callbacks` of a configuration, and its `calls` as they are watched for alerts; None
    where there are none."""

    def __init__(
        self, settings: Settings, ports: Ports, stores: Stores | None, background: Background
    ) -> None:
        self._settings = settings
        self._ports = ports
        self._stores = stores
        self._background = background
        self.callbacks = self._callbacks()
        alerts = settings.alerting
        self.calls = Calls(alerts.threshold, ports.beginnings) if alerts.on else None

    @property
    def watchers(self) -> tuple[Journal, ...]:
        """The journals that look at no text."""
        return () if self.calls is None else (self.calls,)

    @property
    def told(self) -> tuple[Journal, ...]:
        """The journals that are told texts, where these are kept."""
        return () if self.callbacks is None else (self.callbacks,)

    @property
    def beginnings(self) -> Beginnings | None:
        """Who is to know of calls that begin to answer."""
        return self._ports.beginnings if self.calls is None else self.calls

    def begin(self, shared: SharedTraffic | None = None) -> None:
        """Tell what happens from now on."""
        if self.callbacks is not None:
            self.callbacks.begin()
        if self.calls is not None:
            settings, clock = self._settings.alerting, self._ports.clock
            quiet = Quiet(clock, self._ports.ledger)
            alerts = Alerts(channels(settings, self._posting), quiet, clock)
            alerts.begin(self._background)
            watching = Watching(self._seen(self.calls, shared), alerts, settings, clock)
            self._background.keep(watching.run, "alerts")

    async def close(self) -> None:
        """Hand over what waits, within a few seconds."""
        if self.callbacks is not None:
            await self.callbacks.close()

    def _posting(self, name: str) -> Posting:
        return Posting(self._ports.transport, name)

    def _callbacks(self) -> Callbacks | None:
        settings, clock, finds = self._settings.callbacks, self._ports.clock, None
        if self._stores is not None:
            finds = OwnCallbacks(self._stores.entities, settings, clock)
        if finds is None and not settings.all:
            return None
        make = Exporters(self._posting, clock)
        return Callbacks(settings.all, make, self._background.spawn, finds)

    def _seen(self, calls: Calls, shared: SharedTraffic | None) -> Seen:
        ports, stores = self._ports, self._stores
        standing: dict[str, Callable[[], Awaitable[bool]]] = {}
        if stores is not None:
            standing["The database"] = stores.answers
        if shared is not None:
            standing["Redis"] = partial(_up, shared)
        budgets = ports.budgets
        return Seen(
            calls=calls,
            health=ports.health,
            deployments=lambda: ports.routes.deployments,
            ledger=ports.ledger,
            holder=ports.keys.holder,
            shared=(*budgets.everyone, *budgets.providers.values()),
            entities=None if stores is None else stores.entities,
            rollups=None if stores is None else Rollups(stores.engine),
            stores=standing,
            waiting=None if stores is None else partial(_waiting, stores, self._settings),
        )


async def _up(shared: SharedTraffic) -> bool:
    return shared.up


def _waiting(stores: Stores, settings: Settings) -> Waiting:
    journal = stores.journal
    spool = journal.spool
    return Waiting(
        journal.waiting, spool.size, settings.storage.spool_bytes, spool.age, journal.dropped
    )
