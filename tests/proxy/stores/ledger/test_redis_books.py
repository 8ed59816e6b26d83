"""An entry is written once, whoever writes it, and Redis is filled by one process at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pipelines.ledger import Account, Hold, Settlement
from proxy.stores.ledger.breaker import Breaker
from proxy.stores.ledger.owed import ORPHANED, SETTLED
from proxy.stores.ledger.postgres_line import PostgresLine
from proxy.stores.ledger.redis_books import Booked, RedisBooks
from proxy.stores.ledger.redis_line import RedisLine, packed
from proxy.stores.ledger.redis_names import Names, record
from tests.conformance.ledgers import migrated, unique
from tests.fakes.later import Later
from tests.fakes.servers import redis

Opened = tuple[RedisBooks, RedisLine, Names]


@asynccontextmanager
async def opened() -> AsyncIterator[Opened]:
    names = Names(f"{{{unique()}}}", 30)
    books = RedisBooks(PostgresLine(await migrated()), names, grace=0.0)
    line = RedisLine(redis().url, Breaker(time.monotonic), 2.0)
    yield books, line, names
    await line.close()
    await books.close()


@pytest.fixture
def everything() -> Later:
    return Later(opened)


def a_record(id: str, cost: int, state: int = SETTLED) -> bytes:
    settlement = Settlement(Hold(id, 0, (Account("key:1"), Account("team:1"))), cost)
    return record(settlement, state)  # type: ignore[arg-type]


async def test_sums_grow_only_by_what_was_really_written(everything: Opened) -> None:
    books, _, _ = everything
    batch = [a_record(str(number), 10) for number in range(50)]
    await asyncio.gather(*(books.book(batch) for _ in range(4)))
    assert await books.total("key:1") == 500


async def test_redis_has_the_sums_after_it_was_filled(everything: Opened) -> None:
    books, line, names = everything
    assert await books.book([a_record("a", 5), a_record("o", 7, ORPHANED)]) == {
        "a": Booked(0, 5, SETTLED),
        "o": Booked(0, 7, ORPHANED),
    }
    await line.connect()
    stale = names.account("key:stale")
    await line.run([packed(b"HSET", stale, b"s", b"9")])
    found = await asyncio.gather(books.prepare(line), books.prepare(line))
    (epoch,) = [one for one in found if one is not None]
    assert epoch.startswith(b"1:")
    (prepared,) = await line.run([packed(b"GET", names.epoch)])
    assert prepared == b"prepared:" + epoch
    await books.open(line, epoch)
    answers = await line.run(
        [
            packed(b"GET", names.epoch),
            packed(b"HGET", names.account("key:1"), b"s"),
            packed(b"EXISTS", stale),
            packed(b"HMGET", names.holds + b"o", b"a", b"st"),
        ]
    )
    assert answers == [epoch, b"12", 0, [b"7", b"O"]]
    assert await books.book([a_record("b", 1)]) == {"b": Booked(1, 1, SETTLED)}
    assert await books.book([a_record("a", 5), a_record("o", 2)]) == {
        "a": Booked(0, 5, SETTLED),
        "o": Booked(1, 2, SETTLED),
    }
    assert await books.total("key:1") == 8
