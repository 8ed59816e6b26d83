"""One provisioned generation of the configuration, and the only place where it is put together.

The rule: whatever a call needs is opened here and handed down through constructors.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.assembly import assemble
from pipelines.chain import Chain
from pipelines.dialects.base import Dialect
from pipelines.ports import KeyStore, Ports, ResponseStore
from pipelines.registry import DIALECTS
from pipelines.routing.routes import Routes
from proxy.background import Background
from proxy.clock import SystemClock
from proxy.config.settings import Settings
from proxy.discovery import Discovery
from proxy.stores.keys.master import MasterKeys, OpenKeys
from proxy.stores.reasoning.memory import MemoryReasoning
from proxy.stores.responses.memory import MemoryResponses
from proxy.telemetry.logging import LogJournal
from proxy.transport.choice import SchemeTransport
from proxy.transport.client import HttpTransport
from proxy.transport.mock import MockTransport


@dataclass(slots=True)
class Runtime:
    """Everything that serves calls under one configuration."""

    settings: Settings
    chain: Chain
    keys: KeyStore
    routes: Routes
    dialects: Mapping[str, Dialect]
    discovery: Discovery
    background: Background
    _http: HttpTransport
    responses: ResponseStore | None = None

    @classmethod
    def provision(cls, settings: Settings, background: Background) -> Runtime:
        """Open what the configuration asks for. Raises ChainOrder."""
        clock = SystemClock()
        http = HttpTransport(settings.connect_timeout, _verification(settings.ssl_verify))
        transport = SchemeTransport(http, {"mock": MockTransport(clock)})
        keys = _keys(settings.master_key)
        responses = MemoryResponses(clock)
        ports = Ports(
            keys=keys,
            transport=transport,
            journal=LogJournal(),
            clock=clock,
            routes=settings.routes,
            policy=settings.policy,
            dialects=DIALECTS,
            responses=responses,
            thoughts=MemoryReasoning(clock),
        )
        return cls(
            settings=settings,
            chain=assemble(settings.stages, ports),
            keys=keys,
            routes=settings.routes,
            dialects=DIALECTS,
            discovery=Discovery(transport, clock, settings.routes, background),
            background=background,
            _http=http,
            responses=responses,
        )

    async def close(self) -> None:
        """Close what was opened."""
        await self._http.close()


def _keys(master_key: str | None) -> KeyStore:
    # An empty key is one that nobody has, not the wish for an open door.
    return OpenKeys() if master_key is None else MasterKeys(master_key)


def _verification(verify: bool | str) -> bool | ssl.SSLContext:
    if not isinstance(verify, str):
        return verify
    if Path(verify).is_dir():
        return ssl.create_default_context(capath=verify)
    return ssl.create_default_context(cafile=verify)
