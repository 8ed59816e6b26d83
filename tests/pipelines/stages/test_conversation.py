"""A Responses call goes on from what its caller has kept, and its reply is kept for him alone."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.conversation import Conversation, Kept
from pipelines.errors import BadCall
from pipelines.events import Data, End, Flow
from pipelines.exchange import Exchange
from pipelines.operations import RESPONSES
from pipelines.stages.conversation import Conversations
from pipelines.usage import NO_USAGE
from proxy.stores.responses.memory import MemoryResponses
from tests.builders import a_head, a_principal, an_exchange, flow_of, left_after, taken
from tests.fakes.ports import FakeClock

FINAL = {"id": "resp_2", "output": [{"type": "message", "content": []}]}
EVENTS = (a_head(), Data(b"a"), Data(b"b"), End(NO_USAGE))
EARLIER = Kept("resp_1", "digest", "", "d1", b'[{"role":"user"}]', b'{"output":[{"x":1}]}')


def an_asking(**fields: Any) -> Exchange:
    raw = orjson.dumps({"model": "gpt", "input": "hi", **fields})
    return an_exchange(Call(RESPONSES, raw, []), a_principal())


def a_store(*kept: Kept) -> MemoryResponses:
    store = MemoryResponses(FakeClock())
    for one in kept:
        asyncio.run(store.put(one))
    return store


def told_of(exchange: Exchange) -> Conversation:
    found = exchange.call.conversation
    assert found is not None
    return found


class Reply:
    """The rest of the chain, which finishes its response before the last piece."""

    def __init__(self, exchange: Exchange, store: MemoryResponses) -> None:
        self._exchange = exchange
        self._store = store
        self.kept_at: list[bool] = []

    def __call__(self) -> Flow:
        return self._play()

    async def _play(self) -> Flow:
        yield a_head()
        yield Data(b"a")
        told_of(self._exchange).final = FINAL
        told_of(self._exchange).maker = "d2"
        yield Data(b"b")
        yield End(NO_USAGE)


async def _kept_when_passed(exchange: Exchange, store: MemoryResponses) -> list[bool]:
    flow = Conversations(store, Random(1))(exchange, Reply(exchange, store))
    return [await store.get("resp_2") is not None async for _ in flow]


def test_a_call_of_another_operation_does_not_pass_here_at_all() -> None:
    rest = flow_of(*EVENTS)
    flow = Conversations(a_store(), Random(1))(an_exchange(), rest)
    assert rest.opened == 1
    assert [id(one) for one in asyncio.run(taken(flow))] == [id(one) for one in EVENTS]


def test_without_a_store_nothing_is_kept_or_claimed() -> None:
    exchange = an_asking()
    asyncio.run(taken(Conversations(None, Random(1))(exchange, flow_of(*EVENTS))))
    assert exchange.call.conversation is None


def test_the_reply_is_kept_before_its_last_piece_is_passed_on() -> None:
    exchange, store = an_asking(previous_response_id="resp_0"), a_store()
    assert asyncio.run(_kept_when_passed(exchange, store)) == [False, False, True, True]
    kept = asyncio.run(store.get("resp_2"))
    assert kept is not None
    assert (kept.owner, kept.previous, kept.maker) == ("digest", "resp_0", "d2")
    assert orjson.loads(kept.response) == FINAL
    words = {"type": "input_text", "text": "hi"}
    assert orjson.loads(kept.input) == [{"type": "message", "role": "user", "content": [words]}]


def test_what_is_not_to_be_stored_is_not_kept() -> None:
    exchange, store = an_asking(store=False), a_store()
    assert asyncio.run(_kept_when_passed(exchange, store)) == [False] * 4
    assert not told_of(exchange).keeps


def test_the_turns_before_the_call_are_found() -> None:
    second = Kept("resp_2", "digest", "resp_1", "", b"[]", b'{"output":[{"x":2}]}')
    exchange = an_asking(previous_response_id="resp_2")
    conversations = Conversations(a_store(EARLIER, second), Random(1))
    asyncio.run(taken(conversations(exchange, flow_of(*EVENTS))))
    told = told_of(exchange)
    assert (told.knower, told.keeps) == ("", True)
    assert told.earlier == [{"role": "user"}, {"x": 1}, {"x": 2}]


def test_a_conversation_with_a_gap_is_not_known_but_its_maker_is() -> None:
    second = Kept("resp_2", "digest", "resp_1", "d1", b"[]", b'{"output":[]}')
    exchange = an_asking(previous_response_id="resp_2")
    asyncio.run(taken(Conversations(a_store(second), Random(1))(exchange, flow_of(*EVENTS))))
    assert (told_of(exchange).knower, told_of(exchange).earlier) == ("d1", None)


def test_a_response_of_another_caller_is_not_found() -> None:
    theirs = Kept("resp_1", "other", "", "", b"[]", b"{}")
    rest = flow_of(*EVENTS)
    conversations = Conversations(a_store(theirs), Random(1))
    with pytest.raises(BadCall) as caught:
        asyncio.run(taken(conversations(an_asking(previous_response_id="resp_1"), rest)))
    assert (caught.value.code, caught.value.param) == (
        "previous_response_not_found",
        "previous_response_id",
    )
    assert rest.opened == 0


def test_an_id_that_leads_to_itself_ends() -> None:
    circle = Kept("resp_1", "digest", "resp_1", "", b"[]", b"{}")
    exchange = an_asking(previous_response_id="resp_1")
    asyncio.run(taken(Conversations(a_store(circle), Random(1))(exchange, flow_of(*EVENTS))))
    assert told_of(exchange).earlier is None


def test_a_call_that_is_left_midway_is_not_kept() -> None:
    exchange, store = an_asking(), a_store()
    flow = Conversations(store, Random(1))(exchange, Reply(exchange, store))
    assert len(asyncio.run(left_after(flow, 2))) == 2
    assert store.size == 0


def test_items_that_are_named_by_their_ids_are_found_for_their_owner_alone() -> None:
    item = {"type": "message", "id": "msg_1_0"}
    mine = Kept("resp_1", "digest", "", "", b"[]", orjson.dumps({"output": [item]}))
    theirs = Kept("resp_2", "other", "", "", b"[]", b'{"output":[{"id":"msg_2_0"}]}')
    names = ("msg_1_0", "msg_1_9", "msg_2_0", "msg_3_0", "msg_x", "msg")
    references = [{"type": "item_reference", "id": name} for name in names]
    exchange = an_asking(input=[*references, "x", {"type": "message", "id": "msg_1_0"}])
    conversations = Conversations(a_store(mine, theirs), Random(1))
    asyncio.run(taken(conversations(exchange, flow_of(*EVENTS))))
    assert told_of(exchange).referred == {"msg_1_0": item}


class Odd(Reply):
    """The rest of the chain, whose response is one that cannot be kept."""

    def __init__(self, exchange: Exchange, final: Any) -> None:
        super().__init__(exchange, a_store())
        self._final = final

    async def _play(self) -> Flow:
        told_of(self._exchange).final = self._final
        for event in EVENTS:
            yield event


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"id": "resp_2"}
    for _ in range(levels):
        value = {"id": "resp_2", "x": value}
    return value


@pytest.mark.parametrize("final", [{}, {"id": ""}, {"id": 7}, nested(300)])
def test_a_response_that_cannot_be_kept_is_passed_on_all_the_same(final: Any) -> None:
    exchange, store = an_asking(), a_store()
    got = asyncio.run(taken(Conversations(store, Random(1))(exchange, Odd(exchange, final))))
    assert (len(got), store.size) == (len(EVENTS), 0)
