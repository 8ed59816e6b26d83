"""Tells of deployments that are down, and of those that are well again.

The rule: a rest of moments is no outage; a whole model without any deployment is one at once, and
an outage is over when the deployment has shown that it answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipelines.deployment import Deployment
from pipelines.routing.health import Health
from proxy.alerts.alert import Alert

LASTING = 60.0


@dataclass(slots=True)
class _Down:
    """Since when, in seconds since 1970, why, and whether it was told."""

    since: float
    reason: str
    told: bool = False


class Outages:
    """Compares what rests now with what rested before; `quiet` is for how many seconds the same
    one is not told again."""

    def __init__(self, health: Health, quiet: float) -> None:
        self._health = health
        self._quiet = quiet
        self._down: dict[str, _Down] = {}
        self._models: dict[str, _Down] = {}

    def alerts(self, deployments: Iterable[Deployment], now: float) -> Iterator[Alert]:
        """What is to be told at `now`, in seconds since 1970."""
        groups: dict[str, list[Deployment]] = {}
        for one in deployments:
            groups.setdefault(one.group, []).append(one)
        known = {one.id for group in groups.values() for one in group}
        self._down = {id: down for id, down in self._down.items() if id in known}
        self._models = {name: down for name, down in self._models.items() if name in groups}
        for group in groups.values():
            for one in group:
                yield from self._deployment(one, now)
        for name, group in groups.items():
            yield from self._model(name, group, now)

    def _deployment(self, one: Deployment, now: float) -> Iterator[Alert]:
        rest, down = self._health.rest(one.id, now), self._down.get(one.id)
        if rest is not None and down is None:
            self._down[one.id] = down = _Down(rest.began, rest.reason)
            yield self._alert("cooldown_deployment", one, "Deployment rests", rest.reason)
        elif down is not None and rest is None and self._health.clean(one, now):
            del self._down[one.id]
            if down.told:
                words = f"Deployment is well again after {now - down.since:.0f}s"
                yield self._alert("outage_alerts", one, words, "", over=True)
            return
        if down is not None and not down.told and now - down.since >= LASTING:
            down.told = True
            words = f"Deployment is down for {now - down.since:.0f}s"
            yield self._alert("outage_alerts", one, words, down.reason)

    def _model(self, name: str, group: list[Deployment], now: float) -> Iterator[Alert]:
        down = self._models.get(name)
        if down is None and all(self._health.rest(one.id, now) for one in group):
            self._models[name] = _Down(now, "", told=True)
            words = f"No deployment of the model `{name}` is left ({len(group)} rest)"
            yield self._of_model(name, words, over=False)
        elif down is not None and any(one.id not in self._down for one in group):
            del self._models[name]
            words = f"The model `{name}` is served again after {now - down.since:.0f}s"
            yield self._of_model(name, words, over=True)

    def _alert(
        self, kind: str, one: Deployment, words: str, reason: str, over: bool = False
    ) -> Alert:
        lines = [
            words,
            f"Model: `{one.group}`",
            f"Provider: `{one.provider.name}`",
            f"Deployment: `{one.id}`",
        ]
        if reason:
            # What follows is the provider's own sentence, which may repeat what it was asked.
            lines.append(f"Reason: {reason.partition(': ')[0]}")
        event = "deployment_recovered" if over else kind.removesuffix("_alerts")
        return Alert(
            kind=kind,
            cause=f"{event}:{one.id}",
            message="\n".join(lines),
            level="Low" if over or kind == "cooldown_deployment" else "Medium",
            quiet=self._quiet,
            event=event,
            about={"model": one.group, "provider": one.provider.name, "deployment": one.id},
        )

    def _of_model(self, name: str, words: str, over: bool) -> Alert:
        event = "model_recovered" if over else "model_outage"
        return Alert(
            kind="outage_alerts",
            cause=f"{event}:{name}",
            message=words,
            level="Low" if over else "High",
            quiet=self._quiet,
            event=event,
            about={"model": name},
        )
