"""A batch of embeddings pays for its new inputs alone."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from pipelines.cache_embeddings import Batch, inputs_of
from pipelines.call import Call
from pipelines.errors import UpstreamFailed
from pipelines.events import Data, End, Event, Flow, Head, Media
from pipelines.exchange import Exchange, Principal
from pipelines.operations import EMBEDDINGS
from pipelines.usage import NO_USAGE, Usage
from tests.builders import a_call
from tests.fakes.replies import World


def wanted(inputs: object, **more: object) -> Call:
    return a_call(orjson.dumps({"model": "vec", "input": inputs, **more}), EMBEDDINGS)


class Provider:
    """Gives for each text a vector of its length, last one first, and remembers what it got."""

    def __init__(self, **more: object) -> None:
        self.asked: list[Any] = []
        self.exchange: Exchange | None = None
        self._more = more

    def __call__(self) -> Flow:
        return self._play()

    async def _play(self) -> Flow:
        assert self.exchange is not None
        call = self.exchange.call
        inputs = inputs_of(call)
        self.asked.append(call.json["input"])
        packs = call.json.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": at, "embedding": vector(one, packs)}
            for at, one in enumerate(inputs)
        ]
        body = {"object": "list", "data": data[::-1], "model": "vec-3"}
        usage = {"prompt_tokens": len(inputs), "total_tokens": len(inputs)}
        yield Head(200, [(b"x-from", b"provider")], Media.JSON)
        yield Data(orjson.dumps({**body, "usage": usage, **self._more}))
        yield End(Usage(prompt_tokens=len(inputs)))


def vector(one: object, packs: bool) -> object:
    size = float(len(str(one)))
    return base64.b64encode(struct.pack("<2f", size, 0.5)).decode() if packs else [size, 0.1]


async def answer(
    world: World, provider: Provider, call: Call
) -> tuple[Exchange, Mapping[str, Any]]:
    exchange = world.exchange(provider, call)
    provider.exchange = exchange
    events: list[Event] = [event async for event in world.flow(exchange, provider)]
    await world.spawner.settled()
    assert [type(event) for event in events] == [Head, Data, End]
    return exchange, orjson.loads(events[1].raw)  # type: ignore[union-attr]


def vectors(body: Mapping[str, Any]) -> list[Any]:
    assert [one["index"] for one in body["data"]] == list(range(len(body["data"])))
    return [one["embedding"] for one in body["data"]]


async def test_only_what_is_new_goes_to_the_provider() -> None:
    world, provider = World(), Provider()
    _, body = await answer(world, provider, wanted(["a", "bb"]))
    exchange, body = await answer(world, provider, wanted(["bb", "ccc", "a", "dddd"]))
    assert provider.asked == [["a", "bb"], ["ccc", "dddd"]]
    assert vectors(body) == [[2.0, 0.1], [3.0, 0.1], [1.0, 0.1], [4.0, 0.1]]
    assert body["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    assert body["model"] == "vec-3"
    assert exchange.cache == "miss"


async def test_a_batch_of_known_inputs_costs_nothing() -> None:
    world, provider = World(), Provider()
    await answer(world, provider, wanted(["a", "bb"]))
    exchange, body = await answer(world, provider, wanted(["bb", "a", "bb"]))
    assert vectors(body) == [[2.0, 0.1], [1.0, 0.1], [2.0, 0.1]]
    assert len(provider.asked) == 1
    assert (exchange.cache, exchange.cost, exchange.usage) == ("hit", 0, NO_USAGE)
    assert body["usage"] == {"prompt_tokens": 0, "total_tokens": 0}


async def test_one_input_alone_is_the_same_as_in_a_batch() -> None:
    world, provider = World(), Provider()
    await answer(world, provider, wanted("a"))
    await answer(world, provider, wanted([7, 8]))
    await answer(world, provider, wanted(["a", [7, 8], "b"]))
    assert provider.asked == ["a", [7, 8], ["b"]]


async def test_an_input_that_stands_twice_is_asked_for_once() -> None:
    world, provider = World(), Provider()
    _, body = await answer(world, provider, wanted(["a", "bb", "a"]))
    assert provider.asked == [["a", "bb"]]
    assert vectors(body) == [[1.0, 0.1], [2.0, 0.1], [1.0, 0.1]]


async def test_a_batch_of_new_inputs_passes_byte_for_byte() -> None:
    world, provider = World(), Provider(extra={"b": 1, "a": [1.0]})
    _, body = await answer(world, provider, wanted(["a", "bb"]))
    assert body["extra"] == {"b": 1, "a": [1.0]}
    assert [one["index"] for one in body["data"]] == [1, 0]


@pytest.mark.parametrize("more", [{"dimensions": 2}, {"encoding_format": "base64"}])
async def test_another_form_is_another_vector(more: Mapping[str, object]) -> None:
    world, provider = World(), Provider()
    await answer(world, provider, wanted(["a"]))
    _, first = await answer(world, provider, wanted(["a"], **more))
    _, again = await answer(world, provider, wanted(["a"], **more))
    assert len(provider.asked) == 2
    assert vectors(first) == vectors(again)


async def test_what_the_caller_says_of_himself_is_no_part_of_it() -> None:
    world, provider = World(), Provider()
    await answer(world, provider, wanted(["a"], user="u1"))
    await answer(world, provider, wanted(["a"], user="u2"))
    assert len(provider.asked) == 1


async def test_nobody_is_answered_with_another_teams_vectors() -> None:
    world, provider = World(), Provider()
    await answer(world, provider, wanted(["a"]))
    other = world.exchange(provider, wanted(["a"]), Principal("you", "d", team_id="blue"))
    provider.exchange = other
    assert [event async for event in world.flow(other, provider)]
    assert len(provider.asked) == 2


async def test_controls_hold_for_each_input() -> None:
    world, provider = World(), Provider()
    await answer(world, provider, wanted(["a"], cache={"no-store": True}))
    await answer(world, provider, wanted(["a"], cache={"ttl": 5}))
    assert set(world.replies.ttls.values()) == {5}
    await answer(world, provider, wanted(["a"], cache={"no-cache": True}))
    assert len(provider.asked) == 3
    world.clock.now += 100
    await answer(world, provider, wanted(["a"], cache={"s-maxage": 99}))
    await answer(world, provider, wanted(["a"], cache={"s-maxage": 99}))
    assert len(provider.asked) == 4


async def test_a_batch_under_an_idempotency_key_is_replayed_whole() -> None:
    world, provider = World(), Provider()
    header = [(b"idempotency-key", b"k")]
    raw = orjson.dumps({"model": "vec", "input": ["a", "b"]})
    _, first = await answer(world, provider, a_call(raw, EMBEDDINGS, header))
    exchange, again = await answer(world, provider, a_call(raw, EMBEDDINGS, header))
    assert exchange.replayed
    assert first == again
    assert len(provider.asked) == 1


async def through(batch: Batch, raw: bytes, status: int = 200) -> list[Event]:
    async def flow() -> Flow:
        yield Head(status, [], Media.JSON)
        yield Data(raw)
        yield End(NO_USAGE)

    return [event async for event in batch.merged(flow(), None, 0.0)]


@pytest.mark.parametrize("raw", [b"{}", b"no json", b'{"data":[]}', b'{"data":[{"embedding":1}]}'])
async def test_a_reply_that_does_not_fit_is_passed_or_refused(raw: bytes) -> None:
    alone = Batch(wanted(["a"]), "base")
    events = await through(alone, raw)
    assert isinstance(events[1], Data)
    assert events[1].raw == raw
    batch = Batch(wanted(["a", "b"]), "base")
    assert not batch.learn([b'["m",1]\n[1]', None], 1.0, None)
    with pytest.raises(UpstreamFailed, match="another number of vectors"):
        await through(batch, raw)


async def test_a_refusal_is_passed_as_it_is() -> None:
    batch = Batch(wanted(["a", "a"]), "base")
    events = await through(batch, b"no", status=418)
    assert isinstance(events[1], Data)
    assert events[1].raw == b"no"


@pytest.mark.parametrize("value", [b"", b"\n[1]", b"{}\n[1]", b'["m",1]\n', b"[1,1]\n[1]", b"[1]"])
def test_a_value_that_is_none_of_ours_is_a_miss(value: bytes) -> None:
    assert not Batch(wanted(["a"]), "base").learn([value], 1.0, None)
