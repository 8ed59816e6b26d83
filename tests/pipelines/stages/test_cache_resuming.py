"""A stream that broke off on its way goes on where its client has come to."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pipelines.cache_policy import CachePolicy
from pipelines.call import Call
from pipelines.errors import UnknownStream
from tests.builders import a_body, a_call, flow_of, left_after, taken
from tests.fakes.replies import World
from tests.pipelines.stages.test_cache import PIECES, Slow, a_reply, body_of, mate

OFF = CachePolicy()


def resumable(last: str = "", **fields: Any) -> Call:
    headers = [(b"x-headgate-resumable", b"true")]
    if last:
        headers.append((b"last-event-id", last.encode()))
    return a_call(a_body(stream=True, **fields), headers=headers)


def ids_of(body: bytes) -> list[int]:
    return [int(one) for one in re.findall(rb"^id: stream_[0-9a-f]{32}:(\d+)$", body, re.MULTILINE)]


def plain(body: bytes) -> bytes:
    return re.sub(rb"^id: [^\n]*\n", b"", body, flags=re.MULTILINE)


async def test_every_event_has_an_id_and_is_else_unchanged() -> None:
    world, rest = World(OFF), flow_of(*a_reply(b"".join(PIECES[:2]), *PIECES[2:]))
    exchange, events = await world.answered(rest, resumable())
    body = body_of(events)
    assert ids_of(body) == [1, 2, 3, 4]
    assert plain(body) == b"".join(PIECES)
    assert f"id: {exchange.stream_id}:1\n".encode() in body


@pytest.mark.parametrize("seen", range(5))
async def test_the_rest_comes_without_a_gap_or_a_repetition(seen: int) -> None:
    world, rest = World(OFF), flow_of(*a_reply())
    first, _ = await world.answered(rest, resumable())
    found, events = await world.answered(rest, resumable(f"{first.stream_id}:{seen}"))
    assert ids_of(body_of(events)) == [1, 2, 3, 4][seen:]
    assert plain(body_of(events)) == b"".join(PIECES[seen:])
    assert (rest.opened, found.total_cost) == (1, 0)


async def test_a_stream_runs_on_for_a_while_without_its_client() -> None:
    world, rest = World(OFF), Slow()
    rest.go(1)
    exchange = world.exchange(rest, resumable())
    await left_after(world.cache(exchange, rest), 2)
    again = world.cache(world.exchange(rest, resumable(f"{exchange.stream_id}:1")), rest)
    rest.go()
    assert plain(body_of(await taken(again))) == b"".join(PIECES[1:])
    await world.spawner.settled()
    assert rest.opened == 1


async def test_a_stream_that_nobody_comes_back_to_is_ended() -> None:
    world, rest = World(OFF), Slow()
    await left_after(world.cache(world.exchange(rest, resumable()), rest), 1)
    await world.spawner.settled()
    assert world.clock.sleeps == [OFF.resume_grace]
    assert rest.closed == 1


@pytest.mark.parametrize("name, fields", [("b", {}), ("a", {"temperature": 1})])
async def test_a_stream_is_for_its_own_caller_and_call(name: str, fields: dict[str, int]) -> None:
    world, rest = World(OFF), flow_of(*a_reply())
    first, _ = await world.answered(rest, resumable(), mate("a"))
    with pytest.raises(UnknownStream):
        await world.answered(rest, resumable(f"{first.stream_id}:1", **fields), mate(name))


async def test_a_stream_is_gone_when_its_time_is_over() -> None:
    world, rest = World(OFF), flow_of(*a_reply())
    first, _ = await world.answered(rest, resumable())
    world.clock.now += OFF.resume_ttl + 1
    await world.answered(rest, resumable(temperature=1))
    with pytest.raises(UnknownStream):
        await world.answered(rest, resumable(f"{first.stream_id}:1"))
    assert len(world.recordings) == 1


async def test_an_id_that_is_none_of_ours_means_nothing() -> None:
    world, rest = World(OFF), flow_of(*a_reply())
    call = a_call(a_body(stream=True), headers=[(b"last-event-id", b"42")])
    exchange, events = await world.answered(rest, call)
    assert (exchange.stream_id, body_of(events)) == ("", b"".join(PIECES))


async def test_a_whole_reply_is_not_resumable() -> None:
    world, rest = World(CachePolicy(resumable=True)), flow_of(*a_reply())
    exchange, _ = await world.answered(rest, a_call())
    assert exchange.stream_id == ""


async def test_one_that_joined_may_go_on_too() -> None:
    world, rest = World(), Slow()
    first = world.cache(world.exchange(rest, principal=mate("a")), rest)
    await anext(first)
    exchange = world.exchange(rest, resumable(), mate("b"))
    second = world.cache(exchange, rest)
    await anext(second)
    rest.go()
    await taken(first)
    await taken(second)
    await world.spawner.settled()
    last = f"{exchange.stream_id}:2"
    found, events = await world.answered(rest, resumable(last), mate("b"))
    assert ids_of(body_of(events)) == [3, 4]
    assert found.cache == "bypass"
