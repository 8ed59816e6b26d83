"""Looks from time to time at what may go wrong, and has it told.

The rule: it looks behind the calls' backs; what it cannot find out now it looks at again later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pipelines.allowance import Allowance
from pipelines.clock import Clock
from pipelines.deployment import Deployment
from pipelines.errors import StoreUnavailable
from pipelines.exchange import Principal
from pipelines.ledger import Ledger
from pipelines.routing.health import Health
from proxy.alerts.alert import Alert
from proxy.alerts.calls import Calls
from proxy.alerts.keys import key_alerts
from proxy.alerts.money import Watched, about, crossed, watched
from proxy.alerts.outages import Outages
from proxy.alerts.parties import Party, party_budgets
from proxy.alerts.report import DAY, daily_report
from proxy.alerts.sending import Alerts
from proxy.alerts.stores import Backlog, Standing, Waiting
from proxy.config.alerting import AlertSettings
from proxy.stores.entities.store import EntityStore
from proxy.stores.journal.sums import Rollups

EVERY = 5.0
KEYS_EVERY = 900.0
MONEY_EVERY = 15.0
AT_ONCE = 500

Answers = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is looked at, as far as the gateway has it: `holder` knows a caller by the digest of his
    key, `shared` are the budgets that every call is counted against."""

    calls: Calls
    health: Health
    deployments: Callable[[], Iterable[Deployment]]
    ledger: Ledger
    holder: Callable[[str], Awaitable[Principal | None]]
    shared: tuple[Allowance, ...] = ()
    entities: EntityStore | None = None
    rollups: Rollups | None = None
    stores: Mapping[str, Answers] = field(default_factory=dict)
    waiting: Callable[[], Waiting] | None = None


class Watching:
    """Looks at everything every few seconds; `run` must run beside the calls."""

    def __init__(self, seen: Seen, alerts: Alerts, settings: AlertSettings, clock: Clock) -> None:
        self._seen = seen
        self._alerts = alerts
        self._settings = settings
        self._clock = clock
        self._outages = Outages(seen.health, settings.outage_quiet)
        self._standing = {name: Standing(name) for name in seen.stores}
        self._backlog = Backlog()
        self._callers: set[str] = set()
        self._parties: set[Party] = set()
        self._money_at = self._keys_at = clock.monotonic()
        self._day = int(clock.time() // DAY)

    async def run(self) -> None:
        """Look again and again; runs until it is cancelled."""
        while True:
            await self._clock.sleep(EVERY)
            await self.once()

    async def once(self) -> None:
        """Look at everything whose time has come."""
        now = self._clock.time()
        await self._tell(self._seen.calls.alerts(now))
        await self._tell(self._outages.alerts(self._seen.deployments(), now))
        for name, answers in self._seen.stores.items():
            await self._tell(self._standing[name].seen(await answers(), now))
        if self._seen.waiting is not None:
            await self._tell(self._backlog.seen(self._seen.waiting()))
        for look in (self._money, self._keys, self._report):
            try:
                await look(now)
            except StoreUnavailable:
                # That it is away is told by another look.
                continue

    async def _tell(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            await self._alerts.tell(alert)

    async def _money(self, now: float) -> None:
        callers, parties = self._seen.calls.ended(), self._seen.calls.parties()
        if not self._alerts.takes("budget_alerts"):
            return
        self._callers |= callers
        self._parties |= parties
        if self._clock.monotonic() < self._money_at:
            return
        self._money_at = self._clock.monotonic() + MONEY_EVERY
        found = {one.account: one for one in watched(self._seen.shared, now)}
        found |= await self._of_parties(now)
        while self._callers:
            some = [self._callers.pop() for _ in range(min(AT_ONCE, len(self._callers)))]
            try:
                for digest in some:
                    principal = await self._seen.holder(digest)
                    if principal is not None:
                        whose = about(principal)
                        for one in watched(principal.allowances, now, whose):
                            found.setdefault(one.account, one)
                await self._crossed(found)
            except StoreUnavailable:
                self._callers.update(some)
                raise
            found = {}
        await self._crossed(found)

    async def _of_parties(self, now: float) -> Mapping[str, Watched]:
        entities, parties = self._seen.entities, self._parties
        if entities is None or not parties:
            return {}
        some = list(parties)[:AT_ONCE]
        found = await party_budgets(entities, some, now)
        parties.difference_update(some)
        return {one.account: one for one in found}

    async def _crossed(self, found: Mapping[str, Watched]) -> None:
        if not found:
            return
        balances = await self._seen.ledger.balances(sorted(found))
        quiet = self._settings.budget_quiet
        for name, one in found.items():
            alert = crossed(one, balances[name], quiet)
            if alert is not None:
                await self._alerts.tell(alert)

    async def _keys(self, now: float) -> None:
        entities, due = self._seen.entities, self._clock.monotonic() >= self._keys_at
        if entities is None or not due:
            return
        if not (self._alerts.takes("key_expiring") or self._alerts.takes("key_rotated")):
            return
        self._keys_at = self._clock.monotonic() + KEYS_EVERY
        # One process looks for all.
        if await self._alerts.claim("look:keys", KEYS_EVERY - EVERY):
            async for alert in key_alerts(entities, now):
                await self._alerts.tell(alert)

    async def _report(self, now: float) -> None:
        day, rollups = int(now // DAY), self._seen.rollups
        wanted = [kind for kind in ("daily_reports", "spend_reports") if self._alerts.takes(kind)]
        if day != self._day and rollups is not None and wanted:
            alert = await daily_report(rollups, day - 1, wanted[0])
            await self._alerts.tell(alert)
        self._day = day
