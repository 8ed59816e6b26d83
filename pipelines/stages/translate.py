"""From the client's dialect to the provider's, and back.

The rule: between two who speak the same dialect, bytes pass untouched and are only watched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

import orjson

from pipelines.deployment import Deployment
from pipelines.dialects.base import Dialect, Gauge, SendsHeaders
from pipelines.dialects.bridge import BYTES_PER_TOKEN, Bridge
from pipelines.dialects.losses import Losses
from pipelines.errors import BadCall, UpstreamError
from pipelines.events import Data, End, Flow, Head, Media, Proceed
from pipelines.exchange import Exchange
from pipelines.money import cost
from pipelines.provider import Endpoint
from pipelines.routing.policy import RoutePolicy
from pipelines.upstream import UpstreamRequest

STRICT = b"x-headgate-strict"

_SAFE_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,199}")
# Amazon's long names; their slashes are encoded, so that they stay one segment.
_ARN = re.compile(r"arn:aws[a-z-]*:[A-Za-z0-9._:/-]{1,500}")


class Translate:
    """Writes the provider's request, and watches its reply for usage, errors and its end."""

    name = "translate"
    needs = frozenset({"deployment"})
    gives = frozenset({"upstream"})

    def __init__(self, dialects: Mapping[str, Dialect], policy: RoutePolicy) -> None:
        self._dialects = dialects
        self._policy = policy
        self._kin: dict[str, frozenset[str]] = {
            one.kind: frozenset(other.name for other in dialects.values() if other.kind == one.kind)
            for one in dialects.values()
        }

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """Raises Unsupported, BadCall, UpstreamFailed and StreamBroken."""
        spoken, endpoint = self._prepare(exchange)
        gauge: Gauge | None = None
        ended = False
        flow = proceed()
        try:
            async for event in flow:
                if type(event) is Data and gauge is not None:
                    raw = gauge.watch(event.raw)
                    if raw:
                        yield event if raw is event.raw else Data(raw)
                    if gauge.fault is not None:
                        raise gauge.fault
                elif type(event) is End and gauge is not None:
                    tail = gauge.close()
                    if tail:
                        yield Data(tail)
                    _account(exchange, gauge)
                    ended = True
                    yield End(exchange.usage)
                elif type(event) is Head:
                    gauge, head = self._watcher(exchange, spoken, endpoint, event)
                    yield head
        except UpstreamError:
            # Route may go on elsewhere: what the gauge found wrong must not stay open until then.
            await flow.aclose()
            raise
        finally:
            if gauge is not None and not ended:
                _account(exchange, gauge)

    def _prepare(self, exchange: Exchange) -> tuple[Dialect, Endpoint]:
        """Write the provider's request; gives the provider's dialect and the place it goes to."""
        call, deployment = exchange.call, exchange.deployment
        heard = self._dialects[call.operation.dialect]
        endpoint = deployment.provider.endpoint(heard.name, self._kin[heard.kind])
        spoken = self._dialects[endpoint.dialect]
        exchange.losses = []
        if spoken is heard:
            body = heard.forward(call, deployment)
        else:
            strict = call.header(STRICT) == "true"
            losses = Losses(deployment.provider.title, deployment.drop_params, strict)
            meaning = heard.parse(call.completed(deployment.defaults))
            body = orjson.dumps(spoken.render(meaning, deployment, losses))
            exchange.losses = losses.told
        exchange.upstream = self._request(exchange, endpoint, body)
        if spoken is heard and isinstance(heard, SendsHeaders):
            exchange.upstream.headers.update(heard.headers(call))
        return spoken, endpoint

    def _watcher(
        self, exchange: Exchange, spoken: Dialect, endpoint: Endpoint, head: Head
    ) -> tuple[Gauge, Head]:
        """Who watches the reply: a gauge where it passes as it is, else a bridge."""
        call, deployment = exchange.call, exchange.deployment
        heard = self._dialects[call.operation.dialect]
        if spoken is heard and head.media.streams == call.streaming:
            return heard.gauge(call, deployment), head
        bridge = Bridge(
            deployment.provider.title,
            spoken.interpreter(deployment.provider.title),
            spoken.frames(head.media) if head.media.streams else None,
            heard.writer(call, exchange.id),
            len(call.raw) // BYTES_PER_TOKEN,
        )
        media = heard.media if call.streaming else Media.JSON
        return bridge, Head(head.status, head.headers, media)

    def _request(self, exchange: Exchange, endpoint: Endpoint, body: bytes) -> UpstreamRequest:
        deployment, streaming = exchange.deployment, exchange.call.streaming
        policy = self._policy
        if streaming:
            first_byte = deployment.stream_timeout or deployment.timeout or policy.first_byte
        else:
            first_byte = deployment.timeout or policy.whole
        return UpstreamRequest(
            url=_address(deployment, endpoint, streaming),
            headers={"Content-Type": "application/json", **deployment.headers},
            body=body,
            pool=deployment.provider.name,
            dialect=endpoint.dialect,
            streaming=streaming,
            first_byte=first_byte,
            idle=policy.idle,
        )


def _account(exchange: Exchange, gauge: Gauge) -> None:
    exchange.usage = gauge.usage
    prices = exchange.deployment.prices
    exchange.cost = None if prices is None else cost(exchange.usage, prices)


def _address(deployment: Deployment, endpoint: Endpoint, streaming: bool) -> str:
    version = deployment.api_version or deployment.provider.api_version
    path = (streaming and endpoint.stream_path) or endpoint.path
    query = (streaming and endpoint.stream_query) or endpoint.query
    if "{" in path:
        model = safe_segment(deployment.model) if "{model}" in path else ""
        path = path.format(model=model, api_version=quote(version, safe=""))
    base = deployment.base_url
    if base.endswith("/v1") and path.startswith("/v1/"):
        # LiteLLM's users write Anthropic's address with and without it.
        base = base.removesuffix("/v1")
    url = base + path
    if query:
        names = {"model": deployment.model, "api_version": version}
        pairs = (f"{name}={quote(value.format(**names), safe='')}" for name, value in query.items())
        url += "?" + "&".join(pairs)
    return url


def safe_segment(model: str) -> str:
    """The model's name as one segment of a path, which it cannot leave. Raises BadCall."""
    known = _SAFE_MODEL.fullmatch(model) or _ARN.fullmatch(model)
    if known is None or ".." in model:
        raise BadCall(
            "The field 'model' has characters that this provider's address forbids.", "model"
        )
    return quote(model, safe="@:")
