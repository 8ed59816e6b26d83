"""A stream whose provider is silent is kept alive, and one that speaks is left alone."""

from __future__ import annotations

import asyncio

from pipelines.call import Call
from pipelines.events import Data, Flow, Media
from pipelines.exchange import Exchange
from pipelines.operations import COMMENT, MESSAGES, OLLAMA_CHAT
from tests.builders import a_call, a_head
from tests.fakes.asgi import Client
from tests.proxy.http.serving import ONE, THE_END, Calls, Source, Stalling

PING = b'event: ping\ndata: {"type":"ping"}\n\n'


class Gates:
    """A source that gives each of its pieces when it is told to."""

    def __init__(self, pieces: int) -> None:
        self.gates = [asyncio.Event() for _ in range(pieces)]

    async def script(self, _: Exchange) -> Flow:
        """The stream."""
        yield a_head()
        for gate in self.gates:
            await gate.wait()
            yield Data(ONE)
        yield THE_END


def pinged(source: Source, call: Call | None = None, every: float = 0.01) -> Calls:
    """An application that looks after its streams so often."""
    calls = Calls(source, call=call)
    calls.ping_interval = every
    return calls


def messages_call() -> Call:
    """A call of Anthropic's clients that asks for a stream."""
    raw = b'{"model":"gpt","messages":[],"max_tokens":1,"stream":true}'
    return a_call(raw, MESSAGES)


async def test_a_silent_stream_gets_one_comment_after_another_until_something_is_said() -> None:
    gates = Gates(2)
    calls = pinged(Source(gates.script))
    client = Client(calls)
    client.start()
    await client.until_sent(3)
    assert client.pieces[:2] == [COMMENT, COMMENT]
    gates.gates[0].set()
    await client.until(lambda it: ONE in it.pieces)
    said = client.pieces.index(ONE)
    await client.until(lambda it: len(it.pieces) > said + 1)
    assert client.pieces[said + 1] == COMMENT
    gates.gates[1].set()
    await client.ended()
    assert client.complete
    assert client.body.replace(COMMENT, b"") == ONE + ONE
    await calls.at_rest()


async def test_anthropics_clients_get_a_ping() -> None:
    gates = Gates(1)
    client = Client(pinged(Source(gates.script), messages_call()))
    client.start()
    await client.until_sent(2)
    assert client.pieces[0] == PING
    gates.gates[0].set()
    await client.ended()


async def test_a_stream_that_speaks_is_left_alone() -> None:
    async def script(_: Exchange) -> Flow:
        yield a_head()
        for _number in range(20):
            await asyncio.sleep(0.01)
            yield Data(ONE)
        yield THE_END

    client = await Client(pinged(Source(script), every=0.2)).answer()
    assert client.body == ONE * 20


async def test_nothing_is_sent_after_the_end_nor_to_who_has_left() -> None:
    client = await Client(calls := pinged(Stalling(4).source())).answer()
    await asyncio.sleep(0.05)
    assert client.body == ONE + ONE
    stalling = Stalling(1)
    left = Client(calls := pinged(stalling.source()))
    task = left.start()
    await stalling.at.wait()
    left.leave()
    await asyncio.wait([task])
    await asyncio.sleep(0.05)
    assert left.late == []
    await calls.background.close(within=1.0)
    assert calls.background.running == 0


async def test_a_client_that_is_slow_to_read_gets_no_heap_of_pings() -> None:
    gates = Gates(1)
    client = Client(calls := pinged(Source(gates.script)))
    client.hold(2)
    client.start()
    await client.until_sent(2)
    await asyncio.sleep(0.1)
    assert len(client.sent) == 2
    client.go_on()
    gates.gates[0].set()
    await client.ended()
    await calls.at_rest()


async def test_a_whole_reply_and_a_dialect_without_pings_get_none() -> None:
    whole = Stalling(2, Media.JSON)
    lines = Stalling(2, Media.NDJSON)
    ollama = a_call(b'{"model":"gpt","messages":[],"stream":true}', OLLAMA_CHAT)
    for stalling, call in ((whole, None), (lines, ollama)):
        client = Client(calls := pinged(stalling.source(), call))
        task = client.start()
        await stalling.at.wait()
        await asyncio.sleep(0.05)
        assert not any(COMMENT in piece for piece in client.pieces)
        calls.guards[0].shut_down()
        await asyncio.wait([task])
        await calls.background.close(within=1.0)


async def test_no_interval_means_never() -> None:
    gates = Gates(1)
    client = Client(pinged(Source(gates.script), every=0.0))
    client.start()
    await client.until_sent(1)
    await asyncio.sleep(0.03)
    gates.gates[0].set()
    await client.ended()
    assert client.body == ONE
