"""From the client's dialect to the provider's, and back.

The rule: between two who speak the same dialect, bytes pass untouched and are only watched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from pipelines.deployment import Deployment
from pipelines.dialects.base import Dialect, Gauge
from pipelines.errors import BadCall, Unsupported, UpstreamError
from pipelines.events import Data, End, Flow, Proceed
from pipelines.exchange import Exchange
from pipelines.money import cost
from pipelines.provider import Endpoint
from pipelines.routing.policy import RoutePolicy
from pipelines.upstream import UpstreamRequest

_SAFE_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,199}")


class Translate:
    """Writes the provider's request, and watches its reply for usage, errors and its end."""

    name = "translate"
    needs = frozenset({"deployment"})
    gives = frozenset({"upstream"})

    def __init__(self, dialects: Mapping[str, Dialect], policy: RoutePolicy) -> None:
        self._dialects = dialects
        self._policy = policy

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """Raises Unsupported, BadCall, UpstreamFailed and StreamBroken."""
        call, deployment = exchange.call, exchange.deployment
        endpoint = deployment.provider.endpoint(call.operation.name)
        dialect = self._dialects[call.operation.dialect]
        if endpoint.dialect != dialect.name:
            raise Unsupported(f"{call.operation.name} calls in this dialect", endpoint.dialect)
        exchange.upstream = self._request(exchange, endpoint, dialect.forward(call, deployment))
        gauge = dialect.gauge(call, deployment)
        ended = False
        flow = proceed()
        try:
            async for event in flow:
                if type(event) is Data:
                    raw = gauge.watch(event.raw)
                    if raw is event.raw:
                        yield event
                    elif raw:
                        yield Data(raw)
                    if gauge.fault is not None:
                        raise gauge.fault
                elif type(event) is End:
                    tail = gauge.close()
                    if tail:
                        yield Data(tail)
                    _account(exchange, gauge)
                    ended = True
                    yield End(exchange.usage)
                else:
                    yield event
        except UpstreamError:
            # Route may go on elsewhere: what the gauge found wrong must not stay open until then.
            await flow.aclose()
            raise
        finally:
            if not ended:
                _account(exchange, gauge)

    def _request(self, exchange: Exchange, endpoint: Endpoint, body: bytes) -> UpstreamRequest:
        deployment, streaming = exchange.deployment, exchange.call.streaming
        policy = self._policy
        if streaming:
            first_byte = deployment.stream_timeout or deployment.timeout or policy.first_byte
        else:
            first_byte = deployment.timeout or policy.whole
        return UpstreamRequest(
            url=_address(deployment, endpoint),
            headers={"Content-Type": "application/json", **deployment.headers},
            body=body,
            pool=deployment.provider.name,
            streaming=streaming,
            first_byte=first_byte,
            idle=policy.idle,
        )


def _account(exchange: Exchange, gauge: Gauge) -> None:
    exchange.usage = gauge.usage
    prices = exchange.deployment.prices
    exchange.cost = None if prices is None else cost(exchange.usage, prices)


def _address(deployment: Deployment, endpoint: Endpoint) -> str:
    version = deployment.api_version or deployment.provider.api_version
    path = endpoint.path
    if "{" in path:
        model = safe_segment(deployment.model) if "{model}" in path else ""
        path = path.format(model=model, api_version=quote(version, safe=""))
    url = deployment.base_url + path
    if endpoint.query:
        names = {"model": deployment.model, "api_version": version}
        pairs = (
            f"{name}={quote(value.format(**names), safe='')}"
            for name, value in endpoint.query.items()
        )
        url += "?" + "&".join(pairs)
    return url


def safe_segment(model: str) -> str:
    """The model's name as one segment of a path, which it cannot leave. Raises BadCall."""
    if _SAFE_MODEL.fullmatch(model) is None or ".." in model:
        raise BadCall(
            "The field 'model' has characters that this provider's address forbids.", "model"
        )
    return quote(model, safe="@:")
