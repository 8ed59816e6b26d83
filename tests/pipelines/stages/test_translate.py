"""Translate writes the provider's request and watches the reply, which it does not touch."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.errors import BadCall, StreamBroken, Unsupported, UpstreamFailed
from pipelines.events import Data, End, Event, Head, Media
from pipelines.exchange import Exchange
from pipelines.money import Prices
from pipelines.operations import MESSAGES
from pipelines.provider import Endpoint
from pipelines.registry import DIALECTS
from pipelines.routing.policy import RoutePolicy
from pipelines.stages.translate import Translate, safe_segment
from pipelines.traces import handed_on
from pipelines.upstream import UpstreamRequest
from pipelines.usage import NO_USAGE
from tests.builders import (
    DONE,
    KNOWN_USAGE,
    Rest,
    Step,
    a_call,
    a_chunk,
    a_completion,
    a_deployment,
    a_head,
    a_provider,
    a_stream_call,
    a_usage_chunk,
    an_exchange,
    flow_of,
    left_after,
    sse,
    taken,
)

PRICES = Prices(prompt=1_000_000, completion=2_000_000)
POLICY = RoutePolicy(first_byte=11.0, whole=22.0, idle=33.0)
TRANSLATE = Translate(DIALECTS, POLICY)
FINISHED = sse(a_chunk(None, "stop"))
CUT_CODE = "upstream_truncated"


def translated(*steps: Step, call: Call | None = None) -> tuple[list[Event], Exchange]:
    """What comes out for a flow of these steps, and the exchange after it."""
    exchange = an_exchange(call or a_stream_call(), deployment=a_deployment(prices=PRICES))
    return asyncio.run(taken(TRANSLATE(exchange, flow_of(*steps)))), exchange


def request_for(call: Call | None = None, **deployment: Any) -> UpstreamRequest:
    """The request that is written for a deployment."""
    exchange = an_exchange(call or a_call(), deployment=a_deployment(**deployment))
    events = (a_head(Media.JSON), Data(a_completion()), End(NO_USAGE))
    if exchange.call.streaming:
        events = (a_head(), Data(FINISHED + DONE), End(NO_USAGE))
    asyncio.run(taken(TRANSLATE(exchange, flow_of(*events))))
    return exchange.upstream


def served_at(**endpoint: Any) -> Deployment:
    """A deployment of a provider whose chat has this endpoint."""
    provider = a_provider(endpoints={"chat": Endpoint(**endpoint)}, api_version="2024-10-21")
    return a_deployment(provider=provider, model="gpt-4o")


def test_translate_passes_the_very_same_events_of_a_stream() -> None:
    events = (a_head(), Data(sse(a_chunk("a"))), Data(sse(a_chunk("b"))), Data(FINISHED + DONE))
    got, _ = translated(*events, End(NO_USAGE))
    assert [id(event) for event in got[:-1]] == [id(event) for event in events]
    assert type(got[-1]) is End


def test_translate_passes_the_very_same_document() -> None:
    events = (a_head(Media.JSON), Data(a_completion()))
    got, exchange = translated(*events, End(NO_USAGE), call=a_call())
    assert [id(event) for event in got[:-1]] == [id(event) for event in events]
    assert got[-1] == End(KNOWN_USAGE)
    assert exchange.usage == KNOWN_USAGE


def test_translate_counts_what_a_stream_cost() -> None:
    reads = (Data(FINISHED), Data(sse(a_usage_chunk()) + DONE))
    got, exchange = translated(a_head(), *reads, End(NO_USAGE))
    assert got == [a_head(), Data(FINISHED), Data(DONE), End(KNOWN_USAGE)]
    assert exchange.usage == KNOWN_USAGE
    assert exchange.cost == (9 * 1_000_000 + 12 * 2_000_000) // 1000


def test_translate_knows_no_cost_where_it_knows_no_price() -> None:
    exchange = an_exchange(a_call(), deployment=a_deployment())
    rest = flow_of(a_head(Media.JSON), Data(a_completion()), End(NO_USAGE))
    asyncio.run(taken(TRANSLATE(exchange, rest)))
    assert (exchange.usage, exchange.cost) == (KNOWN_USAGE, None)


def test_translate_gives_no_empty_data() -> None:
    reads = (Data(b'data: {"half'), Data(b'":1}\n\n'), Data(FINISHED), Data(sse(a_usage_chunk())))
    got, _ = translated(a_head(), *reads, Data(DONE), End(NO_USAGE))
    assert b"" not in [event.raw for event in got if isinstance(event, Data)]


def test_translate_adds_the_end_mark_that_the_provider_left_out() -> None:
    got, _ = translated(a_head(), Data(FINISHED), End(NO_USAGE))
    assert got[:-1] == [a_head(), Data(FINISHED), Data(DONE)]


def test_translate_gives_what_stood_before_an_error_and_then_breaks() -> None:
    got: list[Event] = []
    good, bad = sse(a_chunk("a")), sse({"error": {"message": "gone"}})
    exchange = an_exchange(a_stream_call(), deployment=a_deployment())
    rest = flow_of(a_head(), Data(good + bad), Data(DONE), End(NO_USAGE))
    with pytest.raises(StreamBroken):
        asyncio.run(taken(TRANSLATE(exchange, rest), got))
    assert got == [a_head(), Data(good)]
    assert exchange.usage.estimated


def test_translate_closes_the_rest_when_the_reply_turns_out_to_be_an_error() -> None:
    # Route may try elsewhere then, for minutes; this connection must not stay open that long.
    exchange = an_exchange(a_stream_call(), deployment=a_deployment())
    rest = flow_of(a_head(), Data(sse({"error": {"message": "busy"}})), Data(DONE))

    async def run() -> int:
        with pytest.raises(UpstreamFailed):
            await taken(TRANSLATE(exchange, rest))
        return rest.closed

    assert asyncio.run(run()) == 1


def test_translate_tells_a_cut_stream_from_a_whole_one() -> None:
    got: list[Event] = []
    exchange = an_exchange(a_stream_call(), deployment=a_deployment())
    rest = flow_of(a_head(), Data(sse(a_chunk("a"))), End(NO_USAGE))
    with pytest.raises(StreamBroken) as raised:
        asyncio.run(taken(TRANSLATE(exchange, rest), got))
    assert raised.value.code == CUT_CODE
    assert End not in [type(event) for event in got]


def test_translate_accounts_for_what_was_seen_when_it_is_closed_midway() -> None:
    exchange = an_exchange(a_stream_call(), deployment=a_deployment(prices=PRICES))
    rest = flow_of(a_head(), Data(sse(a_chunk("a"))), Data(sse(a_chunk("b"))))
    asyncio.run(left_after(TRANSLATE(exchange, rest), 2))
    assert exchange.usage.estimated
    assert exchange.usage.completion_tokens == 1
    assert exchange.cost is not None
    assert exchange.cost > 0
    assert rest.closed == 1


def test_translate_refuses_an_operation_that_the_provider_has_not() -> None:
    exchange = an_exchange(deployment=a_deployment(provider=a_provider(endpoints={})))
    rest = flow_of(a_head())
    with pytest.raises(Unsupported, match="openai-chat calls"):
        asyncio.run(taken(TRANSLATE(exchange, rest)))
    assert rest.opened == 0


def test_translate_refuses_a_dialect_of_another_kind() -> None:
    exchange = an_exchange(deployment=served_at(path="/embeddings", dialect="openai-embeddings"))
    rest = flow_of(a_head())
    with pytest.raises(Unsupported, match="openai-chat calls"):
        asyncio.run(taken(TRANSLATE(exchange, rest)))
    assert rest.opened == 0


def test_translate_makes_a_stream_of_a_document() -> None:
    got, exchange = translated(a_head(Media.JSON), Data(a_completion()), End(NO_USAGE))
    assert got[0] == Head(200, a_head(Media.JSON).headers, Media.SSE)
    raw = b"".join(event.raw for event in got if isinstance(event, Data))
    assert raw.startswith(b"data: {")
    assert raw.endswith(DONE)
    assert exchange.usage == KNOWN_USAGE


def test_translate_commits_to_nothing_by_an_empty_document() -> None:
    got: list[Event] = []
    exchange = an_exchange(a_stream_call(), deployment=a_deployment())
    rest = flow_of(a_head(Media.JSON), Data(b""), End(NO_USAGE))
    with pytest.raises(UpstreamFailed):
        asyncio.run(taken(TRANSLATE(exchange, rest), got))
    assert [type(event) for event in got] == [Head]


def test_translate_makes_a_document_of_a_stream() -> None:
    reads = (Data(sse(a_chunk("a"))), Data(FINISHED + sse(a_usage_chunk()) + DONE))
    got, exchange = translated(a_head(), *reads, End(NO_USAGE), call=a_call())
    assert [type(event) for event in got] == [Head, Data, End]
    assert isinstance(got[0], Head)
    assert got[0].media is Media.JSON
    assert isinstance(got[1], Data)
    assert orjson.loads(got[1].raw)["choices"][0]["message"]["content"] == "a"
    assert exchange.usage == KNOWN_USAGE


def test_translate_sends_an_unchanged_body_byte_for_byte() -> None:
    call = a_call(b'{ "model" : "gpt", "messages": [ ], "x": 1.0 }')
    request = request_for(call)
    assert request.body is call.raw
    assert request.url == "https://acme.example/v1/chat/completions"
    assert request.headers == {"Content-Type": "application/json"}
    assert (request.method, request.pool, request.streaming) == ("POST", "acme", False)


def test_translate_writes_the_body_of_the_deployments_model() -> None:
    request = request_for(a_call(b'{"model":"gpt","messages":[]}'), model="other")
    assert request.body == b'{"model":"other","messages":[]}'


def test_translate_sends_none_of_the_clients_headers_but_those_of_the_deployment() -> None:
    call = a_call(headers=[(b"authorization", b"Bearer sk-client"), (b"x-a", b"1")])
    request = request_for(call, headers={"X-Org": "acme"})
    assert request.headers == {"Content-Type": "application/json", "X-Org": "acme"}


@pytest.mark.parametrize(
    ("times", "streaming", "first_byte"),
    [
        ({}, True, 11.0),
        ({}, False, 22.0),
        ({"timeout": 5.0}, True, 5.0),
        ({"timeout": 5.0}, False, 5.0),
        ({"timeout": 5.0, "stream_timeout": 3.0}, True, 3.0),
        ({"timeout": 5.0, "stream_timeout": 3.0}, False, 5.0),
        ({"stream_timeout": 3.0}, False, 22.0),
    ],
)
def test_translate_gives_the_deployments_times_before_the_policys(
    times: dict[str, float], streaming: bool, first_byte: float
) -> None:
    request = request_for(a_stream_call() if streaming else a_call(), **times)
    assert (request.first_byte, request.idle, request.streaming) == (first_byte, 33.0, streaming)


def test_translate_puts_model_and_version_where_the_endpoint_wants_them() -> None:
    azure = served_at(
        path="/openai/deployments/{model}/chat/completions",
        query={"api-version": "{api_version}"},
        dialect="openai-chat",
    )
    everywhere = served_at(
        path="/{api_version}/{model}",
        query={"m": "{model}", "v": "{api_version}", "k": "a b"},
        dialect="openai-chat",
    )
    exchange = an_exchange(deployment=azure)
    asyncio.run(left_after(TRANSLATE(exchange, flow_of(a_head())), 1))
    assert exchange.upstream.url == (
        "https://acme.example/v1/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    )
    exchange = an_exchange(deployment=everywhere)
    asyncio.run(left_after(TRANSLATE(exchange, flow_of(a_head())), 1))
    assert exchange.upstream.url == (
        "https://acme.example/v1/2024-10-21/gpt-4o?m=gpt-4o&v=2024-10-21&k=a%20b"
    )


def test_translate_takes_the_deployments_version_before_the_providers() -> None:
    query = {"api-version": "{api_version}"}
    provider = a_provider(
        endpoints={"chat": Endpoint("/chat", "openai-chat", query)}, api_version="old"
    )
    request = request_for(provider=provider, api_version="2030&x=1")
    assert request.url == "https://acme.example/v1/chat?api-version=2030%26x%3D1"


@pytest.mark.parametrize(
    "model",
    ["gpt-4o", "gpt-4o-2024-08-06", "meta.llama3:0", "a@b", "A_b.c", "m" * 200],
)
def test_safe_segment_lets_a_models_name_stand(model: str) -> None:
    assert safe_segment(model) == model


@pytest.mark.parametrize(
    "model",
    [
        "",
        "..",
        "a..b",
        "../admin",
        "a/b",
        "a\\b",
        "a?b",
        "a#b",
        "a%2fb",
        "%2e%2e",
        "a b",
        "a\n",
        "a\r\nHost: evil",
        "a\x00",
        ".hidden",
        ":80",
        "@evil.example",
        "{model}",
        "ä",
        "m" * 201,
    ],
)
def test_safe_segment_refuses_what_could_leave_its_place(model: str) -> None:
    with pytest.raises(BadCall) as raised:
        safe_segment(model)
    assert raised.value.param == "model"


def test_translate_builds_each_attempt_anew_from_the_unchanged_call() -> None:
    call = a_call(b'{"model":"gpt","messages":[]}')
    exchange = an_exchange(call, deployment=a_deployment(model="one", headers={"X-One": "1"}))
    asyncio.run(left_after(TRANSLATE(exchange, Rest([a_head()])), 1))
    exchange.attempt(a_deployment(model="two"), 1.0)
    asyncio.run(left_after(TRANSLATE(exchange, Rest([a_head()])), 1))
    assert exchange.upstream.body == b'{"model":"two","messages":[]}'
    assert "X-One" not in exchange.upstream.headers
    assert call.raw == b'{"model":"gpt","messages":[]}'


def test_safe_segment_keeps_amazons_long_names_one_segment() -> None:
    name = "arn:aws:bedrock:eu-west-1:123:inference-profile/eu.anthropic.claude-v1:0"
    assert safe_segment(name) == name.replace("/", "%2F")
    for evil in ("arn:aws:bedrock:../../x", "arn:evil/x", "arn:aws:a?b"):
        with pytest.raises(BadCall):
            safe_segment(evil)


def test_translate_hands_betas_to_a_provider_of_the_same_dialect_only() -> None:
    raw = orjson.dumps({"model": "gpt", "max_tokens": 5, "messages": []})
    call = Call(MESSAGES, raw, [(b"anthropic-beta", b"a")])
    own = a_provider(endpoints={"messages": Endpoint("/v1/messages", "anthropic-messages")})
    exchange = an_exchange(call, deployment=a_deployment(provider=own))
    events = (a_head(Media.JSON), Data(b'{"content":[]}'), End(NO_USAGE))
    asyncio.run(taken(TRANSLATE(exchange, flow_of(*events))))
    assert exchange.upstream.headers["anthropic-beta"] == "a"
    assert "anthropic-beta" not in request_for(call).headers


def test_translate_gives_a_translated_call_the_operators_defaults() -> None:
    provider = a_provider(endpoints={"messages": Endpoint("/messages", "anthropic-messages")})
    deployment = a_deployment(provider=provider, defaults={"max_tokens": 77, "temperature": 0.1})
    call = a_call(b'{"model":"gpt","temperature":0.5,"messages":[{"role":"user","content":"x"}]}')
    exchange = an_exchange(call, deployment=deployment)
    with pytest.raises(UpstreamFailed):
        asyncio.run(taken(TRANSLATE(exchange, flow_of(a_head(Media.JSON), End(NO_USAGE)))))
    sent = orjson.loads(exchange.upstream.body)
    assert (sent["max_tokens"], sent["temperature"]) == (77, 0.5)


def test_translate_writes_v1_once_where_both_address_and_path_have_it() -> None:
    provider = a_provider(endpoints={"messages": Endpoint("/v1/messages", "anthropic-messages")})
    deployment = a_deployment(provider=provider, base_url="https://acme.example/v1")
    exchange = an_exchange(a_call(), deployment=deployment)
    with pytest.raises(UpstreamFailed):
        asyncio.run(taken(TRANSLATE(exchange, flow_of(a_head(Media.JSON), End(NO_USAGE)))))
    assert exchange.upstream.url == "https://acme.example/v1/messages"


def test_translate_tells_what_a_reply_held_and_the_client_cannot_read() -> None:
    served = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    body = {"content": [served, {"type": "text", "text": "so"}], "stop_reason": "end_turn"}
    provider = a_provider(endpoints={"messages": Endpoint("/v1/messages", "anthropic-messages")})
    exchange = an_exchange(a_call(), deployment=a_deployment(provider=provider))
    rest = flow_of(a_head(Media.JSON), Data(orjson.dumps(body)), End(NO_USAGE))
    got = asyncio.run(taken(TRANSLATE(exchange, rest)))
    assert isinstance(got[1], Data)
    assert orjson.loads(got[1].raw)["choices"][0]["message"]["content"] == "so"
    assert exchange.losses == ["dropped:server_tool_use"]


def test_translate_tells_the_client_of_a_value_that_nobody_can_read() -> None:
    deployment = served_at(path="/messages", dialect="anthropic-messages")
    exchange = an_exchange(a_stream_call(tools=5), deployment=deployment)
    with pytest.raises(BadCall):
        asyncio.run(taken(TRANSLATE(exchange, flow_of())))


def test_a_provider_is_told_the_trace_only_where_that_is_wanted() -> None:
    assert "traceparent" not in request_for().headers
    telling = Translate(DIALECTS, replace(POLICY, traces=True))
    exchange = an_exchange(a_call(), deployment=a_deployment())
    events = (a_head(Media.JSON), Data(a_completion()), End(NO_USAGE))
    asyncio.run(taken(telling(exchange, flow_of(*events))))
    assert exchange.upstream.headers["traceparent"] == handed_on(exchange)
