"""Finds out what a wildcard such as `openai/*` really offers, by asking the provider.

The rule: nobody waits for a provider longer than he said he would; what comes later is there for
the next one who asks, and a provider that fails keeps the names that it last gave.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

import orjson

from pipelines.clock import Clock
from pipelines.deployment import Deployment
from pipelines.errors import GatewayError, UpstreamFailed
from pipelines.ports import Transport
from pipelines.routing.routes import EXPRESSION, Routes
from pipelines.upstream import UpstreamRequest

FRESH = 300.0
FAILED = 30.0
PATIENCE = 10.0
MAX_NAMES = 2_000
MAX_NAME = 200
MAX_BODY = 8 << 20


class Spawner(Protocol):
    """Runs work that outlives the one who asked for it."""

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start the work and keep hold of it."""


@dataclass(slots=True)
class _Known:
    """What is known of one deployment: its names, until when, and the look-up under way."""

    names: tuple[str, ...] = ()
    until: float = float("-inf")
    lookup: asyncio.Task[None] | None = None


class Discovery:
    """The public names behind the wildcards; each provider is asked at most every five minutes."""

    def __init__(
        self, transport: Transport, clock: Clock, routes: Routes, background: Spawner
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._background = background
        self._known = {
            deployment.id: (deployment, _Known())
            for deployment in routes.deployments
            if _can_be_asked(deployment)
        }

    async def models(self, within: float = 0.8) -> tuple[str, ...]:
        """The names known after at most so many seconds, sorted; look-ups go on after that."""
        lookups = [
            known.lookup
            for deployment, known in self._known.values()
            if self._refresh(deployment, known) and known.lookup is not None
        ]
        if lookups:
            await asyncio.wait(lookups, timeout=within)
        return tuple(sorted({name for _, known in self._known.values() for name in known.names}))

    def _refresh(self, deployment: Deployment, known: _Known) -> bool:
        if known.lookup is not None and not known.lookup.done():
            return True
        now = self._clock.monotonic()
        if now < known.until:
            return False
        # A look-up that dies of something unforeseen is not begun again at once either.
        known.until = now + FAILED
        work = self._look_up(deployment, known)
        known.lookup = self._background.spawn(work, f"discover {deployment.id}")
        return True

    async def _look_up(self, deployment: Deployment, known: _Known) -> None:
        with suppress(GatewayError, orjson.JSONDecodeError):
            known.names = _public(deployment, await self._ask(deployment))
            known.until = self._clock.monotonic() + FRESH

    async def _ask(self, deployment: Deployment) -> list[str]:
        request = UpstreamRequest(
            url=deployment.base_url.rstrip("/") + deployment.provider.models_path,
            headers={"Accept": "application/json", **deployment.headers},
            body=b"",
            pool=deployment.provider.name,
            dialect="",
            streaming=False,
            first_byte=PATIENCE,
            idle=PATIENCE,
            method="GET",
        )
        await deployment.credential.sign(request)
        async with self._transport.open(request) as reply:
            if reply.status != 200:
                raise UpstreamFailed(f"The list of models was answered with {reply.status}.")
            return _ids(orjson.loads(await reply.body(MAX_BODY)))


def ollama_is_up(host: str = "127.0.0.1", port: int = 11434, within: float = 0.3) -> bool:
    """Whether something accepts connections where Ollama listens; blocks for `within` seconds."""
    try:
        socket.create_connection((host, port), within).close()
    except OSError:
        return False
    return True


def _can_be_asked(deployment: Deployment) -> bool:
    group, model = deployment.group, deployment.model
    # Of a name with more than one open part nobody can tell which names there are.
    wild = group.count("*") == model.count("*") == 1 and not group.startswith(EXPRESSION)
    return wild and bool(deployment.base_url and deployment.provider.models_path)


def _ids(listing: object) -> list[str]:
    rows = listing.get("data") if isinstance(listing, dict) else listing
    if not isinstance(rows, list):
        raise UpstreamFailed("The list of models is no list.")
    ids = (row.get("id") for row in rows if isinstance(row, dict))
    return [name for name in ids if _is_name(name)]


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME and value.isprintable()


def _public(deployment: Deployment, ids: list[str]) -> tuple[str, ...]:
    """The names by which a client may ask for these models, as `Routes.find` understands them."""
    before, _, after = deployment.model.partition("*")
    pattern = re.compile(re.escape(before) + "(.+)" + re.escape(after))
    found = (pattern.fullmatch(name) for name in ids)
    head, _, tail = deployment.group.partition("*")
    return tuple(sorted({head + match[1] + tail for match in found if match})[:MAX_NAMES])
