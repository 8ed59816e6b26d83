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
from pipelines.events import Data, End, Flow, Media
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
        attempts=(AttemptRecord("d1", 3.0, cost=42, provider="acme", model="gpt-4o-2024"),),
        key_digest="digest",
        route="/chat/completions",
        api_base="https://acme.example/v1",
        received_bytes=len(a_stream_call().raw),
        sent_bytes=1,
        overhead=0.0,
        requested_model="gpt",
        model_group="gpt",
    )


def test_log_tells_where_the_call_belongs_by_its_clients_words() -> None:
    parent = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    headers = [
        (b"traceparent", parent),
        (b"user-agent", b"curl/8"),
        (b"x-litellm-session-id", b"s"),
    ]
    call = a_call(a_body(metadata={"trace_id": "t", "generation_name": "g"}), headers=headers)
    assert call.json
    found = recorded(an_exchange(call, a_principal(), a_deployment()), flow_of(*GOOD))
    assert (found.session_id, found.trace_id, found.parent_span) == ("s", "t", parent.decode())
    assert found.metadata == {"trace_id": "t", "generation_name": "g"}
    assert found.user_agent == "curl/8"


def test_log_tells_both_the_model_that_was_asked_for_and_what_it_stood_for() -> None:
    exchange, journal = an_exchange(a_call(a_body("alias"))), FakeJournal()

    async def rest() -> Flow:
        exchange.call = exchange.call.altered({"model": "gpt"})
        exchange.attempt(a_deployment("d1", "group", model="gpt-2024"), 101.0)
        yield a_head()
        yield End(NO_USAGE)

    asyncio.run(taken(Log(journal, FakeClock(103.0))(exchange, rest)))
    (found,) = journal.records
    assert (found.requested_model, found.model) == ("alias", "gpt")
    assert (found.model_group, found.upstream_model) == ("group", "gpt-2024")


def test_log_tells_what_the_provider_calls_the_last_attempt() -> None:
    exchange = a_full_exchange()
    exchange.attempts[0].heard = [(b"server", b"x"), (b"request-id", b"req_1")]
    assert recorded(exchange, flow_of(*GOOD)).provider_request_id == "req_1"


def test_log_tells_how_long_only_the_gateway_was_at_work() -> None:
    exchange = an_exchange()
    exchange.attempt(a_deployment(), 100.25)
    exchange.attempts[0].first_byte, exchange.first_byte = 102.0, 102.5
    assert recorded(exchange, flow_of(*GOOD)).overhead == 0.75


def test_the_time_of_a_kept_answer_is_the_gateways_own() -> None:
    exchange = an_exchange()
    exchange.cache, exchange.first_byte = "hit", 100.5
    assert recorded(exchange, flow_of(*GOOD)).overhead == 0.5


def test_nobody_knows_the_gateways_own_time_where_a_call_waited_for_another() -> None:
    exchange = an_exchange()
    exchange.cache = "joined"
    assert recorded(exchange, flow_of(*GOOD)).overhead is None


def test_log_counts_the_bytes_of_a_reply_that_broke() -> None:
    rest = flow_of(a_head(), Data(b"abc"), Data(b"de"), StreamBroken("cut"))
    found = recorded(a_full_exchange(), rest)
    assert (found.sent_bytes, found.error_class) == (5, "StreamBroken")


def test_log_tells_what_the_provider_called_the_error() -> None:
    fault = UpstreamFailed("Acme is busy.")
    fault.provider_status = 529
    found = recorded(a_full_exchange(), flow_of(fault))
    assert (found.error_class, found.provider_status) == ("UpstreamFailed", 529)


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
        AttemptRecord(
            "d1",
            1.0,
            "first one failed",
            "first",
            "upstream_error",
            provider="acme",
            model="gpt",
            error_class="UpstreamFailed",
        ),
        AttemptRecord("d2", 1.5, began=1.5, provider="acme", model="gpt"),
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


def test_log_tells_no_prompt_that_a_provider_repeats() -> None:
    call = a_call(a_body(messages=[{"role": "user", "content": "the cat is called Grane"}]))
    assert call.json
    exchange = an_exchange(call, a_principal(), a_deployment())
    fault = UpstreamFailed("no answer to 'the cat is called Grane'")
    exchange.attempts[0].error = fault
    record = recorded(exchange, flow_of(fault))
    assert record.error == record.attempts[0].error == "no answer to '[…]'"


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


class FakeTexts:
    """Keeps the texts of every call that answers, or of all."""

    def __init__(self, refused: bool = True) -> None:
        self.refused = refused
        self.heard: list[bytes] = []
        self.records: list[Record] = []
        self.media: list[Media | None] = []
        self.take, self.put = self.heard.append, self.records.append

    def hear(self, exchange: Exchange, media: Media | None) -> FakeTexts | None:
        self.media.append(media)
        return self if media or self.refused else None


def kept(rest: Rest, texts: FakeTexts) -> FakeJournal:
    """The journal of a call whose texts may be kept."""
    journal = FakeJournal()
    with suppress(Exception):
        asyncio.run(taken(Log(journal, FakeClock(), texts=texts)(a_full_exchange(), rest)))
    return journal


def test_who_keeps_the_texts_hears_the_reply_and_gets_the_record() -> None:
    texts = FakeTexts()
    journal = kept(flow_of(a_head(), Data(b"a"), Data(b"b"), End(NO_USAGE)), texts)
    assert (texts.heard, texts.media, journal.records) == ([b"a", b"b"], [Media.SSE], [])
    assert [(one.outcome, one.sent_bytes) for one in texts.records] == [("ok", 2)]


def test_a_refused_call_is_kept_with_its_texts_too() -> None:
    texts = FakeTexts()
    journal = kept(flow_of(BadCall("no")), texts)
    assert (texts.media, journal.records) == ([None], [])
    assert [one.outcome for one in texts.records] == ["refused"]


def test_a_call_whose_texts_are_not_kept_is_in_the_journal() -> None:
    journal = kept(flow_of(BadCall("no")), FakeTexts(refused=False))
    assert [one.outcome for one in journal.records] == ["refused"]
