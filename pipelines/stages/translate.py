"""From the client's dialect to the provider's, and back.

The rule: between two who speak the same dialect, bytes pass untouched and are only watched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from pipelines.call import Call
from pipelines.costs import account
from pipelines.deployment import Deployment
from pipelines.dialects.base import (
    AnswersItself,
    CutsShort,
    Dialect,
    Gauge,
    SendsHeaders,
    TellsAgain,
)
from pipelines.dialects.bridge import BYTES_PER_TOKEN, Bridge, Writer
from pipelines.dialects.going_on import ask_to_go_on, fits, marked_for, prefills
from pipelines.dialects.losses import Losses
from pipelines.dialects.shape import MISSHAPEN, misshapen
from pipelines.errors import BadCall, GatewayError, UpstreamError
from pipelines.events import Data, End, Event, Flow, Head, Media, Proceed
from pipelines.exchange import Exchange
from pipelines.ports import ThoughtStore
from pipelines.prompt import Prompt
from pipelines.provider import Endpoint
from pipelines.reasoning import Listener, keys_of, listener_for, owner_of, restore
from pipelines.routing.policy import RoutePolicy
from pipelines.traces import handed_on
from pipelines.upstream import UpstreamRequest
from pipelines.usage import NO_USAGE

STRICT = b"x-headgate-strict"

_SAFE_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,199}")
# Amazon's long names; their slashes are encoded, so that they stay one segment.
_ARN = re.compile(r"arn:aws[a-z-]*:[A-Za-z0-9._:/-]{1,500}")


class Translate:
    """Writes the provider's request, and watches its reply for usage, errors and its end."""

    name = "translate"
    needs = frozenset({"deployment"})
    gives = frozenset({"upstream"})

    def __init__(
        self,
        dialects: Mapping[str, Dialect],
        policy: RoutePolicy,
        thoughts: ThoughtStore | None = None,
    ) -> None:
        self._dialects = dialects
        self._policy = policy
        self._thoughts = thoughts
        # Asked once, not at every call: a check against a protocol is dear.
        self._sending = {
            name: one for name, one in dialects.items() if isinstance(one, SendsHeaders)
        }
        self._answering = {
            name: one for name, one in dialects.items() if isinstance(one, AnswersItself)
        }
        self._again = {name: one for name, one in dialects.items() if isinstance(one, TellsAgain)}
        self._kin: dict[str, frozenset[str]] = {
            one.kind: frozenset(other.name for other in dialects.values() if other.kind == one.kind)
            for one in dialects.values()
        }

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """Raises Unsupported, BadCall, UpstreamFailed and StreamBroken."""
        answer = self._answer(exchange)
        if answer is not None:
            yield Head(200, [], Media.JSON)
            yield Data(answer)
            yield End(NO_USAGE)
            return
        spoken, listener = await self._prepare(exchange)
        gauge: Gauge | None = None
        ended = False
        flow = proceed()
        exchange.leave = flow.aclose
        try:
            async for event in flow:
                if type(event) is Data and gauge is not None:
                    raw = gauge.watch(event.raw)
                    if raw:
                        yield event if raw is event.raw else Data(raw)
                    if gauge.fault is not None:
                        raise gauge.fault
                elif type(event) is End and gauge is not None:
                    last = await self._last(exchange, gauge, gauge.close(), listener)
                    ended = True
                    for one in last:
                        yield one
                elif type(event) is Head:
                    gauge, head = self._watcher(exchange, spoken, event, listener)
                    exchange.gauge = gauge
                    yield head
            if exchange.cut is not None and gauge is not None and not ended:
                tail = _cut_short(exchange, exchange.cut, gauge)
                last = await self._last(exchange, gauge, tail, listener)
                ended = True
                for one in last:
                    yield one
        except UpstreamError:
            # Route may go on elsewhere: what the gauge found wrong must not stay open until then.
            await flow.aclose()
            raise
        finally:
            if gauge is not None and not ended:
                _account(exchange, gauge)

    async def _last(
        self, exchange: Exchange, gauge: Gauge, tail: bytes, listener: Listener | None
    ) -> tuple[Event, ...]:
        """The events that end the flow."""
        await self._remember(exchange, listener)
        _account(exchange, gauge)
        end = End(exchange.usage)
        return (Data(tail), end) if tail else (end,)

    def _answer(self, exchange: Exchange) -> bytes | None:
        """The gateway's own answer, to a call that the provider has no endpoint for."""
        call, deployment = exchange.call, exchange.deployment
        heard = self._answering.get(call.operation.dialect)
        if heard is None:
            return None
        if deployment.provider.speaks(call.operation.dialect, deployment.model):
            return None
        strict = call.header(STRICT) == "true"
        losses = Losses(deployment.provider.title, deployment.drop_params, strict)
        answer = heard.answer(call, losses)
        exchange.losses = [*exchange.losses, *losses.told]
        return answer

    async def _prepare(self, exchange: Exchange) -> tuple[Dialect, Listener | None]:
        """Write the provider's request; gives the provider's dialect and who listens to it."""
        call, deployment = exchange.outgoing or exchange.call, exchange.deployment
        heard = self._dialects[call.operation.dialect]
        kin = self._kin[heard.kind]
        endpoint = deployment.provider.endpoint(heard.name, kin, deployment.model)
        spoken = self._dialects[endpoint.dialect]
        listener: Listener | None = None
        strict = call.header(STRICT) == "true"
        losses = Losses(deployment.provider.title, deployment.drop_params, strict)
        goes_on = exchange.continuation is not None and exchange.continuation.begun
        if spoken is heard and not goes_on:
            for name in sorted(deployment.provider.quirks.drop.intersection(call.json)):
                losses.knob(name)
            body = heard.forward(call, deployment)
            if exchange.continuation is not None:
                exchange.continuation.fits = _fits(heard, call)
        else:
            try:
                meaning = heard.parse(call.completed(deployment.defaults))
                if isinstance(meaning, Prompt):
                    listener = await self._recall(exchange, meaning, spoken, losses)
                body = orjson.dumps(_rendered(exchange, meaning, spoken, losses))
            except MISSHAPEN as error:
                raise misshapen(error) from error
        exchange.losses = [*exchange.losses, *losses.told]
        exchange.upstream = self._request(exchange, endpoint, body)
        if spoken is heard and heard.name in self._sending:
            exchange.upstream.headers.update(self._sending[heard.name].headers(call))
        if self._policy.traces:
            exchange.upstream.headers["traceparent"] = handed_on(exchange)
        # Half an answer's thoughts belong to no turn that a client sends back.
        return spoken, None if goes_on else listener

    async def _recall(
        self, exchange: Exchange, prompt: Prompt, spoken: Dialect, losses: Losses
    ) -> Listener | None:
        """Put back the reasoning that the client did not keep; gives who listens for more."""
        caller, deployment = exchange.known_principal, exchange.deployment
        if self._thoughts is None or caller is None:
            return None
        keys = keys_of(prompt)
        found = await self._thoughts.find(owner_of(caller), keys) if keys else {}
        if found and restore(prompt, found, deployment):
            losses.dropped("reasoning")
        return listener_for(prompt, deployment, spoken.name)

    async def _remember(self, exchange: Exchange, listener: Listener | None) -> None:
        caller = exchange.known_principal
        if self._thoughts is None or caller is None or listener is None:
            return
        kept = listener.kept()
        if kept:
            await self._thoughts.keep(owner_of(caller), kept)

    def _watcher(
        self, exchange: Exchange, spoken: Dialect, head: Head, listener: Listener | None
    ) -> tuple[Gauge, Head]:
        """Who watches the reply: a gauge where it passes as it is, else a bridge."""
        call, deployment = exchange.call, exchange.deployment
        heard = self._dialects[call.operation.dialect]
        writer: Writer | None = exchange.continuation
        if exchange.continuation is None or not exchange.continuation.fits:
            exchange.continuation = writer = None
        if spoken is heard and writer is None and head.media.streams == call.streaming:
            again = self._again.get(heard.name)
            if again is not None and exchange.reservation and exchange.reservation.meters:
                return again.keeping_gauge(call, deployment), head
            return heard.gauge(call, deployment), head
        if exchange.continuation is not None:
            exchange.continuation.adopt(heard.writer(call, exchange.id))
        bridge = Bridge(
            deployment.provider.title,
            spoken.interpreter(deployment.provider.title),
            spoken.frames(head.media) if head.media.streams else None,
            writer or heard.writer(call, exchange.id),
            len(call.raw) // BYTES_PER_TOKEN,
            listener,
        )
        media = heard.media if call.streaming else Media.JSON
        return bridge, Head(head.status, head.headers, media)

    def _request(self, exchange: Exchange, endpoint: Endpoint, body: bytes) -> UpstreamRequest:
        deployment, streaming = exchange.deployment, exchange.call.streaming
        policy = self._policy
        patience = exchange.patience
        return UpstreamRequest(
            url=_address(deployment, endpoint, streaming),
            headers={"Content-Type": "application/json", **deployment.headers},
            body=body,
            pool=deployment.provider.name,
            dialect=endpoint.dialect,
            streaming=streaming,
            first_byte=policy.patience(deployment, streaming) if patience is None else patience,
            idle=policy.idle,
        )


def _fits(heard: Dialect, call: Call) -> bool:
    """Whether another deployment could go on with the answer to this call."""
    try:
        return fits(heard.parse(call))
    except (GatewayError, *MISSHAPEN):
        # The provider, which gets the call as it is, may make more of it.
        return False


def _rendered(
    exchange: Exchange, meaning: Any, spoken: Dialect, losses: Losses
) -> Mapping[str, Any]:
    """The body for the provider; where it is to go on with an answer, with what was said of it."""
    deployment, continuation = exchange.deployment, exchange.continuation
    if continuation is None:
        return spoken.render(meaning, deployment, losses)
    if not continuation.begun:
        continuation.fits = fits(meaning)
        return spoken.render(meaning, deployment, losses)
    exact = prefills(meaning, deployment, spoken.name)
    before = exchange.total_usage
    continuation.resume(deployment.provider.title, exact, before)
    ask_to_go_on(meaning, continuation.words, before.completion_tokens, exact)
    body = spoken.render(meaning, deployment, losses)
    exchange.losses.append(f"continued:{exchange.attempts[-2].deployment.id}")
    return marked_for(deployment, body) if exact else body


def _cut_short(exchange: Exchange, error: GatewayError, gauge: Gauge) -> bytes:
    if not isinstance(gauge, CutsShort):
        raise error
    tail = gauge.cut_short(exchange.call)
    if tail:
        exchange.losses = [*exchange.losses, "cut:budget"]
    return tail


def _account(exchange: Exchange, gauge: Gauge) -> None:
    exchange.usage = gauge.usage
    account(exchange)
    if isinstance(gauge, Bridge):
        exchange.losses += [f"dropped:{name}" for name in gauge.lost]


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
