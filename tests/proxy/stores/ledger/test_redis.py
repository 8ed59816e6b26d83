"""Redis may lose everything, stop or be cut off: nobody overspends, and nothing is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from pipelines.errors import LedgerUnavailable
from pipelines.ledger import Account, Balance, Granted, Hold, Rate, Refused, Settlement, Slot
from proxy.background import Background
from proxy.clock import SystemClock
from proxy.stores.ledger.owed import SETTLED
from proxy.stores.ledger.redis import RedisLedger, RedisOptions
from proxy.stores.ledger.redis_books import Booked
from proxy.stores.ledger.redis_line import packed
from proxy.stores.ledger.redis_names import record
from tests.conformance.ledgers import migrated, unique
from tests.fakes.later import Later
from tests.fakes.servers import Redis, redis, start_redis

KEY = Account("key:1", 100)
Pair = tuple[RedisLedger, RedisLedger]


def a_hold(amount: int = 60) -> Hold:
    slot = Slot("parallel:key:1", 5)
    return Hold(unique(), amount, (KEY,), (Rate("rpm:key:1", 50),), (slot,))


@asynccontextmanager
async def pair(server: Redis, lease: float = 30.0) -> AsyncIterator[Pair]:
    """Two replicas."""
    background, address = Background(), await migrated()
    options = RedisOptions(f"{{{unique()}}}", lease, deadline=2.0, grace=0.8)
    first, second = (
        RedisLedger(server.url, address, background, SystemClock(), options) for _ in range(2)
    )
    await asyncio.gather(first.open(), second.open())
    yield first, second
    await first.close()
    await second.close()
    await background.close()


@pytest.fixture
def replicas() -> Later:
    return Later(lambda: pair(redis()))


async def until_open(*ledgers: RedisLedger) -> None:
    for one in ledgers:
        for _ in range(100):
            with suppress(LedgerUnavailable):
                await one.balances(["key:1"])
                break
            await asyncio.sleep(0.05)


async def empty(ledger: RedisLedger) -> None:
    """Take away all that Redis has of this ledger."""
    (keys,) = await ledger._line.run([packed(b"KEYS", ledger._names.everything)])
    await ledger._line.run([packed(b"DEL", *keys)])


async def balance(ledger: RedisLedger) -> Balance:
    await ledger.flush()
    return (await ledger.balances(["key:1"]))["key:1"]


async def test_two_replicas_never_let_in_more_than_one_sum_has(replicas: Pair) -> None:
    answers = await asyncio.gather(*(one.reserve(a_hold(30)) for _ in range(3) for one in replicas))
    assert sum(isinstance(one, Granted) for one in answers) == 3
    assert sum(len(one.held) for one in replicas) == 3
    assert not any(one.breaker.is_open for one in replicas)


async def test_what_redis_lost_is_filled_anew_with_what_everybody_holds(replicas: Pair) -> None:
    first, second = replicas
    spent, held, other = a_hold(40), a_hold(30), a_hold(20)
    assert isinstance(await first.reserve(spent), Granted)
    first.settle(Settlement(spent, 7))
    await first.flush()
    assert isinstance(await first.reserve(held), Granted)
    assert isinstance(await second.reserve(other), Granted)
    await empty(first)
    with pytest.raises(LedgerUnavailable):
        await first.reserve(a_hold(1))
    await until_open(*replicas)
    assert await balance(first) == Balance(7, 50)
    refused = await second.reserve(a_hold(44))
    assert refused == Refused("account", 0, 43, 57, held=50)
    first.settle(Settlement(held, 10))
    second.settle(Settlement(other, 20))
    await first.flush()
    assert await balance(second) == await balance(first) == Balance(37, 0)
    assert await first.total("key:1") == 37


async def test_what_is_settled_while_redis_is_away_is_counted_once() -> None:
    server = start_redis()
    async with pair(server) as (first, second):
        holds = [a_hold(20) for _ in range(4)]
        for hold in holds:
            assert isinstance(await first.reserve(hold), Granted)
        first.settle(Settlement(holds[0], 1))
        await first.flush()
        first.settle(Settlement(holds[1], 2))
        server.stop()
        first.settle(Settlement(holds[2], 3))
        await asyncio.sleep(0.2)
        start = time.monotonic()
        with pytest.raises(LedgerUnavailable):
            await first.reserve(a_hold(1))
        assert time.monotonic() - start < 0.2
        server.start()
        first.settle(Settlement(holds[3], 4))
        await until_open(first, second)
        assert await balance(first) == Balance(10, 0)
        assert await balance(second) == Balance(10, 0)
        assert await first.total("key:1") == 10
    server.stop()


async def test_a_connection_that_is_cut_is_not_noticed(replicas: Pair) -> None:
    first, second = replicas
    await first.reserve(a_hold(10))
    (mine,) = await first._line.run([packed(b"CLIENT", b"ID")])
    await second._line.run([packed(b"CLIENT", b"KILL", b"ID", b"%d" % mine)])
    assert isinstance(await first.reserve(a_hold(10)), Granted)
    assert await balance(first) == Balance(0, 20)


async def test_who_stops_waiting_holds_nothing(replicas: Pair) -> None:
    first, _ = replicas
    hold = a_hold(60)
    asking = asyncio.ensure_future(first.reserve(hold))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.sleep(0.1)
    assert await balance(first) == Balance(0, 0)
    assert await first.used(hold.rates) == (0,)


async def test_what_was_given_back_is_still_charged_when_it_cost_something(
    replicas: Pair,
) -> None:
    first, _ = replicas
    hold = a_hold(60)
    assert isinstance(await first.reserve(hold), Granted)
    first._give_back(hold)
    assert await balance(first) == Balance(0, 0)
    first.settle(Settlement(hold, 9))
    assert await balance(first) == Balance(9, 0)
    assert await first.total("key:1") == 9


async def test_holds_of_the_dead_are_spent_in_full_and_corrected_by_a_late_settlement() -> None:
    async with pair(redis(), lease=0.3) as (dead, alive):
        lost, kept = a_hold(60), a_hold(30)
        assert isinstance(await dead.reserve(lost), Granted)
        assert isinstance(await alive.reserve(kept), Granted)
        for _ in range(4):
            await asyncio.sleep(0.12)
            await alive.tend()
        assert await balance(alive) == Balance(60, 30)
        assert await alive.total("key:1") == 60
        dead.settle(Settlement(lost, 5))
        await dead.flush()
        assert await balance(alive) == Balance(5, 30)
        assert await alive.total("key:1") == 5


async def test_records_of_the_dead_reach_the_books(replicas: Pair) -> None:
    dead, alive = replicas
    hold = a_hold(60)
    await dead.reserve(hold)
    dead._debts.add(Settlement(hold, 7))
    await dead._turn()
    dead._debts = type(dead._debts)()
    assert await alive.total("key:1") == 0
    await alive.tend()
    assert await alive.total("key:1") == 7
    assert await balance(alive) == Balance(7, 0)


async def test_an_orphan_whose_truth_is_in_the_books_is_corrected() -> None:
    async with pair(redis(), lease=0.1) as (dead, alive):
        hold = a_hold(60)
        await dead.reserve(hold)
        await dead._books.book([record(Settlement(hold, 7), SETTLED)])
        await asyncio.sleep(0.2)
        dead.held.clear()
        await alive.tend()
        assert await balance(alive) == Balance(7, 0)
        assert await alive.total("key:1") == 7


async def test_somebody_elses_value_in_one_of_our_keys_refuses_that_key_only(
    replicas: Pair,
) -> None:
    first, _ = replicas
    key = first._names.account("key:1")
    await first._line.run([packed(b"SET", key, b"rubbish")])
    with pytest.raises(LedgerUnavailable):
        await first.reserve(a_hold(1))
    other = Hold(unique(), 5, (Account("key:2", 100),))
    assert isinstance(await first.reserve(other), Granted)
    first.settle(Settlement(a_hold(0), 3))
    await first.flush()
    assert await first.total("key:1") == 3
    await first._line.run([packed(b"DEL", key)])


async def test_settlements_wait_for_a_database_that_is_away(replicas: Pair) -> None:
    first, _ = replicas
    hold = a_hold(60)
    await first.reserve(hold)
    book, first._books.book = first._books.book, _away  # type: ignore[method-assign]
    first.settle(Settlement(hold, 7))
    await asyncio.sleep(0.15)
    assert isinstance(await first.reserve(a_hold(1)), Granted)
    assert (await first.balances(["key:1"]))["key:1"] == Balance(7, 1)
    assert await first.total("key:1") == 0
    first._books.book = book  # type: ignore[method-assign]
    await first.flush()
    assert await first.total("key:1") == 7


async def test_whoever_only_looks_has_more_time_than_a_call(replicas: Pair) -> None:
    first, second = replicas
    first._line._deadline = 0.01
    await first.balances(["key:1"])
    await second._line.run([packed(b"CLIENT", b"PAUSE", b"1300", b"ALL")])
    looking = asyncio.ensure_future(first.balances(["key:1"]))
    with pytest.raises(LedgerUnavailable):
        await first.reserve(a_hold(60))
    assert (await looking)["key:1"] == Balance(0, 0)
    # Until Redis may be used again for calls, a look waits too.
    assert (await first.balances(["key:1"]))["key:1"] == Balance(0, 0)


async def test_what_is_settled_one_after_the_other_is_written_together(replicas: Pair) -> None:
    first, _ = replicas
    written: list[int] = []
    book = first._books.book

    async def counted(records: Sequence[bytes]) -> Mapping[str, Booked]:
        written.append(len(records))
        return await book(records)

    first._books.book = counted  # type: ignore[method-assign]
    for _ in range(100):
        hold = a_hold(1)
        await first.reserve(hold)
        first.settle(Settlement(hold, 1))
        await asyncio.sleep(0.001)
    await first.flush()
    assert sum(written) >= 50
    assert len(written) < 25
    assert await first.total("key:1") == sum(written)


async def _away(records: object) -> dict[str, Booked]:
    raise LedgerUnavailable("away")
