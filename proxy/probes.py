"""Finds out which deployments are well, by asking their providers.

The rule: a probe is as cheap as it can be: the list of models where the provider has one, else one
token; it is no client's call, so it counts in no budget and in no record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.chain import Chain
from pipelines.clock import Clock
from pipelines.deployment import Deployment
from pipelines.dialects.base import Dialect
from pipelines.errors import (
    Denied,
    FirstByteTimeout,
    GatewayError,
    Overloaded,
    UpstreamFailed,
)
from pipelines.events import Flow, Proceed
from pipelines.exchange import Exchange
from pipelines.operations import CHAT, COMPLETIONS, EMBEDDINGS, MODERATIONS, RERANK, Operation
from pipelines.ports import Transport
from pipelines.routing.health import Health, Rest
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Routes
from pipelines.stages.stream import Stream
from pipelines.stages.translate import Translate
from pipelines.upstream import UpstreamRequest
from proxy.config.probing import ProbeSettings

MOST = 8 << 20
# What ends a probe is its own limit.
PATIENCE = 3600.0
AT_ONCE = 16

_HELLO = ({"role": "user", "content": "Hi"},)
_ASKS: Mapping[str, tuple[Operation, Mapping[str, Any]]] = MappingProxyType(
    {
        "": (CHAT, {"messages": _HELLO, "max_tokens": 1}),
        "chat": (CHAT, {"messages": _HELLO, "max_tokens": 1}),
        "completion": (COMPLETIONS, {"prompt": "Hi", "max_tokens": 1}),
        "responses": (CHAT, {"messages": _HELLO, "max_tokens": 1}),
        "embedding": (EMBEDDINGS, {"input": "Hi"}),
        "rerank": (RERANK, {"query": "Hi", "documents": ["Hi"], "top_n": 1}),
        "moderation": (MODERATIONS, {"input": "Hi"}),
    }
)
_TRANSIENT = (Overloaded, FirstByteTimeout)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a probe found: when (seconds since 1970), how long it took, and what is wrong, if
    anything is; `called` says that the model itself has answered."""

    at: float
    seconds: float
    error: GatewayError | None = None
    called: bool = False


class _Aimed:
    """Stands where route stands, for a call whose deployment is chosen."""

    name = "probe"
    needs: frozenset[str] = frozenset()
    gives = frozenset({"deployment"})

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        async for event in proceed():
            yield event


class Probe:
    """Asks one deployment whether it is well."""

    def __init__(
        self,
        transport: Transport,
        dialects: Mapping[str, Dialect],
        policy: RoutePolicy,
        clock: Clock,
    ) -> None:
        self._transport = transport
        self._clock = clock
        stages = (_Aimed(), Translate(dialects, policy), Stream(transport, dialects))
        self._chain = Chain(stages)

    async def __call__(self, deployment: Deployment, within: float) -> Checked:
        """What it answers in so many seconds; nothing is raised."""
        begun = self._clock.monotonic()
        error: GatewayError | None = None
        called = False
        try:
            async with asyncio.timeout(within):
                if not await self._listed(deployment):
                    called = await self._called(deployment)
        except TimeoutError:
            error = FirstByteTimeout(f"It did not answer within {within:g} s.")
        except GatewayError as found:
            error = found
        return Checked(self._clock.time(), self._clock.monotonic() - begun, error, called)

    async def _listed(self, deployment: Deployment) -> bool:
        """Whether its provider lists models, which shows that it answers and takes the key."""
        provider = deployment.provider
        if deployment.probe_model or not (deployment.base_url and provider.models_path):
            return False
        request = UpstreamRequest(
            url=deployment.base_url.rstrip("/") + provider.models_path,
            headers={"Accept": "application/json", **deployment.headers},
            body=b"",
            pool=provider.name,
            dialect="",
            streaming=False,
            first_byte=PATIENCE,
            idle=PATIENCE,
            method="GET",
        )
        await deployment.credential.sign(request)
        async with self._transport.open(request) as reply:
            if reply.status in (401, 403):
                raise Denied(f"The list of models was answered with {reply.status}.")
            if reply.status >= 500:
                raise UpstreamFailed(f"The list of models was answered with {reply.status}.")
            await reply.body(MOST)
            return reply.status == 200

    async def _called(self, deployment: Deployment) -> bool:
        """Whether the model has answered; one that would be dear is not asked."""
        asked = _ASKS.get(deployment.mode)
        model = deployment.probe_model or deployment.model
        if asked is None or "*" in model:
            return False
        operation, body = asked
        call = Call(operation, orjson.dumps({"model": model, **body}), [])
        exchange = Exchange("probe", call, self._clock.monotonic())
        exchange.attempt(replace(deployment, model=model), self._clock.monotonic())
        async with self._chain.run(exchange) as flow:
            async for _ in flow:
                pass
        return True


class Probes:
    """Probes all deployments again and again, and remembers what it found."""

    def __init__(
        self, probe: Probe, settings: ProbeSettings, routes: Routes, health: Health, clock: Clock
    ) -> None:
        self._probe = probe
        self._settings = settings
        self._routes = routes
        self._health = health
        self._clock = clock
        self._found: dict[str, Checked] = {}
        self._closed: set[str] = set()

    def last(self, id: str) -> Checked | None:
        """What the last probe of this deployment found."""
        return self._found.get(id)

    async def run(self) -> None:
        """Probe all in turn, every so often; runs until it is cancelled."""
        while True:
            await self.cycle()
            await self._clock.sleep(self._settings.every)

    async def cycle(self) -> None:
        """Probe all deployments that are watched, and let those rest that are not well, where the
        operator wants it; a group that has no other is never closed by it."""
        watched = [one for one in self._routes.deployments if self._watches(one)]
        await self.ask(watched)
        kept = {one.id for one in watched}
        self._found = {id: one for id, one in self._found.items() if id in kept}
        if self._settings.routing:
            well = {one.group for one in self._routes.deployments if not self._unfit(one)}
            for one in watched:
                if self._unfit(one) and one.group in well:
                    self._close(one)
                else:
                    self._open(one.id)

    async def ask(self, deployments: Iterable[Deployment]) -> None:
        """Probe these now, so many at once as the operator allows."""
        room = asyncio.Semaphore(self._settings.at_once or AT_ONCE)

        async def one(deployment: Deployment) -> None:
            async with room:
                within = deployment.probe_timeout or self._settings.within
                found = self._found[deployment.id] = await self._probe(deployment, within)
            # A list of models says nothing of a model that failed, or is at its limit.
            if found.error is None and found.called:
                self._health.woken(deployment.id, found.at)

        await asyncio.gather(*(one(each) for each in deployments))

    def _watches(self, deployment: Deployment) -> bool:
        groups = self._settings.groups
        return not deployment.unwatched and (not groups or deployment.group in groups)

    def _unfit(self, deployment: Deployment) -> bool:
        found = self._found.get(deployment.id)
        if found is None or found.error is None:
            return False
        return not (self._settings.ignores_transient and isinstance(found.error, _TRANSIENT))

    def _open(self, id: str) -> None:
        if id in self._closed:
            self._closed.discard(id)
            self._health.woken(id, self._clock.time())

    def _close(self, deployment: Deployment) -> None:
        found = self._found[deployment.id]
        assert found.error is not None
        seconds = self._settings.stale_after
        reason = f"it does not answer probes: {found.error.message}"
        self._closed.add(deployment.id)
        self._health.rested(deployment.id, Rest(found.at + seconds, reason, seconds))
