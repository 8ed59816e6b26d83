"""The chain keeps its order, and a passage closes whatever it opened, innermost first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pipelines.chain import Chain
from pipelines.errors import ChainOrder, UpstreamFailed
from pipelines.events import Data, End, Event, Flow, Proceed
from pipelines.exchange import Exchange
from pipelines.stage import Stage
from pipelines.usage import NO_USAGE
from tests.builders import a_head, an_exchange, taken

Source = Callable[[], Flow]


class Traced:
    """A stage that writes into a trail when it is entered and when it is left."""

    def __init__(
        self, name: str, trail: list[str], needs: tuple[str, ...] = (), gives: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.needs = frozenset(needs)
        self.gives = frozenset(gives)
        self._trail = trail

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        self._trail.append(f"in {self.name}")
        try:
            async for event in self._rest(proceed):
                yield event
        finally:
            self._trail.append(f"out {self.name}")

    def _rest(self, proceed: Proceed) -> Flow:
        return proceed()


class TracedSource(Traced):
    """A source that plays a flow; its own clean-up takes a turn of the loop."""

    def __init__(self, trail: list[str], play: Source) -> None:
        super().__init__("stream", trail)
        self._play = play

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        self._trail.append("in stream")
        try:
            async for event in self._play():
                yield event
        finally:
            await asyncio.sleep(0)
            self._trail.append("out stream")


class Twice(Traced):
    """A stage that opens the rest a second time when the first fails."""

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        try:
            async for event in proceed():
                yield event
        except UpstreamFailed:
            async for event in proceed():
                yield event


async def good() -> Flow:
    yield a_head()
    yield Data(b"a")
    yield End(NO_USAGE)


async def failing() -> Flow:
    yield a_head()
    yield Data(b"a")
    raise UpstreamFailed("cut")


async def endless() -> Flow:
    yield a_head()
    while True:
        yield Data(b"a")


def a_chain(trail: list[str], play: Source = good) -> Chain:
    """one two stream three four: three and four wrap all the others."""
    before = [Traced("one", trail), Traced("two", trail)]
    after = [Traced("three", trail), Traced("four", trail)]
    return Chain([*before, TracedSource(trail, play), *after])


ENTERED = ["in four", "in three", "in one", "in two", "in stream"]
LEFT = ["out stream", "out two", "out one", "out three", "out four"]


async def passed(chain: Chain, into: list[Event] | None = None) -> list[Event]:
    async with chain.run(an_exchange()) as flow:
        return await taken(flow, into)


def test_a_chain_keeps_the_listed_names() -> None:
    assert a_chain([]).names == ("one", "two", "stream", "three", "four")


def test_what_is_listed_after_the_source_wraps_all_the_others() -> None:
    trail: list[str] = []
    got = asyncio.run(passed(a_chain(trail)))
    assert got == [a_head(), Data(b"a"), End(NO_USAGE)]
    assert trail == ENTERED + LEFT


def test_every_stage_is_left_innermost_first_after_an_error() -> None:
    trail: list[str] = []
    got: list[Event] = []
    with pytest.raises(UpstreamFailed, match="cut"):
        asyncio.run(passed(a_chain(trail, failing), got))
    assert got == [a_head(), Data(b"a")]
    assert trail == ENTERED + LEFT


async def cancelled_in_the_source(trail: list[str]) -> None:
    waiting = asyncio.Event()

    async def silent() -> Flow:
        yield a_head()
        yield Data(b"a")
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(passed(a_chain(trail, silent)))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def cancelled_in_the_consumer(trail: list[str]) -> None:
    blocked = asyncio.Event()

    async def client() -> None:
        async with a_chain(trail, endless).run(an_exchange()) as flow:
            async for _ in flow:
                blocked.set()
                await asyncio.Event().wait()

    task = asyncio.create_task(client())
    await blocked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("where", [cancelled_in_the_source, cancelled_in_the_consumer])
def test_every_stage_is_left_innermost_first_when_the_call_is_cancelled(
    where: Callable[[list[str]], Awaitable[None]],
) -> None:
    async def run() -> list[str]:
        trail: list[str] = []
        await where(trail)
        # What the event loop would close later does not count.
        return list(trail)

    assert asyncio.run(run()) == ENTERED + LEFT


def test_every_stage_is_left_when_the_consumer_fails() -> None:
    trail: list[str] = []

    async def client() -> None:
        async with a_chain(trail, endless).run(an_exchange()) as flow:
            async for _ in flow:
                raise OSError("the client's socket")

    with pytest.raises(OSError, match="socket"):
        asyncio.run(client())
    assert trail == ENTERED + LEFT


def test_every_stage_is_left_when_the_consumer_has_enough() -> None:
    trail: list[str] = []

    async def client() -> None:
        async with a_chain(trail, endless).run(an_exchange()) as flow:
            await anext(flow)

    asyncio.run(client())
    assert trail == ENTERED + LEFT


def test_a_passage_that_nobody_reads_opens_no_stage() -> None:
    trail: list[str] = []

    async def client() -> None:
        async with a_chain(trail).run(an_exchange()):
            pass

    asyncio.run(client())
    assert trail == []


def test_one_failing_clean_up_does_not_spare_the_others() -> None:
    trail: list[str] = []

    class Broken(Traced):
        async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
            try:
                async for event in proceed():
                    yield event
            finally:
                trail.append("out broken")
                raise OSError("clean-up")

    async def client() -> None:
        stages = [Traced("one", trail), Broken("broken", trail), TracedSource(trail, endless)]
        async with Chain(stages).run(an_exchange()) as flow:
            await anext(flow)

    with pytest.raises(OSError, match="clean-up"):
        asyncio.run(client())
    assert trail == ["in one", "in stream", "out stream", "out broken", "out one"]


def test_a_second_cancel_during_the_clean_up_does_not_spare_the_others() -> None:
    trail: list[str] = []
    closing = asyncio.Event()

    class Slow(TracedSource):
        async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
            try:
                yield a_head()
                yield Data(b"a")
            finally:
                closing.set()
                await asyncio.Event().wait()

    async def run() -> list[str]:
        stages = [Traced("one", trail), Traced("two", trail), Slow(trail, good)]

        async def client() -> None:
            async with Chain(stages).run(an_exchange()) as flow:
                await anext(flow)

        task = asyncio.create_task(client())
        await closing.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return list(trail)

    assert asyncio.run(run()) == ["in one", "in two", "out two", "out one"]


def test_a_stage_may_open_the_rest_again_and_all_of_it_is_closed() -> None:
    trail: list[str] = []
    plays = [failing, endless]

    def play() -> Flow:
        return plays.pop(0)()

    async def client() -> None:
        stages = [Twice("twice", trail), Traced("two", trail), TracedSource(trail, play)]
        async with Chain(stages).run(an_exchange()) as flow:
            for _ in range(4):
                await anext(flow)

    asyncio.run(client())
    once = ["in two", "in stream", "out stream", "out two"]
    assert trail == once * 2


def test_a_stage_that_answers_itself_leaves_the_rest_unopened() -> None:
    trail: list[str] = []

    class Answering(Traced):
        def _rest(self, proceed: Proceed) -> Flow:
            return good()

    chain = Chain([Traced("one", trail), Answering("hit", trail), TracedSource(trail, failing)])
    assert asyncio.run(passed(chain)) == [a_head(), Data(b"a"), End(NO_USAGE)]
    assert trail == ["in one", "in hit", "out hit", "out one"]


def test_two_passages_of_one_chain_know_nothing_of_each_other() -> None:
    trail: list[str] = []
    chain = a_chain(trail)

    async def both() -> tuple[list[Event], list[Event]]:
        return await asyncio.gather(passed(chain), passed(chain))

    first, second = asyncio.run(both())
    assert first == second == [a_head(), Data(b"a"), End(NO_USAGE)]
    assert sorted(trail) == sorted((ENTERED + LEFT) * 2)


def refusal(*stages: Stage) -> str:
    with pytest.raises(ChainOrder) as raised:
        Chain(stages)
    return str(raised.value)


def test_a_chain_has_each_stage_once() -> None:
    one = Traced("one", [])
    assert refusal(one, TracedSource([], good), one) == (
        "stage 'one' is listed twice; each stage runs once"
    )


def test_a_chain_has_a_source() -> None:
    assert "'stream' is missing" in refusal(Traced("one", []))
    assert "'stream' is missing" in refusal()


def test_a_chain_may_have_another_source() -> None:
    chain = Chain([Traced("one", []), Traced("relay", [])], source="relay")
    assert chain.names == ("one", "relay")


def test_a_stage_needs_what_a_stage_before_it_gives() -> None:
    source = TracedSource([], good)
    giver = Traced("giver", [], gives=("money",))
    taker = Traced("taker", [], needs=("money", "time"))
    message = "stage 'taker' needs money, time, which no stage before it gives"
    assert refusal(taker, source) == message
    assert refusal(giver, taker, source) == message.replace("money, ", "")
    assert refusal(Traced("taker", [], needs=("money",)), giver, source)
    Chain([giver, Traced("taker", [], needs=("money",)), source])


def test_what_wraps_the_others_cannot_need_what_they_give() -> None:
    giver = Traced("giver", [], gives=("money",))
    after = Traced("after", [], needs=("money",))
    assert refusal(giver, TracedSource([], good), after)
    Chain([after_gives(giver), TracedSource([], good), giver])


def after_gives(giver: Traced) -> Traced:
    """A stage before the source that needs what one after it gives, which runs first."""
    return Traced("inner", [], needs=tuple(giver.gives))


async def test_a_run_apart_begins_behind_its_stage_and_with_those_around_it() -> None:
    trail: list[str] = []
    chain = Chain([Traced("one", trail), Traced("two", trail), TracedSource(trail, good)])
    passage, other = chain.run(an_exchange()), an_exchange()
    async with passage.apart("one", other, (Traced("books", trail),)) as flow:
        # It is a run of its own, of which others may branch off.
        assert other.passage is not None
        assert other.passage is not passage
        await taken(flow)
    assert trail == ["in books", "in two", "in stream", "out stream", "out two", "out books"]
    assert other.passage is None
