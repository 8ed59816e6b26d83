"""The example of a plugin works where an entry point leads to it."""

from __future__ import annotations

import asyncio
import configparser
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from pipelines import BadCall, Data, End, Exchange, GatewayError, StageSpec, Usage, registry
from pipelines.assembly import assemble
from pipelines.registry import DEFAULT_STAGES, STAGE_GROUP
from pipelines.routing.routes import Routes
from tests.builders import (
    a_call,
    a_completion,
    a_deployment,
    a_head,
    a_principal,
    a_stream,
    a_stream_call,
    an_exchange,
    flow_of,
    left_after,
    taken,
)
from tests.fakes.ports import JSON, FakeReply, FakeTransport, fake_ports

EXAMPLE = Path(__file__).parent / "example"
NAME = "example-signature"


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the package had been installed."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    setup = configparser.ConfigParser()
    setup.read(EXAMPLE / "setup.cfg", "utf-8")
    name, _, value = setup["options.entry_points"][STAGE_GROUP].strip().partition(" = ")
    points = [EntryPoint(name, value, STAGE_GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)


def carried(reply: FakeReply, exchange: Exchange, **settings: object) -> bytes:
    """The body of a call through a house that has the plugin behind budget."""
    order = list(DEFAULT_STAGES)
    order.insert(2, NAME)
    specs = [StageSpec(name, settings if name == NAME else {}) for name in order]
    ports = fake_ports(FakeTransport(reply), Routes([a_deployment()]))

    async def run() -> bytes:
        async with assemble(specs, ports).run(exchange) as flow:
            events = await taken(flow)
        return b"".join(event.raw for event in events if isinstance(event, Data))

    return asyncio.run(run())


@pytest.mark.usefixtures("offered")
def test_the_plugin_adds_a_word_to_a_stream() -> None:
    exchange = an_exchange(a_stream_call())
    body = carried(FakeReply([a_stream("a")]), exchange, word="seen")
    assert body == a_stream("a", usage=False) + b": seen for anybody, 1 pieces\n\n"
    assert exchange.notes == {NAME: 1}


@pytest.mark.usefixtures("offered")
def test_the_plugin_leaves_a_document_alone() -> None:
    reply = FakeReply([a_completion()], headers=[JSON])
    assert carried(reply, an_exchange(a_call())) == a_completion()


@pytest.mark.usefixtures("offered")
def test_the_plugin_refuses_what_its_settings_forbid() -> None:
    with pytest.raises(BadCall) as raised:
        carried(FakeReply(), an_exchange(a_call()), forbidden_model="gpt")
    assert isinstance(raised.value, GatewayError)
    assert raised.value.param == "model"


@pytest.mark.usefixtures("offered")
def test_the_plugin_has_its_books_in_order_when_it_is_closed_midway() -> None:
    stage = registry.stage_factory(NAME)({}, fake_ports())
    exchange = an_exchange(principal=a_principal())
    rest = flow_of(a_head(), Data(b"a"), Data(b"b"), End(Usage()))
    asyncio.run(left_after(stage(exchange, rest), 2))
    assert exchange.notes == {NAME: 1}
