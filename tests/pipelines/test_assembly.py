"""A list of names becomes a chain, and the chain that ships carries a call from end to end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from pipelines.assembly import StageSpec, assemble
from pipelines.chain import Chain
from pipelines.errors import (
    BadCall,
    ChainOrder,
    ConnectFailed,
    Overloaded,
    StreamBroken,
    Unauthenticated,
    UpstreamFailed,
)
from pipelines.events import Data, End, Event
from pipelines.exchange import Exchange
from pipelines.ports import Ports
from pipelines.record import Record
from pipelines.registry import DEFAULT_STAGES, StageFactory, stage_factory
from pipelines.routing.routes import Fallbacks, Routes
from pipelines.stage import Stage
from tests.builders import (
    DONE,
    KNOWN_USAGE,
    a_body,
    a_call,
    a_chunk,
    a_completion,
    a_deployment,
    a_principal,
    a_stream,
    a_stream_call,
    an_exchange,
    sse,
    taken,
)
from tests.fakes.ports import (
    JSON,
    FakeJournal,
    FakeKeys,
    FakeReply,
    FakeTransport,
    Silence,
    fake_ports,
)
from tests.pipelines.test_chain import Traced

SPECS = [StageSpec(name) for name in DEFAULT_STAGES]


class House:
    """The chain that ships, in a world of fakes."""

    def __init__(self, *replies: FakeReply | UpstreamFailed | ConnectFailed) -> None:
        routes = Routes(
            [a_deployment("a"), a_deployment("b", "other", model="gpt-b")],
            fallbacks=Fallbacks({"gpt": ["other"]}),
        )
        self.transport = FakeTransport(*replies)
        self.ports = fake_ports(self.transport, routes)
        self.chain = assemble(SPECS, self.ports)
        self.events: list[Event] = []

    def run(self, exchange: Exchange) -> bytes:
        """The body that the client gets."""

        async def passage() -> None:
            async with self.chain.run(exchange) as flow:
                await taken(flow, self.events)

        asyncio.run(passage())
        return self.body

    @property
    def body(self) -> bytes:
        return b"".join(event.raw for event in self.events if isinstance(event, Data))

    @property
    def record(self) -> Record:
        journal = self.ports.journal
        assert isinstance(journal, FakeJournal)
        (record,) = journal.records
        return record


def test_assembly_makes_the_stages_in_their_order() -> None:
    assert assemble(SPECS, fake_ports()).names == DEFAULT_STAGES


def test_assembly_gives_each_stage_its_own_settings_and_the_ports() -> None:
    given: list[tuple[str, Mapping[str, object], Ports]] = []

    def find(name: str) -> StageFactory:
        def make(settings: Mapping[str, object], ports: Ports) -> Stage:
            given.append((name, settings, ports))
            return Traced(name, [])

        return make

    ports = fake_ports()
    chain = assemble([StageSpec("a", {"x": 1}), StageSpec("stream")], ports, find)
    assert isinstance(chain, Chain)
    assert given == [("a", {"x": 1}, ports), ("stream", {}, ports)]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("auth budget cache route translate log", "'stream' is missing"),
        ("route auth translate stream", "'route' needs principal"),
        ("auth translate route stream", "'translate' needs deployment"),
        ("auth route stream", "'stream' needs upstream"),
        ("auth auth route translate stream", "'auth' is listed twice"),
        ("auth gaurd route translate stream", "'gaurd' is unknown"),
        ("", "'stream' is missing"),
    ],
)
def test_assembly_refuses_what_cannot_be_run(names: str, words: str) -> None:
    with pytest.raises(ChainOrder, match=words):
        assemble([StageSpec(name) for name in names.split()], fake_ports())


def test_assembly_takes_the_key_header_from_the_settings_of_auth() -> None:
    keys = FakeKeys({"secret": a_principal("ann")})
    specs = [StageSpec("auth", {"key_header": "X-Acme-Key"}), *SPECS[1:]]
    transport = FakeTransport(FakeReply([a_stream("a")]))
    chain = assemble(specs, fake_ports(transport, Routes([a_deployment()]), keys))
    call = a_call(a_body(stream=True), headers=[(b"x-acme-key", b"secret")])
    exchange = an_exchange(call)

    async def passage() -> None:
        async with chain.run(exchange) as flow:
            await taken(flow)

    asyncio.run(passage())
    assert exchange.principal.alias == "ann"


def test_stages_may_be_left_out_and_moved() -> None:
    names = ["log", "auth", "cache", "route", "translate", "stream"]
    assert assemble([StageSpec(name) for name in names], fake_ports()).names == tuple(names)


@pytest.mark.parametrize("names", [["guard", *DEFAULT_STAGES], [*DEFAULT_STAGES, "guard"]])
def test_a_plugin_stage_may_stand_anywhere(names: list[str]) -> None:
    trail: list[str] = []

    def find(name: str) -> StageFactory:
        if name == "guard":
            return lambda settings, ports: Traced("guard", trail)
        return stage_factory(name)

    transport = FakeTransport(FakeReply([a_stream("a")]))
    ports = fake_ports(transport, Routes([a_deployment()]))
    chain = assemble([StageSpec(name) for name in names], ports, find)

    async def passage() -> None:
        async with chain.run(an_exchange(a_stream_call())) as flow:
            await taken(flow)

    asyncio.run(passage())
    assert trail == ["in guard", "out guard"]


def test_the_house_carries_a_stream() -> None:
    house = House(FakeReply([a_stream("a", "b")]))
    exchange = an_exchange(a_stream_call())
    assert house.run(exchange) == a_stream("a", "b", usage=False)
    assert house.events[-1] == End(KNOWN_USAGE)
    assert b'"include_usage":true' in house.transport.requests[0].body
    record = house.record
    assert (record.outcome, record.status, record.usage) == ("ok", 200, KNOWN_USAGE)
    assert (record.key, record.model, record.deployment) == ("anybody", "gpt", "a")


def test_the_house_carries_a_document() -> None:
    house = House(FakeReply([a_completion()], headers=[JSON]))
    assert house.run(an_exchange(a_call())) == a_completion()
    assert house.record.usage == KNOWN_USAGE


def test_the_house_falls_back_before_the_first_byte() -> None:
    busy = FakeReply([b'{"error":{"message":"slow down"}}'], 429, [JSON])
    house = House(busy, FakeReply([a_stream("a")]))
    exchange = an_exchange(a_stream_call())
    assert house.run(exchange) == a_stream("a", usage=False)
    assert b'"model":"gpt-b"' in house.transport.requests[1].body
    assert house.record.fallbacks == 1
    assert [attempt.deployment for attempt in house.record.attempts] == ["a", "b"]
    assert isinstance(exchange.attempts[0].error, Overloaded)


def test_the_house_leaves_a_failed_provider_before_it_asks_the_next() -> None:
    # What this one sends after its error must not hold a connection for the whole next reply.
    error = sse({"error": {"message": "overloaded", "code": 529}})
    house = House(FakeReply([b": ping\n\n", error, Silence()]), FakeReply([a_stream("a")]))
    assert house.run(an_exchange(a_stream_call())) == a_stream("a", usage=False)
    assert house.transport.trail == ["opened 0", "closed 0", "opened 1", "closed 1"]


def test_the_house_retries_a_reply_that_has_no_event() -> None:
    house = House(FakeReply([b": ping\n\n"]), FakeReply([a_stream("a")]))
    assert house.run(an_exchange(a_stream_call())) == a_stream("a", usage=False)
    assert len(house.record.attempts) == 2


def test_the_house_does_not_hide_that_a_stream_was_cut() -> None:
    cut = sse(a_chunk("a"))
    house = House(FakeReply([cut]), FakeReply([a_stream("never")]))
    with pytest.raises(StreamBroken):
        house.run(an_exchange(a_stream_call()))
    assert house.body == cut
    record = house.record
    assert (record.outcome, record.usage.estimated) == ("broken", True)
    assert len(record.attempts) == 1


def test_the_house_opens_nothing_for_a_stranger() -> None:
    house = House(FakeReply([a_stream("a")]))
    house.ports.keys.find = FakeKeys({}).find  # type: ignore[method-assign]
    with pytest.raises(Unauthenticated):
        house.run(an_exchange(a_stream_call()))
    assert house.transport.requests == []
    assert house.record.outcome == "refused"


def test_the_house_refuses_a_bad_call_before_it_leaves() -> None:
    house = House(FakeReply([DONE]))
    with pytest.raises(BadCall):
        house.run(an_exchange(a_call(b'{"model":"gpt"}')))
    assert house.transport.requests == []


def test_the_house_closes_the_provider_when_the_client_leaves() -> None:
    silence = Silence()
    house = House(FakeReply([sse(a_chunk("a")), silence]))
    exchange = an_exchange(a_stream_call())

    async def run() -> list[str]:
        async def client() -> None:
            async with house.chain.run(exchange) as flow:
                await taken(flow, house.events)

        task = asyncio.create_task(client())
        await silence.reached.wait()
        exchange.client_gone = True
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return list(house.transport.trail)

    assert asyncio.run(run()) == ["opened 0", "closed 0"]
    record = house.record
    assert (record.outcome, record.status) == ("client_gone", 499)
    assert record.usage.estimated
    assert record.usage.completion_tokens == 1
