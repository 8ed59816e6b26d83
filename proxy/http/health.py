"""Is the gateway alive, is it ready, and what does it serve?

The rule: a model is called for an admin alone who names it, and strangers learn nothing but the
state; a store that is gone is told and turns no calls away, for the gateway goes on without it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from pipelines.deployment import Deployment
from pipelines.errors import StoreUnavailable, Unauthenticated
from pipelines.exchange import Principal
from pipelines.keys import LITELLM_HEADER, presented_secret
from proxy import __version__
from proxy.http.live import Live
from proxy.http.models import find_principal
from proxy.http.plain import JsonReply
from proxy.runtime import Runtime

# As LiteLLM calls the role of whoever has the master key.
ADMIN = "proxy_admin"
FRESH = 1.0


class Health:
    """Answers the health checks of people, balancers and LiteLLM's clients."""

    def __init__(self, current: Callable[[], Runtime], live: Live) -> None:
        self._current = current
        self._live = live
        self._started = time.monotonic()
        self._fresh_until = 0.0
        self._last: dict[str, object] = {}

    async def root(self, request: Request) -> Response:
        """What this is."""
        return JsonReply({"name": "Headgate", "version": __version__, "api": "/v1"})

    async def health(self, request: Request) -> Response:
        """The state; for a caller with a good key also the deployments that it may use, as LiteLLM
        lists them. With `model` or `model_id`, an admin has the providers asked now."""
        runtime = self._current()
        answer: dict[str, object] = {
            "status": "draining" if self._live.draining else "healthy",
            "version": __version__,
            "uptime_seconds": round(time.monotonic() - self._started, 1),
            "models": len(runtime.routes.names) + len(runtime.routes.wildcards),
        }
        caller = await _caller(runtime, request)
        if caller is not None:
            members = _asked_for(runtime, request, caller)
            wanted = any(request.query_params.get(name) for name in ("model", "model_id"))
            if wanted and caller.role == ADMIN and runtime.probes is not None:
                await runtime.probes.ask(members)
            answer |= _listed(runtime, members)
        return JsonReply(answer)

    async def alive(self, request: Request) -> Response:
        """LiteLLM's liveness answer."""
        if self._live.draining:
            return JsonReply({"status": "shutting_down"}, 503)
        return JsonReply("I'm alive!")

    async def ready(self, request: Request) -> Response:
        """Whether new calls are welcome."""
        if self._live.draining:
            return JsonReply({"status": "shutting_down"}, 503)
        return JsonReply({"status": "healthy", **await self._states(), "version": __version__})

    async def _states(self) -> dict[str, object]:
        """The state of each store, asked for at most once a second."""
        now = time.monotonic()
        if now >= self._fresh_until:
            self._fresh_until = now + FRESH
            self._last = await _states(self._current())
        return self._last


async def _states(runtime: Runtime) -> dict[str, object]:
    stores, caching = runtime.stores, runtime.settings.caching
    found: dict[str, object] = {"db": "Not connected"}
    if stores is not None and await stores.answers():
        found["db"] = "connected"
    if caching.policy.enabled:
        found["cache"] = caching.kind if await runtime.replies.ping() else "disconnected"
    if runtime.shared is not None:
        found["redis"] = "connected" if runtime.shared.up else "disconnected"
    return found


async def _caller(runtime: Runtime, request: Request) -> Principal | None:
    header = runtime.settings.key_header
    name = header.lower().encode() if header else LITELLM_HEADER
    try:
        if presented_secret(request.scope["headers"], name) is None:
            return None
        return await find_principal(runtime, request)
    except (Unauthenticated, StoreUnavailable):
        return None


def _asked_for(runtime: Runtime, request: Request, caller: Principal) -> list[Deployment]:
    """The deployments that the caller may use and asks for."""
    model, id = request.query_params.get("model"), request.query_params.get("model_id")
    group = runtime.routes.group(model) if model else None
    return [
        one
        for one in runtime.routes.deployments
        if (group is None or group in (one.group, one.model, f"{one.provider.name}/{one.model}"))
        and id in (None, one.id)
        and caller.may_use(one.group)
    ]


def _listed(runtime: Runtime, members: Iterable[Deployment]) -> dict[str, object]:
    well: list[dict[str, object]] = []
    unwell: list[dict[str, object]] = []
    for one in members:
        row, good = _row(runtime, one)
        (well if good else unwell).append(row)
    return {
        "healthy_endpoints": well,
        "unhealthy_endpoints": unwell,
        "healthy_count": len(well),
        "unhealthy_count": len(unwell),
    }


def _row(runtime: Runtime, one: Deployment) -> tuple[dict[str, object], bool]:
    """One deployment as LiteLLM lists it, and whether it is well."""
    details = runtime.settings.probing.details
    row: dict[str, object] = {
        "model": f"{one.provider.name}/{one.model}",
        "model_name": one.group,
        "model_id": one.id,
    }
    now = time.time()
    rest = runtime.health.rest(one.id, now)
    checked = None if runtime.probes is None else runtime.probes.last(one.id)
    error = None if checked is None or checked.error is None else checked.error.message
    if details:
        row["api_base"] = one.base_url
        if checked is not None:
            row["last_check"] = datetime.fromtimestamp(checked.at, UTC).isoformat()
        if rest is not None:
            row["rests_for_seconds"] = round(rest.until - now, 1)
        reason = error if rest is None else rest.reason
        if reason is not None:
            row["error"] = reason
    return row, rest is None and error is None
