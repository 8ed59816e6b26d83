"""The metrics, for Prometheus.

The rule: as with LiteLLM, admins may read them and keys whose routes name them, besides the token
that is meant for nothing else; a scrape keeps no call waiting.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pipelines.access import may_call
from pipelines.errors import Forbidden, GatewayError
from pipelines.exchange import Principal
from proxy.http.live import Live
from proxy.http.models import find_principal
from proxy.http.plain import error_reply
from proxy.metering.meter import Level
from proxy.runtime import Runtime
from proxy.telemetry.metric_text import CONTENT_TYPE

PATH = "/metrics"
READERS = frozenset({"proxy_admin", "proxy_admin_viewer"})

_BEARER = "bearer "


class MetricsPage:
    """Answers scrapes."""

    def __init__(self, current: Callable[[], Runtime], live: Live) -> None:
        self._current = current
        self._live = live
        meter = current().meter
        if meter is not None:
            meter.watch(self._levels)

    async def text(self, request: Request) -> Response:
        """All metrics of this process, and of those that it shares a folder with."""
        runtime = self._current()
        if runtime.meter is None:
            raise HTTPException(404)
        try:
            if not _is_open(runtime, request):
                _check(await find_principal(runtime, request))
        except GatewayError as error:
            return error_reply(error)
        return StreamingResponse(runtime.meter.text(), media_type=CONTENT_TYPE)

    def _levels(self) -> Iterator[Level]:
        running = float(len(self._live))
        yield Level("headgate_open_calls", running)
        yield Level("headgate_open_streams", float(self._live.streams))
        yield Level("litellm_in_flight_requests", running)


def _check(principal: Principal) -> None:
    named = bool(principal.routes) and may_call(principal.routes, PATH, "management")
    if principal.role not in READERS and not named:
        raise Forbidden(
            "Metrics are for admins, and for keys whose allowed_routes name /metrics.", None
        )


def _is_open(runtime: Runtime, request: Request) -> bool:
    settings = runtime.settings.metering
    # Without a master key everybody may do everything.
    if settings.public or runtime.settings.master_key is None:
        return True
    given = request.headers.get("authorization", "")
    if settings.token is None or not given.lower().startswith(_BEARER):
        return False
    return hmac.compare_digest(given[len(_BEARER) :].strip().encode(), settings.token.encode())
