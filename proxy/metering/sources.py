"""What the parts of the gateway say of themselves.

The rule: only what is in memory is looked at, so that it can be asked for at any time.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from pipelines.clock import Clock
from pipelines.deployment import Deployment
from pipelines.ports import Ports
from proxy import __version__
from proxy.background import Background
from proxy.metering.meter import Level, Meter
from proxy.stores.ledger.breaker import Breaker
from proxy.stores.opening import Stores
from proxy.telemetry.callbacks import Callbacks

WELL, ILL, RESTING = 0.0, 1.0, 2.0


@runtime_checkable
class Holding(Protocol):
    """A ledger that knows which holds of this process are open."""

    @property
    def held(self) -> Collection[str]:
        """The holds that are neither settled nor given back."""


@runtime_checkable
class Guarded(Protocol):
    """A ledger that leaves its Redis alone for a while when it fails."""

    @property
    def breaker(self) -> Breaker:
        """Whether it does so now."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is looked at."""

    ports: Ports
    stores: Stores | None
    background: Background
    clock: Clock


def watch_all(meter: Meter, parts: Parts) -> None:
    """Have the meter ask all of them."""
    ports = parts.ports
    process = Process()
    meter.watch(process.levels)
    meter.watch(lambda: _deployments(ports))
    meter.watch(lambda: _memory(parts))
    meter.watch(lambda: _ledger(ports))
    stores = parts.stores
    if stores is not None:
        meter.watch(lambda: _journal(stores))


def watch_callbacks(meter: Meter, callbacks: Callbacks) -> None:
    """Have the meter ask the exporters that there are at that moment, too."""
    meter.watch(lambda: _callbacks(callbacks))


class Process:
    """The process as its system sees it; what the system does not tell is left out."""

    def __init__(self, root: Path = Path("/proc/self")) -> None:
        self._root = root
        self._started = time.time() - time.process_time()

    def levels(self) -> Iterator[Level]:
        """The usual figures of a process."""
        yield Level("headgate_build_info", 1.0, {"version": __version__})
        yield Level("process_cpu_seconds_total", time.process_time())
        yield Level("process_start_time_seconds", self._started)
        try:
            pages = int((self._root / "statm").read_text("ascii").split()[1])
            yield Level("process_resident_memory_bytes", float(pages * os.sysconf("SC_PAGE_SIZE")))
            yield Level("process_open_fds", float(len(os.listdir(self._root / "fd"))))
        except (OSError, ValueError, IndexError):
            return


def place_of(one: Deployment) -> dict[str, str]:
    """The labels of a deployment."""
    return {
        "model_group": one.group,
        "litellm_model_name": one.model,
        "model_id": one.id,
        "api_base": one.base_url,
        "api_provider": one.provider.name,
    }


def _deployments(ports: Ports) -> Iterator[Level]:
    now, health = ports.clock.time(), ports.health
    known = {one.id: one for one in ports.routes.deployments}
    for one in known.values():
        place = place_of(one)
        state = WELL if health.clean(one, now) else ILL
        if health.rest(one.id, now) is not None:
            state = RESTING
        yield Level("litellm_deployment_state", state, place)
        for name, limit in (("tpm", one.tpm), ("rpm", one.rpm)):
            if limit is not None:
                yield Level(f"litellm_deployment_{name}_limit", float(limit), place)
    for (id, status), count in health.begun.items():
        if id in known:
            labels = {**place_of(known[id]), "exception_status": str(status)}
            yield Level("litellm_deployment_cooled_down", float(count), labels)


def _memory(parts: Parts) -> Iterable[Level]:
    ports, recordings = parts.ports, parts.ports.recordings
    yield Level("headgate_background_tasks", float(parts.background.running))
    if recordings is not None:
        yield Level("headgate_recordings", float(len(recordings)))
        yield Level("headgate_recordings_bytes", float(recordings.room.used))
    for group, left in ports.retry_budget.left(parts.clock.monotonic()).items():
        yield Level("headgate_retry_budget_remaining", left, {"model_group": group})


def _ledger(ports: Ports) -> Iterator[Level]:
    ledger = ports.ledger
    if isinstance(ledger, Holding):
        yield Level("headgate_holds", float(len(ledger.held)))
    if isinstance(ledger, Guarded):
        left = float(ledger.breaker.is_open)
        yield Level("headgate_store_breaker_open", left, {"store": "redis"})


def _journal(stores: Stores) -> Iterator[Level]:
    journal = stores.journal
    yield Level("headgate_spool_depth", float(journal.waiting))
    yield Level("headgate_spool_age_seconds", journal.spool.age)
    yield Level("headgate_spool_bytes", float(journal.spool.size))
    yield Level("headgate_records_lost_total", float(journal.dropped), {"sink": "database"})


def _callbacks(callbacks: Callbacks) -> Iterator[Level]:
    waiting, sent, failed, dropped = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    # Keys and teams may have exporters of one name.
    for one in callbacks.exporters:
        waiting[one.name] += one.waiting
        sent[one.name] += one.counts.sent
        failed[one.name] += one.counts.failed
        dropped[one.name] += one.counts.dropped
    for name in waiting:
        exporter = {"exporter": name}
        yield Level("headgate_exporter_queue", float(waiting[name]), exporter)
        yield Level("headgate_exported_total", float(sent[name]), exporter)
        yield Level("headgate_records_lost_total", float(dropped[name]), {"sink": name})
        callback = {"callback_name": name}
        yield Level("litellm_callback_logging_failures_metric", float(failed[name]), callback)
    yield Level("headgate_records_lost_total", float(callbacks.dropped), {"sink": "callbacks"})
