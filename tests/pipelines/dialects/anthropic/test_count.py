"""Tokens are counted by the provider that can, and estimated for all others."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from pipelines.call import Call
from pipelines.dialects.anthropic.count import ANTHROPIC_COUNT, CountGauge
from pipelines.dialects.base import AnswersItself, OwnStatuses, SendsHeaders
from pipelines.dialects.losses import Losses
from pipelines.errors import (
    BadCall,
    Overloaded,
    StreamBroken,
    Unsupported,
    UpstreamError,
    UpstreamFailed,
)
from pipelines.events import Data, End, Event, Headers, Media
from pipelines.exchange import Exchange
from pipelines.operations import COUNT_TOKENS
from pipelines.providers.load import load_catalog
from pipelines.registry import DIALECTS
from pipelines.routing.policy import RoutePolicy
from pipelines.stages.translate import Translate
from pipelines.usage import NO_USAGE
from tests.builders import a_deployment, a_head, an_exchange, flow_of, taken

COUNT = b'{"input_tokens": 12}'
BODY = {"model": "m", "messages": [{"role": "user", "content": "Hello there"}]}
POLICY = RoutePolicy(first_byte=1, whole=1, idle=1)


def a_count(headers: Headers | None = None, **more: object) -> Call:
    """A call that asks for a count."""
    return Call(COUNT_TOKENS, orjson.dumps({**BODY, **more}), headers or [])


def counted(call: Call, *events: Event, provider: str = "") -> tuple[list[Event], Exchange]:
    """What the stage gives for the call, and the exchange after it."""
    row = load_catalog()[provider] if provider else None
    exchange = an_exchange(call, deployment=a_deployment(model="claude-x", provider=row))
    stage = Translate(DIALECTS, POLICY)
    return asyncio.run(taken(stage(exchange, flow_of(*events)))), exchange


def test_a_provider_that_counts_is_asked_at_its_own_address() -> None:
    call = a_count([(b"anthropic-beta", b"token-counting")])
    got, exchange = counted(
        call, a_head(Media.JSON), Data(COUNT), End(NO_USAGE), provider="anthropic"
    )
    assert got[1:] == [Data(COUNT), End(NO_USAGE)]
    assert exchange.upstream.url == "https://api.anthropic.com/v1/messages/count_tokens"
    assert exchange.upstream.body == call.raw.replace(b'"m"', b'"claude-x"')
    assert exchange.upstream.headers["anthropic-beta"] == "token-counting"
    assert exchange.losses == []


def test_for_all_others_the_count_is_an_estimate_and_told() -> None:
    (head, data, end), exchange = counted(a_count(tools=[{"name": "f", "input_schema": {}}]))
    assert isinstance(data, Data)
    few = orjson.loads(data.raw)
    assert set(few) == {"input_tokens"}
    assert 5 < few["input_tokens"] < 60
    assert (head.status, head.media) == (200, Media.JSON)  # type: ignore[union-attr]
    assert end == End(NO_USAGE)
    assert exchange.losses == ["emulated:count_tokens"]


def test_an_estimate_is_refused_where_no_loss_is_wanted() -> None:
    with pytest.raises(Unsupported):
        counted(a_count([(b"x-headgate-strict", b"true")]))


def test_a_body_that_is_none_is_a_bad_call() -> None:
    with pytest.raises(BadCall):
        ANTHROPIC_COUNT.answer(a_count(messages=[{"role": "nobody"}]), Losses("Acme"))


def test_a_larger_prompt_has_more_tokens() -> None:
    def tokens(words: str) -> int:
        call = a_count(messages=[{"role": "user", "content": words}])
        answer = orjson.loads(ANTHROPIC_COUNT.answer(call, Losses("Acme")))
        return int(answer["input_tokens"])

    assert tokens("a word " * 100) > tokens("a word ") + 100


def test_what_is_no_count_is_an_error() -> None:
    for raw, kind in (
        (b"nope", UpstreamFailed),
        (b"[]", UpstreamFailed),
        (b'{"input_tokens":"12"}', UpstreamFailed),
        (b'{"type":"error","error":{"type":"overloaded_error"}}', Overloaded),
    ):
        with pytest.raises(UpstreamError) as caught:
            CountGauge("Acme").watch(raw)
        assert isinstance(caught.value, kind)
        assert not isinstance(caught.value, StreamBroken)


def test_a_body_that_cannot_be_spliced_is_written_anew() -> None:
    raw = b'{"model":"m","model":"m","messages":[]}'
    sent = ANTHROPIC_COUNT.forward(Call(COUNT_TOKENS, raw, []), a_deployment(model="claude-x"))
    assert orjson.loads(sent) == {"model": "claude-x", "messages": []}


def test_it_is_anthropics_in_all_the_rest() -> None:
    dialect = DIALECTS["anthropic-count"]
    for kind in (AnswersItself, OwnStatuses, SendsHeaders):
        assert isinstance(dialect, kind)
    error = dialect.upstream_error(529, [], b"", a_deployment())
    assert isinstance(error, Overloaded)
    assert orjson.loads(dialect.error(error))["error"]["type"] == "overloaded_error"
    assert dialect.error_events(error).startswith(b"event: error")
    assert ANTHROPIC_COUNT.status(error) == 529
    with pytest.raises(Unsupported):
        dialect.interpreter("Acme")
