"""Builders of alerts, and the people who are told them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pipelines.record import Record
from proxy.alerts.alert import Alert
from proxy.alerts.quiet import Quiet
from proxy.alerts.sending import Alerts
from proxy.config.alerting import TOLD
from tests.fakes.ports import FakeClock


def an_alert(kind: str = "outage_alerts", cause: str = "a", **more: Any) -> Alert:
    return Alert(kind, cause, "it is down", **more)


def a_record(id: str = "a", duration: float = 1.0, **more: Any) -> Record:
    return Record(id, "chat", "ok", 200, duration, **more)


class Post:
    """Remembers what was sent, and fails as often as it was told to."""

    def __init__(self, *faults: Exception | None) -> None:
        self.sent: list[tuple[str, dict[str, Any], Mapping[str, str]]] = []
        self.raw: list[bytes] = []
        self._faults = list(faults)

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> object:
        fault = self._faults.pop(0) if self._faults else None
        if fault is not None:
            raise fault
        self.sent.append((url, orjson.loads(body), headers))
        self.raw.append(body)
        return None


class Person:
    """A channel that remembers what it was told."""

    name = "person"

    def __init__(self, *faults: Exception | None, kinds: frozenset[str] = TOLD) -> None:
        self.told: list[Alert] = []
        self.kinds = kinds
        self._faults = list(faults)

    def takes(self, kind: str) -> bool:
        return kind in self.kinds

    async def send(self, alert: Alert, moment: float) -> None:
        fault = self._faults.pop(0) if self._faults else None
        if fault is not None:
            raise fault
        self.told.append(alert)


class Heard(Alerts):
    """Alerts that go nowhere, and are remembered."""

    def __init__(self, clock: FakeClock, kinds: frozenset[str] = TOLD) -> None:
        super().__init__((Person(kinds=kinds),), Quiet(clock), clock)
        self.told: list[Alert] = []

    async def tell(self, alert: Alert) -> bool:
        told = await super().tell(alert)
        if told:
            self.told.append(alert)
        return told

    @property
    def events(self) -> list[str]:
        """What was told, by its event, else its kind."""
        return [one.event or one.kind for one in self.told]
