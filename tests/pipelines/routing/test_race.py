"""Of two deployments the first to speak serves, and both pay for themselves."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from pipelines.allowance import Allowance, Budget
from pipelines.chain import Chain
from pipelines.costs import account
from pipelines.errors import StreamBroken, UpstreamFailed
from pipelines.events import Data, End, Event, Flow, Proceed
from pipelines.exchange import Exchange, Principal
from pipelines.money import Prices
from pipelines.routing.choice import Chooser
from pipelines.routing.filters import View
from pipelines.routing.hedging import Hedging
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.retry_budget import RetryBudget
from pipelines.routing.routes import Routes
from pipelines.routing.strategies import Means, SimpleShuffle
from pipelines.routing.tries import Rules
from pipelines.stages.log import Log
from pipelines.stages.route import Route
from proxy.stores.ledger.memory import MemoryLedger
from tests.builders import KNOWN_USAGE, a_call, a_deployment, a_head, a_stream_call, an_exchange
from tests.builders import an_upstream_request as a_request
from tests.fakes.ports import FakeClock, FakeJournal, a_budget
from tests.fakes.replies import FakeSpawner

PRICES = Prices(prompt=1_000_000, completion=2_000_000)
ACCOUNT = "key:1"
Script = tuple[Event | BaseException | asyncio.Event, ...]


class Provider:
    """The source: plays the script of the deployment that is asked; an event of asyncio holds it
    up until the test lets it go on."""

    name = "stream"
    needs = frozenset({"deployment"})
    gives: frozenset[str] = frozenset()

    def __init__(self, **scripts: Script) -> None:
        self.scripts = scripts
        self.asked: list[str] = []
        self.open = 0

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        id = exchange.deployment.id
        self.asked.append(id)
        exchange.upstream = a_request()
        self.open += 1
        try:
            for step in self.scripts[id]:
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                    continue
                if type(step) is End:
                    exchange.usage = KNOWN_USAGE
                    account(exchange)
                yield step
        finally:
            self.open -= 1


class Course:
    """One call of a model with the deployments a (asked first) and b; a second one is asked at once
    where the first is late."""

    def __init__(self, *, whole: bool = False, retries: float = 1.0, **scripts: Script) -> None:
        self.clock, self.spawner, self.journal = FakeClock(), FakeSpawner(), FakeJournal()
        self.ledger, self.view = MemoryLedger(self.clock), View()
        self.provider = Provider(**scripts)
        made = [
            a_deployment(name, hedges=True, prices=PRICES, weight=1.0 if name == "a" else 0.0)
            for name in scripts
        ]
        random = Random(4)
        policy = RoutePolicy(num_retries=0, hedging=Hedging(after=0.5, whole=whole))
        strategy = SimpleShuffle(Means(self.view.traffic, random))
        budget = RetryBudget(retries, 10 if retries else 0)
        chooser = Chooser(self.view, strategy, self.clock, budget)
        route = Route(Rules(Routes(made), policy, random), chooser, self.spawner)
        money = a_budget(self.ledger)
        log = Log(self.journal, self.clock)
        self.chain = Chain([Known(), money, route, self.provider, log])
        call = a_call() if whole else a_stream_call()
        self.exchange = an_exchange(call)
        self.events: list[Event] = []

    async def run(self) -> list[Event]:
        async with self.chain.run(self.exchange) as flow:
            async for event in flow:
                self.events.append(event)
        await self.spawner.settled()
        return self.events

    async def turns(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def spent(self) -> int:
        """What the key was charged; nothing is held any more."""
        await self.spawner.settled()
        balance = (await self.ledger.balances([ACCOUNT]))[ACCOUNT]
        assert balance.held == 0
        return balance.spent

    @property
    def tried(self) -> list[tuple[str, str]]:
        return [(one.deployment.id, one.kind) for one in self.exchange.attempts]

    async def check_books(self) -> None:
        """The ledger, the attempts and the record tell the same sum, and nobody is in flight."""
        spent = await self.spent()
        assert (self.exchange.total_cost or 0) == spent
        assert sum(one.cost or 0 for one in self.exchange.attempts) == spent
        (record,) = self.journal.records
        assert (record.cost or 0) == spent
        now = self.clock.time()
        assert [self.view.traffic.seen(id, now).in_flight for id in "ab"] == [0, 0]
        assert self.provider.open == 0
        assert all(task.done() for task in self.spawner.tasks)


class Known:
    """Gives the caller."""

    name = "known"
    needs: frozenset[str] = frozenset()
    gives = frozenset({"principal"})

    def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        limits = (Allowance(ACCOUNT, "Key=t", (Budget(10**12),)),)
        exchange.principal = Principal("tester", "digest", allowances=limits)
        return proceed()


def says(word: bytes) -> Script:
    return (a_head(), Data(word), End(KNOWN_USAGE))


def said(events: list[Event]) -> bytes:
    return b"".join(event.raw for event in events if type(event) is Data)


def late(word: bytes = b"a") -> Script:
    return (asyncio.Event(), *says(word))


async def test_the_second_one_serves_where_the_first_is_late() -> None:
    course = Course(a=late(), b=says(b"b"))
    assert said(await course.run()) == b"b"
    assert course.provider.asked == ["a", "b"]
    assert course.tried == [("a", "first"), ("b", "hedge")]
    assert course.exchange.deployment.id == "b"


async def test_the_one_that_lost_is_paid_for_its_prompt() -> None:
    course = Course(a=late(), b=says(b"b"))
    await course.run()
    lost, served = course.exchange.attempts
    assert lost.usage.estimated
    assert lost.usage.prompt_tokens > 0
    assert lost.cost
    assert served.cost == 9_000 + 24_000
    await course.check_books()


async def test_the_first_one_serves_where_it_is_quicker_after_all() -> None:
    slow = late()
    course = Course(a=slow, b=late(b"b"))
    run = asyncio.ensure_future(course.run())
    await course.turns()
    assert course.provider.open == 2
    assert isinstance(slow[0], asyncio.Event)
    slow[0].set()
    assert said(await run) == b"a"
    assert course.tried == [("b", "hedge"), ("a", "first")]
    await course.check_books()


async def test_a_quick_one_runs_alone() -> None:
    course = Course(a=says(b"a"), b=says(b"b"))
    assert said(await course.run()) == b"a"
    assert course.tried == [("a", "first")]
    await course.check_books()


async def test_the_first_one_that_fails_leaves_the_call_to_the_second() -> None:
    slow: Script = (asyncio.Event(), UpstreamFailed("a died"))
    gate = late(b"b")
    course = Course(a=slow, b=gate)
    run = asyncio.ensure_future(course.run())
    await course.turns()
    assert isinstance(slow[0], asyncio.Event)
    slow[0].set()
    await course.turns()
    assert isinstance(gate[0], asyncio.Event)
    gate[0].set()
    assert said(await run) == b"b"
    assert str(course.exchange.attempts[0].error) == "a died"
    await course.check_books()


async def test_a_second_one_that_fails_leaves_the_call_to_the_first() -> None:
    slow = late()
    course = Course(a=slow, b=(UpstreamFailed("b died"),))
    run = asyncio.ensure_future(course.run())
    await course.turns()
    assert isinstance(slow[0], asyncio.Event)
    slow[0].set()
    assert said(await run) == b"a"
    assert course.tried == [("b", "hedge"), ("a", "first")]
    await course.check_books()


async def test_where_both_fail_the_client_hears_of_the_first() -> None:
    slow: Script = (asyncio.Event(), UpstreamFailed("a died"))
    course = Course(a=slow, b=(UpstreamFailed("b died"),))
    run = asyncio.ensure_future(course.run())
    await course.turns()
    assert isinstance(slow[0], asyncio.Event)
    slow[0].set()
    with pytest.raises(UpstreamFailed, match="a died"):
        await run
    await course.check_books()


async def test_one_that_breaks_off_after_it_spoke_breaks_the_reply() -> None:
    course = Course(a=late(), b=(a_head(), Data(b"b"), StreamBroken("cut")))
    with pytest.raises(StreamBroken):
        await course.run()
    assert said(course.events) == b"b"


async def test_a_client_that_leaves_ends_both() -> None:
    course = Course(a=late(), b=late(b"b"))
    run = asyncio.ensure_future(course.run())
    await course.turns()
    assert course.provider.open == 2
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await course.turns()
    await course.check_books()


async def test_a_client_that_leaves_in_the_middle_ends_the_one_that_serves() -> None:
    endless: Script = (a_head(), *(Data(b"b") for _ in range(9)), asyncio.Event())
    course = Course(a=late(), b=endless)
    async with course.chain.run(course.exchange) as flow:
        assert [type(await anext(flow)).__name__ for _ in range(3)] == ["Head", "Data", "Data"]
    await course.turns()
    assert course.provider.open == 0
    assert course.exchange.outlives is None
    assert len(course.journal.records) == 1


async def test_no_second_one_is_asked_where_no_retry_can_be_paid_for() -> None:
    slow = late()
    course = Course(a=slow, b=says(b"b"), retries=0.0)
    run = asyncio.ensure_future(course.run())
    await course.turns()
    assert course.provider.asked == ["a"]
    assert isinstance(slow[0], asyncio.Event)
    slow[0].set()
    assert said(await run) == b"a"


async def test_a_whole_reply_is_hedged_only_where_the_operator_says_so() -> None:
    course = Course(a=late(), b=says(b"b"), whole=True)
    assert said(await course.run()) == b"b"
    await course.check_books()


async def test_the_time_that_the_slow_one_was_waited_for_counts_as_its_own() -> None:
    course = Course(a=late(), b=says(b"b"))
    await course.run()
    assert course.view.traffic.latency("a", True, 0.0, 10) is not None
