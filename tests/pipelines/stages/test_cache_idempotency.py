"""A call that is sent again under its Idempotency-Key is never paid for twice."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.cache_policy import CachePolicy
from pipelines.call import Call
from pipelines.errors import KeyReused, RateLimited, StillRunning, UpstreamFailed
from pipelines.events import Data, End, Event
from tests.builders import (
    KNOWN_USAGE,
    a_body,
    a_call,
    a_head,
    a_principal,
    flow_of,
    left_after,
    taken,
)
from tests.fakes.replies import World
from tests.pipelines.stages.test_cache import PIECES, Slow, a_reply, body_of, mate

OFF = CachePolicy()


def keyed(key: str = "k1", **fields: Any) -> Call:
    return a_call(a_body(stream=True, **fields), headers=[(b"idempotency-key", key.encode())])


async def test_a_repeated_call_is_answered_again_without_the_cache_being_on() -> None:
    world, rest = World(OFF), flow_of(*a_reply())
    first, said = await world.answered(rest, keyed())
    second, again = await world.answered(rest, keyed())
    assert rest.opened == 1
    assert body_of(again) == body_of(said)
    assert (first.replayed, second.replayed) == (False, True)
    assert (second.cache, second.total_cost) == ("hit", 0)
    assert list(world.replies.ttls.values()) == [OFF.idempotency_ttl]


async def test_a_call_repeated_while_the_first_runs_follows_it() -> None:
    world, rest = World(OFF), Slow()
    first = world.cache(world.exchange(rest, keyed()), rest)
    await anext(first)
    exchange = world.exchange(rest, keyed())
    second = world.cache(exchange, rest)
    assert await anext(second) == a_head()
    assert (rest.opened, exchange.replayed, exchange.cache) == (1, True, "joined")
    rest.go()
    assert body_of(await taken(second)) == body_of(await taken(first)) == b"".join(PIECES)
    await world.spawner.settled()


async def test_it_runs_on_without_its_client_and_answers_the_retry() -> None:
    world, rest = World(OFF), Slow()
    rest.go(1)
    await left_after(world.cache(world.exchange(rest, keyed()), rest), 2)
    rest.go()
    await world.spawner.settled()
    assert rest.closed == 1
    found, events = await world.answered(rest, keyed())
    assert (rest.opened, found.replayed) == (1, True)
    assert body_of(events) == b"".join(PIECES)


async def test_the_same_key_with_another_body_is_refused() -> None:
    world, rest = World(OFF), flow_of(*a_reply())
    await world.answered(rest, keyed())
    for call in (keyed(temperature=1), a_call(headers=[(b"idempotency-key", b"k1")])):
        with pytest.raises(KeyReused) as raised:
            await world.answered(rest, call)
        assert raised.value.status == 422


async def test_the_same_key_with_another_body_is_refused_while_the_first_runs() -> None:
    world, rest = World(OFF), Slow()
    first = world.cache(world.exchange(rest, keyed()), rest)
    await anext(first)
    with pytest.raises(KeyReused):
        await anext(world.cache(world.exchange(rest, keyed(temperature=1)), rest))
    rest.go()
    await taken(first)
    await world.spawner.settled()


async def test_the_order_of_a_bodys_fields_is_no_difference() -> None:
    world, rest = World(OFF), flow_of(*a_reply())
    await world.answered(rest, keyed(top_p=1, seed=2))
    found, _ = await world.answered(rest, keyed(seed=2, top_p=1))
    assert found.replayed


async def test_each_caller_has_keys_of_its_own() -> None:
    world, rest = World(OFF), flow_of(*a_reply())
    await world.answered(rest, keyed(), mate("a"))
    found, _ = await world.answered(rest, keyed(temperature=1), mate("b"))
    assert (rest.opened, found.replayed) == (2, False)


@pytest.mark.parametrize(
    "events", [[RateLimited("slowly")], [UpstreamFailed("no")], [a_head(), UpstreamFailed("cut")]]
)
async def test_what_went_wrong_is_not_kept(events: list[Event | Exception]) -> None:
    world = World(OFF)
    bad, good = flow_of(*events), flow_of(*a_reply())
    with pytest.raises((RateLimited, UpstreamFailed)):
        await world.answered(bad, keyed())
    await world.spawner.settled()
    found, _ = await world.answered(good, keyed())
    assert (good.opened, found.replayed) == (1, False)


async def test_a_known_reply_is_kept_for_the_key_as_well() -> None:
    world, rest = World(), flow_of(*a_reply())
    await world.answered(rest, a_call(a_body(stream=True)), a_principal())
    found, _ = await world.answered(rest, keyed())
    assert (found.cache, found.replayed, rest.opened) == ("hit", False, 1)
    with pytest.raises(KeyReused):
        await world.answered(rest, keyed(temperature=1))
    assert (await world.answered(rest, keyed()))[0].replayed


async def test_one_that_joined_another_is_kept_for_the_key_as_well() -> None:
    world, rest = World(), Slow()
    first = world.cache(world.exchange(rest), rest)
    await anext(first)
    second = world.cache(world.exchange(rest, keyed()), rest)
    await anext(second)
    await first.aclose()
    await second.aclose()
    rest.go()
    await world.spawner.settled()
    assert len(world.replies.kept) == 2
    found, events = await world.answered(rest, keyed())
    assert (rest.opened, found.replayed) == (1, True)
    assert body_of(events) == b"".join(PIECES)


async def test_a_reply_of_another_form_is_written_anew_for_the_key() -> None:
    world, rest = World(), flow_of(*a_reply())
    await world.answered(rest)
    call = a_call(a_body(), headers=[(b"idempotency-key", b"whole")])
    _, events = await world.answered(rest, call)
    assert b'"content":"Hello"' in body_of(events)
    assert type(events[1]) is Data
    assert type(events[2]) is End
    assert events[2].usage == KNOWN_USAGE


async def test_a_running_call_that_is_too_long_to_join_is_neither_joined_nor_made_again() -> None:
    world, rest = World(CachePolicy(max_bytes=1)), Slow()
    first = world.cache(world.exchange(rest, keyed()), rest)
    await anext(first)
    rest.go(1)
    await anext(first)
    with pytest.raises(StillRunning):
        await taken(world.cache(world.exchange(rest, keyed()), rest))
    rest.go()
    assert body_of(await taken(first)) == b"".join(PIECES[1:])
    assert rest.opened == 1
    await world.spawner.settled()
