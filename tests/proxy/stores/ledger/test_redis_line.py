"""A batch comes back whole, or nobody waits for it."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pipelines.errors import LedgerUnavailable
from proxy.stores.ledger.breaker import FAILURES, Breaker
from proxy.stores.ledger.redis_line import HASHES, RedisLine, packed
from tests.fakes.later import Later
from tests.fakes.servers import free_port, redis, start_redis


@asynccontextmanager
async def opened(url: str, deadline: float = 2.0) -> AsyncIterator[RedisLine]:
    line = RedisLine(url, Breaker(time.monotonic), deadline)
    yield line
    await line.close()


@pytest.fixture
def line() -> Later:
    return Later(lambda: opened(redis().url))


def _busy(seconds: float) -> None:
    time.sleep(seconds)


async def test_answers_come_in_order_and_an_error_in_place_of_one(line: RedisLine) -> None:
    answers = await line.run([packed(b"ECHO", b"a"), packed(b"NOPE"), packed(b"ECHO", b"\r\n")])
    assert answers[0] == b"a"
    assert "unknown command" in str(answers[1])
    assert answers[2] == b"\r\n"
    assert len(line.run_id) == 40
    assert await line.run([]) == []


async def test_scripts_that_redis_forgot_are_given_to_it_again(line: RedisLine) -> None:
    await line.run([packed(b"SCRIPT", b"FLUSH")])
    assert await line.run([packed(b"EVALSHA", HASHES["used"], b"0")]) == [b""]


async def test_a_connection_that_was_cut_is_told_and_made_anew(line: RedisLine) -> None:
    (mine,) = await line.run([packed(b"CLIENT", b"ID")])
    async with opened(redis().url) as other:
        await other.run([packed(b"CLIENT", b"KILL", b"ID", b"%d" % mine)])
    with pytest.raises(LedgerUnavailable):
        await line.run([packed(b"PING")])
    assert await line.run([packed(b"PING")]) == [b"PONG"]


async def test_a_redis_that_does_not_answer_is_waited_for_no_longer_than_the_deadline() -> None:
    server = start_redis()
    async with opened(server.url, 0.05) as line:
        await line.run([packed(b"PING")], 2.0)
        server.pause(signal.SIGSTOP)
        start = time.monotonic()
        with pytest.raises(LedgerUnavailable):
            await line.run([packed(b"PING")])
        assert time.monotonic() - start < 0.5
        server.pause(signal.SIGCONT)
        assert await line.run([packed(b"PING")], 2.0) == [b"PONG"]
    server.stop()


async def test_an_answer_that_lies_there_while_the_process_was_busy_is_read(
    line: RedisLine,
) -> None:
    await line.connect()
    asking = asyncio.ensure_future(line.run([packed(b"PING")], 0.02))
    await asyncio.sleep(0)
    _busy(0.1)
    assert await asking == [b"PONG"]


async def test_a_batch_that_was_given_up_leaves_no_answer_behind(line: RedisLine) -> None:
    await line.connect()
    asking = asyncio.ensure_future(line.run([packed(b"ECHO", b"old")]))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await line.run([packed(b"ECHO", b"new")]) == [b"new"]


async def test_nobody_tries_for_a_while_when_it_failed_several_times() -> None:
    async with opened(f"redis://127.0.0.1:{free_port()}") as line:
        for _ in range(FAILURES):
            with pytest.raises(LedgerUnavailable, match="Redis cannot be asked"):
                await line.run([packed(b"PING")])
        with pytest.raises(LedgerUnavailable, match="left alone"):
            await line.run([packed(b"PING")])


async def test_a_redis_that_may_forget_sums_is_not_used() -> None:
    server = start_redis()
    policy = (b"CONFIG", b"SET", b"maxmemory-policy")
    async with opened(server.url) as line:
        await line.run([packed(*policy, b"allkeys-lru")])
        await line.close()
        with pytest.raises(LedgerUnavailable, match="noeviction"):
            await line.run([packed(b"PING")])
    server.stop()
