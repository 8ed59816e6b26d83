"""Is the gateway alive, is it ready, and what does it serve?

The rule: no question here calls a model, and strangers learn nothing but the state.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from pipelines.errors import StoreUnavailable, Unauthenticated
from pipelines.keys import LITELLM_HEADER, presented_secret
from proxy import __version__
from proxy.http.live import Live
from proxy.http.models import find_principal
from proxy.http.plain import JsonReply
from proxy.runtime import Runtime


class Health:
    """Answers the health checks of people, balancers and LiteLLM's clients."""

    def __init__(self, current: Callable[[], Runtime], live: Live) -> None:
        self._current = current
        self._live = live
        self._started = time.monotonic()

    async def root(self, request: Request) -> Response:
        """What this is."""
        return JsonReply({"name": "Headgate", "version": __version__, "api": "/v1"})

    async def health(self, request: Request) -> Response:
        """The state; for a caller with a good key also the deployments, as LiteLLM lists them."""
        runtime = self._current()
        answer: dict[str, object] = {
            "status": "draining" if self._live.draining else "healthy",
            "version": __version__,
            "uptime_seconds": round(time.monotonic() - self._started, 1),
            "models": len(runtime.routes.names) + len(runtime.routes.wildcards),
        }
        if await _is_known(runtime, request):
            endpoints = [
                {
                    "model": f"{one.provider.name}/{one.model}",
                    "model_name": one.group,
                    "model_id": one.id,
                    "api_base": one.base_url,
                }
                for one in runtime.routes.deployments
            ]
            answer |= {
                "healthy_endpoints": endpoints,
                "unhealthy_endpoints": [],
                "healthy_count": len(endpoints),
                "unhealthy_count": 0,
            }
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
        return JsonReply({"status": "healthy", "db": "Not connected", "version": __version__})


async def _is_known(runtime: Runtime, request: Request) -> bool:
    header = runtime.settings.key_header
    name = header.lower().encode() if header else LITELLM_HEADER
    try:
        if presented_secret(request.scope["headers"], name) is None:
            return False
        await find_principal(runtime, request)
    except (Unauthenticated, StoreUnavailable):
        return False
    return True
