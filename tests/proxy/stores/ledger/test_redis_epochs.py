"""Redis is used under an epoch of the run that answers, and everybody has registered before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pipelines.ledger import Account, Hold
from proxy.stores.ledger.breaker import Breaker
from proxy.stores.ledger.postgres_line import PostgresLine
from proxy.stores.ledger.redis_books import RedisBooks
from proxy.stores.ledger.redis_epochs import Epochs
from proxy.stores.ledger.redis_line import RedisLine, packed
from proxy.stores.ledger.redis_names import Names
from tests.conformance.ledgers import migrated, unique
from tests.fakes.later import Later
from tests.fakes.servers import redis

HOLD = Hold("h", 9, (Account("key:1", 1),))
Opened = tuple[Epochs, Epochs, RedisLine, Names]


@asynccontextmanager
async def opened() -> AsyncIterator[Opened]:
    names = Names(f"{{{unique()}}}", 30)
    books = RedisBooks(PostgresLine(await migrated()), names, grace=0.4)
    lines = [RedisLine(redis().url, Breaker(time.monotonic), 2.0) for _ in range(2)]
    first, second = (Epochs(line, books, names) for line in lines)
    yield first, second, lines[0], names
    for line in lines:
        await line.close()
    await books.close()


@pytest.fixture
def two() -> Later:
    return Later(opened)


async def test_one_fills_and_the_other_finds(two: Opened) -> None:
    first, second, _, _ = two
    assert await first.find([])
    assert await second.find([])
    assert first.current == second.current
    assert second.opened.is_set()
    first.lose()
    assert (first.current, first.number) == (b"", 1)
    assert await first.find([])


async def test_what_both_hold_is_there_before_an_epoch_opens(two: Opened) -> None:
    first, second, line, names = two
    await first.find([])
    await second.find([])
    await line.run([packed(b"DEL", names.epoch)])
    other = Hold("other", 5, HOLD.accounts)
    while not all(await asyncio.gather(first.find([HOLD]), second.find([other]))):
        pass
    (held,) = await line.run([packed(b"HGET", names.account("key:1"), b"h")])
    assert held == b"14"
    assert first.number == 2


async def test_an_epoch_of_another_run_of_redis_is_not_used(two: Opened) -> None:
    first, _, line, names = two
    await first.find([])
    await line.run([packed(b"SET", names.epoch, b"1:another")])
    assert await first.find([])
    assert first.number == 2
