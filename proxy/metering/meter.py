"""Keeps the gauges true, and gives the text that Prometheus reads.

The rule: what others know is asked for every few seconds and at each scrape, and no call waits for
it; a gauge that nobody speaks for any more says nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pipelines.clock import Clock
from pipelines.record import Record
from pipelines.routing.routes import Routes
from proxy.config.metering import MetricSettings
from proxy.telemetry.logging import get_logger
from proxy.telemetry.metric_cells import Cells
from proxy.telemetry.metric_families import Families
from proxy.telemetry.metric_text import pieces
from proxy.telemetry.metrics import Metrics

TURN = 0.5
TURNS = 4
LAGS = 20
# So long a budget that is not asked for again is shown.
SHOWN_FOR = 60.0
# So long a scrape waits for the ledger; without it there are no new sums.
PATIENCE = 0.5
ASKED_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Level:
    """What a gauge shows now, or how far a counter has come in this process."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


Source = Callable[[], Iterable[Level]]
Asked = Callable[[], Awaitable[Iterable[Level]]]


class Meter:
    """All metrics of this process, and with a folder those of the others beside it."""

    def __init__(self, settings: MetricSettings, routes: Routes, clock: Clock) -> None:
        self.settings = settings
        self.families = Families(settings, _cells(settings))
        self._metrics = Metrics(self.families, settings, routes)
        self._clock = clock
        self._sources: list[Source] = []
        self._asked: list[Asked] = []
        self._asked_names: frozenset[str] = frozenset()
        self._asked_at = -ASKED_EVERY
        self._come: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._lags: deque[float] = deque(maxlen=LAGS)

    def put(self, record: Record) -> None:
        """Count a call; never blocks and never raises."""
        self._metrics.put(record)

    def watch(self, source: Source) -> None:
        """Ask this one every few seconds, from now on."""
        self._sources.append(source)

    def ask(self, source: Asked) -> None:
        """Ask this one at a scrape; it may wait for a store, and is not waited for without end."""
        self._asked.append(source)

    async def run(self) -> None:
        """Measure the event loop's lag and ask all sources; runs until it is cancelled."""
        turn = 0
        while True:
            before = self._clock.monotonic()
            await self._clock.sleep(TURN)
            self._lags.append(max(0.0, self._clock.monotonic() - before - TURN))
            turn += 1
            if turn % TURNS == 0:
                self.refresh()

    def refresh(self) -> None:
        """Have all gauges show what is true now."""
        stale = self._clock.monotonic() - self._asked_at > SHOWN_FOR
        self.families.clear_all_but(frozenset() if stale else self._asked_names)
        self._show([Level("headgate_workers", 1.0)])
        if self._lags:
            self._show([Level("headgate_event_loop_lag_seconds", max(self._lags))])
        for source in self._sources:
            self._show(source())

    async def text(self) -> AsyncIterator[bytes]:
        """The text, in pieces, between which calls go on."""
        await self._ask()
        self.refresh()
        slots = list(self.families.cells.slots())
        for piece in pieces(self.families, slots):
            yield piece.encode()
            await asyncio.sleep(0)

    def close(self) -> None:
        """Let go of the shared files."""
        self.families.cells.close()

    async def _ask(self) -> None:
        now = self._clock.monotonic()
        if now - self._asked_at < ASKED_EVERY or not self._asked:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                found = [level for ask in self._asked for level in await ask()]
        except TimeoutError:
            return
        self._asked_at = now
        self.families.clear(self._asked_names)
        self._asked_names = frozenset(level.name for level in found)
        self._show(found)

    def _show(self, levels: Iterable[Level]) -> None:
        for level in levels:
            family = self.families.get(level.name)
            if family is None:
                continue
            place = family.at(level.labels)
            if family.metric.kind == "gauge":
                self.families.numbers[place] = level.value
                continue
            # Others may have counted in this place before this process did.
            key = (level.name, tuple(sorted(level.labels.items())))
            self.families.numbers[place] += max(0.0, level.value - self._come.get(key, 0.0))
            self._come[key] = level.value


def _cells(settings: MetricSettings) -> Cells:
    stamp = repr(settings.buckets)
    try:
        return Cells(settings.folder, stamp)
    except OSError as error:
        get_logger(__name__).warning(
            "metrics are this process' own: their folder cannot be used",
            folder=str(settings.folder),
            reason=error.strerror,
        )
        return Cells(None, stamp)
