"""A reply that outgrows its budget ends as one of the greatest length; the provider is left."""

from __future__ import annotations

import pytest

from pipelines.call import Call
from pipelines.chain import Chain
from pipelines.dialects.responses.gauge import ResponsesStreamGauge
from pipelines.errors import OverBudget
from pipelines.events import Data, End, Event, Flow, Head, Media, Proceed
from pipelines.exchange import Exchange
from pipelines.operations import MESSAGES, RESPONSES
from pipelines.provider import Endpoint
from pipelines.registry import DIALECTS
from pipelines.routing.policy import RoutePolicy
from pipelines.stages.translate import Translate
from pipelines.usage import NO_USAGE
from tests.builders import (
    DONE,
    Rest,
    a_body,
    a_call,
    a_chunk,
    a_deployment,
    a_head,
    a_provider,
    a_stream_call,
    an_exchange,
    flow_of,
    sse,
    taken,
)

OVER = OverBudget("no more")
TRANSLATE = Translate(DIALECTS, RoutePolicy())


class Cutting:
    """A stage that ends the reply at the first of its data."""

    name = "cutting"
    needs: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        async for event in proceed():
            if type(event) is Data and exchange.cut is None:
                await exchange.cut_short(OVER)
            yield event


class Source:
    """A provider that plays a script."""

    name = "stream"
    needs: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        return self._rest()


class Meters:
    meters = True
    check_at = None

    async def take(self, deployment: object) -> None: ...

    async def meter(self) -> None: ...

    def settle(self) -> None: ...

    def beside(self, exchange: Exchange) -> Meters:
        return self


async def cut(
    call: Call, rest: Rest, into: list[Event] | None = None
) -> tuple[list[Event], Exchange]:
    """What comes out where the first data is one too many."""
    endpoints = {
        "chat": Endpoint("/chat/completions", "openai-chat"),
        "responses": Endpoint("/responses", "openai-responses"),
    }
    deployment = a_deployment(provider=a_provider(endpoints=endpoints))
    exchange = an_exchange(call, deployment=deployment)
    exchange.reservation = Meters()
    async with Chain([Cutting(), _Given(), TRANSLATE, Source(rest)]).run(exchange) as flow:
        return await taken(flow, into), exchange


class _Given:
    name = "given"
    needs: frozenset[str] = frozenset()
    gives = frozenset({"deployment"})

    def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        return proceed()


WORD = sse(a_chunk("a"))


async def test_a_cut_reply_ends_in_good_order_and_leaves_the_provider() -> None:
    rest = flow_of(a_head(), Data(WORD), Data(sse(a_chunk("b"))), Data(DONE), End(NO_USAGE))
    got, exchange = await cut(a_stream_call(), rest)
    assert [type(one) for one in got] == [Head, Data, Data, End]
    assert got[1] == Data(WORD)
    tail = got[2]
    assert isinstance(tail, Data)
    assert b'"finish_reason":"length"' in tail.raw
    assert tail.raw.endswith(DONE)
    assert got[3] == End(exchange.usage)
    assert exchange.usage.estimated
    assert exchange.usage.completion_tokens == 1
    assert exchange.losses == ["cut:budget"]
    assert rest.closed == 1


async def test_the_cut_falls_between_two_events() -> None:
    half = sse(a_chunk("b"))[:20]
    got, _ = await cut(a_stream_call(), flow_of(a_head(), Data(WORD + half), End(NO_USAGE)))
    assert got[1] == Data(WORD)


async def test_a_translated_reply_is_cut_in_the_clients_dialect() -> None:
    call = a_call(a_body(stream=True, max_tokens=9), MESSAGES)
    got, exchange = await cut(call, flow_of(a_head(), Data(WORD), Data(WORD), End(NO_USAGE)))
    tail = got[-2]
    assert isinstance(tail, Data)
    assert b'"stop_reason":"max_tokens"' in tail.raw
    assert tail.raw.endswith(b'{"type":"message_stop"}\n\n')
    assert exchange.losses[-1] == "cut:budget"


async def test_a_reply_that_is_whole_already_is_not_cut() -> None:
    whole = WORD + sse(a_chunk(None, "stop")) + DONE
    got, exchange = await cut(a_stream_call(), flow_of(a_head(), Data(whole), End(NO_USAGE)))
    assert got[1:] == [Data(whole), End(exchange.usage)]
    assert exchange.losses == []


async def test_what_cannot_be_cut_breaks_with_the_reason() -> None:
    got: list[Event] = []
    body = b'{"choices":[{"index":0}]}'
    rest = flow_of(a_head(Media.JSON), Data(body), End(NO_USAGE))
    with pytest.raises(OverBudget) as raised:
        await cut(a_call(), rest, got)
    assert raised.value is OVER
    assert got == [a_head(Media.JSON), Data(body)]


async def test_a_dialect_that_tells_all_again_keeps_what_it_said() -> None:
    raw = b'{"model":"gpt","input":"x","stream":true}'
    told = sse({"type": "response.output_text.delta", "delta": "a"})
    _, exchange = await cut(a_call(raw, RESPONSES), flow_of(a_head(), Data(told), End(NO_USAGE)))
    gauge = exchange.gauge
    assert isinstance(gauge, ResponsesStreamGauge)
    assert list(gauge._passed) == [told]
    assert gauge._passed.maxlen is None
