"""Of those who wait for one account the first alone asks again, and nobody is forgotten."""

from __future__ import annotations

import asyncio

from pipelines.queueing import LATEST, SOONEST, Queue, Ticket
from tests.fakes.ports import FakeClock


async def woken(task: asyncio.Task[None]) -> bool:
    for _ in range(3):
        await asyncio.sleep(0)
    return task.done()


def waiting(queue: Queue, ticket: Ticket) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(queue.turn(ticket, 0, 5))


async def test_the_first_asks_ever_more_seldom_while_nothing_moves() -> None:
    clock = FakeClock()
    queue = Queue(clock)
    ticket = queue.enter("key:1", clock.now + 100)
    for _ in range(10):
        await queue.turn(ticket, 1, 5)
    assert clock.sleeps[0] == SOONEST
    assert clock.sleeps == sorted(clock.sleeps)
    assert clock.sleeps[-1] == LATEST
    await queue.turn(ticket, 3, 3)
    assert clock.sleeps[-1] == SOONEST


async def test_nobody_sleeps_beyond_his_time() -> None:
    clock = FakeClock()
    queue = Queue(clock)
    await queue.turn(queue.enter("key:1", clock.now + 0.02), 1, 5)
    assert 0 < clock.sleeps[0] <= 0.021


async def test_the_next_is_woken_when_the_first_leaves_and_in_order() -> None:
    queue = Queue(FakeClock())
    first, second, third = (queue.enter("key:1", 900.0) for _ in range(3))
    two, three = waiting(queue, second), waiting(queue, third)
    assert not await woken(two)
    queue.leave(first)
    assert await woken(two)
    assert not await woken(three)
    queue.leave(second)
    assert await woken(three)
    queue.leave(third)
    assert not queue._lines


async def test_all_are_woken_where_there_is_nothing_left_to_wait_for() -> None:
    queue = Queue(FakeClock())
    first, second, third = (queue.enter("key:1", 900.0) for _ in range(3))
    others = [waiting(queue, second), waiting(queue, third)]
    assert not await woken(others[0])
    queue.leave(first, hopeless=True)
    assert [await woken(one) for one in others] == [True, True]


async def test_who_has_waited_long_enough_is_woken_by_the_first() -> None:
    clock = FakeClock()
    queue = Queue(clock)
    first = queue.enter("key:1", clock.now + 100)
    late = waiting(queue, queue.enter("key:1", clock.now + 0.01))
    assert not await woken(late)
    await queue.turn(first, 1, 5)
    assert await woken(late)


async def test_each_account_has_a_line_of_its_own() -> None:
    clock = FakeClock()
    queue = Queue(clock)
    queue.enter("key:1", 900.0)
    await queue.turn(queue.enter("key:2", 900.0), 1, 5)
    assert clock.sleeps == [SOONEST]
