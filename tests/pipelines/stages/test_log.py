"""Log writes one record a call, whatever became of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from pipelines.errors import (
    BadCall,
    ConnectFailed,
    InternalError,
    StreamBroken,
    UpstreamFailed,
)
from pipelines.events import Data, End
from pipelines.exchange import Exchange, Principal
from pipelines.record import AttemptRecord, Record
from pipelines.stages.log import Log
from pipelines.usage import NO_USAGE, Usage
from tests.builders import (
    KNOWN_USAGE,
    SECRET,
    Rest,
    a_body,
    a_call,
    a_deployment,
    a_head,
    a_principal,
    a_stream_call,
    an_exchange,
    flow_of,
    left_after,
    taken,
)
from tests.fakes.ports import FakeClock, FakeJournal

GOOD = (a_head(), Data(b"a"), End(NO_USAGE))


def a_full_exchange() -> Exchange:
    """An exchange with everything that a record speaks of."""
    call = a_stream_call()
    exchange = an_exchange(call, a_principal("ann"), a_deployment(model="gpt-4o-2024"))
    assert call.streaming
    exchange.usage = KNOWN_USAGE
    exchange.cost = 42
    exchange.first_byte = 100.5
    exchange.fallbacks = 1
    return exchange


def recorded(exchange: Exchange, rest: Rest, now: float = 103.0) -> Record:
    """The one record of a call that ran to its end or failed."""
    journal = FakeJournal()

    with suppress(Exception):
        asyncio.run(taken(Log(journal, FakeClock(now))(exchange, rest)))
    assert len(journal.records) == 1
    return journal.records[0]


def test_log_passes_the_very_same_events() -> None:
    flow = Log(FakeJournal(), FakeClock())(an_exchange(), flow_of(*GOOD))
    assert [id(event) for event in asyncio.run(taken(flow))] == [id(event) for event in GOOD]


def test_log_tells_all_of_a_good_call() -> None:
    assert recorded(a_full_exchange(), flow_of(*GOOD)) == Record(
        id="call-1",
        operation="chat",
        outcome="ok",
        status=200,
        duration=3.0,
        key="ann",
        model="gpt",
        deployment="d1",
        provider="acme",
        upstream_model="gpt-4o-2024",
        streaming=True,
        usage=KNOWN_USAGE,
        cost=42,
        first_byte=0.5,
        fallbacks=1,
        attempts=(AttemptRecord("d1", 3.0),),
    )


def test_log_tells_where_the_call_came_from() -> None:
    exchange = an_exchange(a_call(client="192.0.2.7"))
    assert recorded(exchange, flow_of(*GOOD)).client == "192.0.2.7"


def test_log_tells_for_whom_a_call_was_and_who_says_what_it_cost() -> None:
    exchange = a_full_exchange()
    exchange.started, exchange.serial, exchange.cost_source = 1_793_000_000.0, "s", "table"
    exchange.principal = Principal(
        "ann",
        key_id="k",
        user_id="u",
        team_id="t",
        organization_id="o",
        end_user="e",
        tags=("x",),
    )
    found = recorded(exchange, flow_of(*GOOD))
    assert (found.started, found.serial, found.cost_source) == (1_793_000_000.0, "s", "table")
    assert (found.key_id, found.user_id, found.team_id) == ("k", "u", "t")
    assert (found.organization_id, found.end_user, found.tags) == ("o", "e", ("x",))


def test_log_puts_nothing_before_the_call_is_over() -> None:
    journal = FakeJournal()

    async def run() -> int:
        flow = Log(journal, FakeClock())(an_exchange(), flow_of(*GOOD))
        await anext(flow)
        before = len(journal.records)
        await flow.aclose()
        return before

    assert asyncio.run(run()) == 0
    assert len(journal.records) == 1


def test_log_tells_of_a_refusal() -> None:
    record = recorded(an_exchange(), flow_of(BadCall("The field 'x' is missing.", "x")))
    assert (record.outcome, record.status) == ("refused", 400)
    assert record.error == "The field 'x' is missing."
    assert (record.key, record.deployment, record.attempts) == (None, None, ())


def test_log_tells_of_a_body_that_is_no_call() -> None:
    record = recorded(an_exchange(a_call(b"{")), flow_of(BadCall("no JSON")))
    assert (record.outcome, record.model, record.streaming) == ("refused", None, False)


def test_log_does_not_parse_a_body_that_nobody_read() -> None:
    call = a_call(a_body("gpt"))
    record = recorded(an_exchange(call), flow_of(BadCall("stranger")))
    assert record.model is None
    assert call.parsed is None


def test_log_tells_of_a_failure_before_the_first_byte() -> None:
    record = recorded(a_full_exchange(), flow_of(ConnectFailed("Acme is down.")))
    assert (record.outcome, record.status, record.error) == ("failed", 502, "Acme is down.")


def test_log_hides_no_error() -> None:
    error = ConnectFailed("Acme is down.")
    flow = Log(FakeJournal(), FakeClock())(an_exchange(), flow_of(error))
    with pytest.raises(ConnectFailed) as raised:
        asyncio.run(taken(flow))
    assert raised.value is error


def test_log_tells_of_a_reply_that_broke_after_the_first_byte() -> None:
    rest = flow_of(a_head(), Data(b"a"), StreamBroken("cut"))
    record = recorded(a_full_exchange(), rest)
    assert (record.outcome, record.status, record.error) == ("broken", 200, "cut")


def test_log_tells_every_try() -> None:
    exchange = an_exchange(a_call(), a_principal(), a_deployment("d1"))
    exchange.attempts[0].error = UpstreamFailed("first one failed")
    exchange.attempts[0].ended = 101.0
    exchange.attempt(a_deployment("d2", provider=None), 101.5)
    record = recorded(exchange, flow_of(*GOOD))
    assert record.attempts == (
        AttemptRecord("d1", 1.0, "first one failed"),
        AttemptRecord("d2", 1.5),
    )
    assert record.deployment == "d2"


@pytest.mark.parametrize("before", [1, 2])
def test_log_tells_that_the_client_left(before: int) -> None:
    exchange, journal = a_full_exchange(), FakeJournal()
    exchange.client_gone = True
    flow = Log(journal, FakeClock())(exchange, flow_of(*GOOD))
    asyncio.run(left_after(flow, before))
    (record,) = journal.records
    assert (record.outcome, record.status, record.error) == ("client_gone", 499, None)
    assert record.usage == KNOWN_USAGE


def test_log_tells_a_shutdown_from_a_client_that_left() -> None:
    journal = FakeJournal()
    flow = Log(journal, FakeClock())(a_full_exchange(), flow_of(*GOOD))
    asyncio.run(left_after(flow, 2))
    assert [(one.outcome, one.status) for one in journal.records] == [("shutdown", 200)]


def test_log_tells_a_shutdown_before_the_first_byte() -> None:
    rest = flow_of(asyncio.CancelledError())
    journal = FakeJournal()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(taken(Log(journal, FakeClock())(an_exchange(), rest)))
    assert [(one.outcome, one.status) for one in journal.records] == [("shutdown", 503)]


def test_log_tells_that_the_client_left_while_the_provider_was_silent() -> None:
    exchange, journal = an_exchange(), FakeJournal()
    exchange.client_gone = True
    with pytest.raises(asyncio.CancelledError):
        flow = Log(journal, FakeClock())(exchange, flow_of(asyncio.CancelledError()))
        asyncio.run(taken(flow))
    assert [(one.outcome, one.status) for one in journal.records] == [("client_gone", 499)]


def test_log_names_our_own_fault_without_its_words() -> None:
    record = recorded(an_exchange(), flow_of(RuntimeError("prompt: tell me a secret")))
    assert (record.outcome, record.status, record.error) == ("failed", 500, "RuntimeError")
    record = recorded(an_exchange(), flow_of(a_head(), Data(b"a"), KeyError("secret")))
    assert (record.outcome, record.status, record.error) == ("failed", 200, "KeyError")
    assert recorded(an_exchange(), flow_of(InternalError())).outcome == "failed"


def test_log_keeps_no_prompt_no_answer_and_no_secret() -> None:
    call = a_call(
        a_body(messages=[{"role": "user", "content": "my prompt"}]),
        headers=[(b"authorization", b"Bearer " + SECRET.encode())],
    )
    exchange = an_exchange(call, a_principal(), a_deployment())
    exchange.notes["plugin"] = "note"
    record = recorded(exchange, flow_of(a_head(), Data(b"the answer"), End(NO_USAGE)))
    words = repr(record)
    assert not any(word in words for word in ("my prompt", "the answer", SECRET, "note"))


def test_log_cuts_a_monstrous_model_name() -> None:
    call = a_call(a_body("m" * 1_000_000))
    assert call.model
    exchange = an_exchange(call, a_principal(), a_deployment(model="n" * 1_000_000))
    record = recorded(exchange, flow_of(*GOOD))
    assert (record.model, record.upstream_model) == ("m" * 200, "n" * 200)


def test_log_takes_the_usage_as_it_stands_when_the_call_is_over() -> None:
    exchange, journal = a_full_exchange(), FakeJournal()

    async def run() -> None:
        flow = Log(journal, FakeClock())(exchange, flow_of(*GOOD))
        await anext(flow)
        exchange.usage = replace(KNOWN_USAGE, completion_tokens=99)
        await flow.aclose()

    asyncio.run(run())
    assert journal.records[0].usage == Usage(prompt_tokens=9, completion_tokens=99)
