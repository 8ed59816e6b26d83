"""Cache answers from what is known, and asks once for what several want."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.cache_policy import CachePolicy
from pipelines.call import Call
from pipelines.errors import OverBudget, UpstreamFailed
from pipelines.events import Data, End, Event, Flow, Head, Media
from pipelines.exchange import Exchange, Principal
from pipelines.usage import NO_USAGE
from tests.builders import (
    DONE,
    KNOWN_USAGE,
    a_body,
    a_call,
    a_chunk,
    a_completion,
    a_head,
    a_principal,
    a_stream,
    a_stream_call,
    flow_of,
    left_after,
    sse,
    taken,
)
from tests.fakes.replies import ON, FakeReplies, World

OFF = CachePolicy()
PIECES = (sse(a_chunk("Hel")), sse(a_chunk("lo")), sse(a_chunk(None, "stop")), DONE)


def a_reply(*pieces: bytes) -> tuple[Event, ...]:
    return (a_head(), *(Data(one) for one in pieces or PIECES), End(KNOWN_USAGE))


def body_of(events: list[Event]) -> bytes:
    return b"".join(event.raw for event in events if type(event) is Data)


def mate(name: str, team: str | None = "red") -> Principal:
    return Principal(name, f"digest-{name}", team_id=team)


class Slow:
    """A provider whose reply goes on step by step, as the test lets it."""

    def __init__(self, *pieces: bytes) -> None:
        self.gate = asyncio.Semaphore(0)
        self.opened = self.closed = 0
        self._pieces = pieces or PIECES

    def __call__(self) -> Flow:
        self.opened += 1
        return self._play()

    async def _play(self) -> Flow:
        try:
            yield a_head()
            for one in self._pieces:
                await self.gate.acquire()
                yield Data(one)
            yield End(KNOWN_USAGE)
        finally:
            self.closed += 1

    def go(self, count: int = 10) -> None:
        for _ in range(count):
            self.gate.release()


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_cache_passes_the_very_same_events_where_nothing_of_it_is_on() -> None:
    events = a_reply()
    world = World(OFF)
    rest = flow_of(*events)
    got = await taken(world.cache(world.exchange(rest), rest))
    assert [id(event) for event in got] == [id(event) for event in events]
    assert not world.spawner.tasks


async def test_cache_gives_the_rest_itself_where_nothing_of_it_is_on() -> None:
    world, rest = World(OFF), flow_of()
    flow = rest()
    assert world.cache(world.exchange(rest), lambda: flow) is flow
    await flow.aclose()


async def test_cache_lets_an_error_through() -> None:
    error = UpstreamFailed("no")
    world, rest = World(), flow_of(error)
    with pytest.raises(UpstreamFailed, match="no") as raised:
        await taken(world.cache(world.exchange(rest), rest))
    assert raised.value is not error
    await world.spawner.settled()
    assert not world.replies.kept


async def test_cache_stops_the_provider_when_it_is_closed_midway() -> None:
    world, rest = World(), Slow()
    exchange = world.exchange(rest)
    books: list[str] = []
    rest.go(1)
    got = await left_after(world.cache(exchange, rest), 2)
    exchange.when_over(lambda: books.append("settled"))
    assert got == [a_head(), Data(PIECES[0])]
    await world.spawner.settled()
    assert (rest.opened, rest.closed, books) == (1, 1, ["settled"])
    assert not world.replies.kept


async def test_the_books_are_settled_although_the_client_leaves_before_the_first_step() -> None:
    world, rest = World(), Slow()
    exchange = world.exchange(rest)
    flow = world.cache(exchange, rest)
    first = asyncio.ensure_future(anext(flow))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    books: list[str] = []
    exchange.when_over(lambda: books.append("settled"))
    await world.spawner.settled()
    assert books == ["settled"]
    await flow.aclose()
    assert world.recordings.joined(exchange.cache_key, "stream") is None


async def test_a_second_call_is_answered_byte_for_byte_and_costs_nothing() -> None:
    world, rest = World(), flow_of(*a_reply())
    first, said = await world.answered(rest)
    second, again = await world.answered(rest)
    assert rest.opened == 1
    assert body_of(again) == body_of(said) == b"".join(PIECES)
    assert (first.cache, second.cache) == ("miss", "hit")
    assert first.cache_key == second.cache_key != ""
    assert (second.total_cost, second.usage, second.cached) == (0, NO_USAGE, True)
    assert world.replies.ttls == {first.cache_key: ON.ttl}


async def test_a_whole_reply_is_kept_too() -> None:
    world = World()
    rest = flow_of(a_head(Media.JSON), Data(a_completion()), End(KNOWN_USAGE))
    _, said = await world.answered(rest, a_call())
    found, again = await world.answered(rest, a_call())
    assert found.cache == "hit"
    assert body_of(again) == body_of(said)
    assert type(again[0]) is Head
    assert again[0].media is Media.JSON


async def test_a_kept_stream_answers_a_whole_call_with_its_usage() -> None:
    world, rest = World(), flow_of(*a_reply())
    await world.answered(rest)
    found, events = await world.answered(rest, a_call())
    assert (rest.opened, found.cache) == (1, "hit")
    reply = Call(a_call().operation, body_of(events), []).raw
    assert b'"content":"Hello"' in reply
    assert b'"id":"c1"' in reply
    assert b'"total_tokens":21' in reply


async def test_a_kept_whole_reply_answers_a_stream() -> None:
    world = World()
    rest = flow_of(a_head(Media.JSON), Data(a_completion("hello")), End(KNOWN_USAGE))
    await world.answered(rest, a_call())
    call = a_stream_call(stream_options={"include_usage": True})
    found, events = await world.answered(rest, call)
    assert (rest.opened, found.cache) == (1, "hit")
    assert type(events[0]) is Head
    assert events[0].media is Media.SSE
    body = body_of(events)
    assert b'"content":"hello"' in body
    assert b'"total_tokens":21' in body
    assert body.endswith(DONE)


async def test_a_stream_without_usage_answers_one_with_it_and_the_other_way_round() -> None:
    world, rest = World(), flow_of(*a_reply(a_stream("Hel", "lo", usage=False)))
    await world.answered(rest)
    told = a_stream_call(stream_options={"include_usage": True})
    found, events = await world.answered(rest, told)
    assert found.cache == "hit"
    assert body_of(events).count(b'"total_tokens":21') == 1
    other = World()
    rest = flow_of(*a_reply(a_stream("Hel", "lo")))
    await other.answered(rest, told)
    found, events = await other.answered(rest)
    assert found.cache == "hit"
    assert b"total_tokens" not in body_of(events)


async def test_two_hundred_identical_streams_ask_once_and_get_the_same_bytes() -> None:
    world, rest = World(replies=FakeReplies(slow=3)), Slow()
    calls = [world.exchange(rest) for _ in range(200)]
    running = [asyncio.ensure_future(taken(world.cache(one, rest))) for one in calls]
    await turns()
    rest.go()
    said = [body_of(events) for events in await asyncio.gather(*running)]
    assert rest.opened == 1
    assert set(said) == {b"".join(PIECES)}
    assert [one.cache for one in calls].count("miss") == 1
    assert [one.cache for one in calls].count("joined") == 199
    await world.spawner.settled()


async def test_the_pieces_arrive_one_by_one_at_those_who_joined() -> None:
    world, rest = World(), Slow()
    first, second = (world.cache(world.exchange(rest), rest) for _ in range(2))
    assert await anext(first) == await anext(second) == a_head()
    for piece in PIECES:
        rest.go(1)
        assert await anext(first) == await anext(second) == Data(piece)
    assert await taken(first) == await taken(second) == [End(KNOWN_USAGE)]
    await world.spawner.settled()


@pytest.mark.parametrize("leaver", [0, 1])
async def test_whoever_leaves_disturbs_nobody(leaver: int) -> None:
    world, rest = World(), Slow()
    flows = [world.cache(world.exchange(rest), rest) for _ in range(2)]
    for one in flows:
        assert await anext(one) == a_head()
    await flows.pop(leaver).aclose()
    rest.go()
    assert body_of(await taken(flows[0])) == b"".join(PIECES)
    await world.spawner.settled()
    assert rest.opened == rest.closed == 1
    assert len(world.replies.kept) == 1


async def test_the_last_to_leave_stops_the_provider() -> None:
    world, rest = World(), Slow()
    flows = [world.cache(world.exchange(rest), rest) for _ in range(3)]
    for one in flows:
        await anext(one)
    for one in flows[:2]:
        await one.aclose()
    await turns()
    assert rest.closed == 0
    await flows[2].aclose()
    await turns()
    assert rest.closed == 1
    await world.spawner.settled()


async def test_a_failure_is_told_to_all_with_a_copy_each() -> None:
    error = UpstreamFailed("gone")
    world, rest = World(), flow_of(a_head(), Data(b"data: 1\n\n"), error)
    flows = [world.cache(world.exchange(rest), rest) for _ in range(3)]
    ends = await asyncio.gather(*(taken(one) for one in flows), return_exceptions=True)
    assert rest.opened == 1
    assert [str(one) for one in ends] == ["gone"] * 3
    assert len({id(one) for one in ends}) == 3


async def test_what_the_first_caller_is_refused_is_nothing_to_the_second() -> None:
    world = World()
    poor = flow_of(OverBudget("Budget has been exceeded! Key=poor"))
    rich = flow_of(*a_reply())
    first = world.cache(world.exchange(poor, principal=mate("poor")), poor)
    second = world.cache(world.exchange(rich, principal=mate("rich")), rich)
    refused, answered = await asyncio.gather(taken(first), taken(second), return_exceptions=True)
    assert isinstance(refused, OverBudget)
    assert isinstance(answered, list)
    assert body_of(answered) == b"".join(PIECES)


@pytest.mark.parametrize(
    "events",
    [
        [a_head(), Data(b"data: 1\n\n")],
        [Head(404, [], Media.JSON), Data(b"{}"), End(NO_USAGE)],
    ],
)
async def test_only_whole_good_replies_are_kept(events: list[Event]) -> None:
    world, rest = World(), flow_of(*events)
    await world.answered(rest)
    assert not world.replies.kept


async def test_a_reply_over_the_bound_passes_and_is_not_kept() -> None:
    policy = CachePolicy(enabled=True, max_bytes=100)
    world, rest = World(policy), flow_of(*a_reply(*[b"data: 1234567890\n\n"] * 500))
    _, events = await world.answered(rest)
    assert body_of(events) == b"data: 1234567890\n\n" * 500
    assert not world.replies.kept
    assert world.recordings.room.used == 0


async def test_one_who_may_not_wait_gets_a_fresh_reply_and_keeps_it_for_others() -> None:
    world, rest = World(), flow_of(*a_reply())
    await world.answered(rest)
    call = a_stream_call(cache={"no-cache": True})
    found, _ = await world.answered(rest, call)
    assert (rest.opened, found.cache) == (2, "miss")
    assert (await world.answered(rest))[0].cache == "hit"


async def test_what_is_not_to_be_stored_is_not() -> None:
    world, rest = World(), flow_of(*a_reply())
    await world.answered(rest, a_stream_call(cache={"no-store": True}))
    assert not world.replies.kept


async def test_a_reply_that_is_too_old_is_asked_for_again() -> None:
    world, rest = World(), flow_of(*a_reply())
    await world.answered(rest)
    world.clock.now += 60
    call = a_stream_call(cache={"s-maxage": 59})
    assert (await world.answered(rest, call))[0].cache == "miss"
    world.clock.now += 60
    assert (await world.answered(rest, a_stream_call(cache={"s-maxage": 61})))[0].cache == "hit"


async def test_a_stream_comes_at_its_first_speed_where_that_is_wished() -> None:
    world, rest = World(), Slow()
    flow = world.cache(world.exchange(rest), rest)
    await anext(flow)
    for _ in PIECES:
        world.clock.now += 0.25
        rest.go(1)
        await anext(flow)
    await taken(flow)
    await world.spawner.settled()
    _, events = await world.answered(rest, a_stream_call(cache={"pacing": True}))
    assert [event.raw for event in events if type(event) is Data] == list(PIECES)
    assert world.clock.sleeps == [0.25] * 4


async def test_a_value_that_is_none_of_ours_is_a_miss() -> None:
    world, rest = World(), flow_of(*a_reply())
    first, _ = await world.answered(rest)
    for raw in (b"\x80\x04garbage", b"headgate-reply 1\n{}\n[]\n"):
        world.replies.kept[first.cache_key] = raw
        assert (await world.answered(rest))[0].cache == "miss"


async def test_a_reply_that_one_callers_budget_cut_short_is_not_kept() -> None:
    world = World()
    exchange: list[Exchange] = []

    async def rest() -> Flow:
        exchange[0].outgoing = a_call(a_body(max_tokens=16))
        for event in a_reply():
            yield event

    exchange.append(world.exchange(rest))
    await taken(world.cache(exchange[0], rest))
    await world.spawner.settled()
    assert not world.replies.kept


async def test_a_clients_wrong_wish_is_told_to_it() -> None:
    world, rest = World(), flow_of(*a_reply())
    call = a_stream_call(cache={"ttl": "soon"})
    exchange = world.exchange(rest, call, a_principal())
    with pytest.raises(Exception, match=r"cache\.ttl"):
        await taken(world.cache(exchange, rest))
