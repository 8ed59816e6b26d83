"""A wait that lasts too long is interrupted, and nothing else is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from proxy.transport.watchdog import Watchdog
from tests.proxy.raw import on_both_loops

LONG = 3600.0
SLACK = 0.3


def a_dog() -> Watchdog:
    return Watchdog(asyncio.get_running_loop())


def timers_of_this_loop(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.TimerHandle]:
    """Every timer that the loop will be asked for."""
    loop = asyncio.get_running_loop()
    call_at = loop.call_at
    handles: list[asyncio.TimerHandle] = []

    def noted(when: float, callback: Callable[[], None], **more: Any) -> asyncio.TimerHandle:
        handles.append(call_at(when, callback, **more))
        return handles[-1]

    monkeypatch.setattr(loop, "call_at", noted)
    return handles


def cancels() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


@on_both_loops
async def test_a_wait_that_ends_in_time_is_left_alone() -> None:
    dog = a_dog()
    with dog.within(LONG):
        await asyncio.sleep(0.001)
    dog.close()


@on_both_loops
async def test_a_wait_that_lasts_too_long_is_a_timeout() -> None:
    dog = a_dog()
    before = time.monotonic()
    with pytest.raises(TimeoutError), dog.within(0.05):
        await asyncio.sleep(LONG)
    assert 0.04 < time.monotonic() - before < 0.05 + SLACK
    assert cancels() == 0
    dog.close()


@on_both_loops
async def test_a_moment_bounds_a_wait_as_a_length_does() -> None:
    dog = a_dog()
    before = time.monotonic()
    with pytest.raises(TimeoutError), dog.until(asyncio.get_running_loop().time() + 0.05):
        await asyncio.sleep(LONG)
    assert 0.03 < time.monotonic() - before < 0.05 + SLACK
    dog.close()


@on_both_loops
async def test_a_moment_that_is_over_ends_a_wait_at_once_but_not_what_need_not_wait() -> None:
    dog = a_dog()
    past = asyncio.get_running_loop().time() - 1.0

    async def there_already() -> int:
        return 7

    with dog.until(past):
        assert await there_already() == 7
    with pytest.raises(TimeoutError), dog.until(past):
        await asyncio.sleep(LONG)
    dog.close()


@on_both_loops
async def test_between_two_waits_nothing_is_interrupted() -> None:
    dog = a_dog()
    with dog.within(0.02):
        await asyncio.sleep(0)
    # This lasts longer than any wait may, and it is none.
    await asyncio.sleep(0.06)
    with dog.within(LONG):
        await asyncio.sleep(0.01)
    assert cancels() == 0
    dog.close()


@on_both_loops
async def test_each_wait_has_its_own_length() -> None:
    dog = a_dog()
    for _ in range(10):
        with dog.within(0.05):
            await asyncio.sleep(0.01)
    with pytest.raises(TimeoutError), dog.within(0.02):
        await asyncio.sleep(LONG)
    with dog.within(LONG):
        await asyncio.sleep(0.01)
    with pytest.raises(TimeoutError), dog.within(0.02):
        await asyncio.sleep(LONG)
    dog.close()


@on_both_loops
async def test_an_earlier_moment_is_kept_though_the_timer_was_set_for_a_later_one() -> None:
    dog = a_dog()
    with dog.within(LONG):
        await asyncio.sleep(0)
    before = time.monotonic()
    with pytest.raises(TimeoutError), dog.within(0.03):
        await asyncio.sleep(LONG)
    assert time.monotonic() - before < 0.03 + SLACK
    dog.close()


async def test_many_waits_are_worth_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    timers = timers_of_this_loop(monkeypatch)
    dog = a_dog()
    for _ in range(1000):
        with dog.within(LONG):
            await asyncio.sleep(0)
    assert len(timers) == 1
    dog.close()
    assert timers[0].cancelled()


async def test_a_closed_one_leaves_no_timer_and_may_be_closed_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timers = timers_of_this_loop(monkeypatch)
    a_dog().close()
    dog = a_dog()
    for length in (LONG, LONG / 2, LONG / 4):
        with dog.within(length):
            await asyncio.sleep(0)
    dog.close()
    dog.close()
    assert timers
    assert all(handle.cancelled() for handle in timers)


@on_both_loops
async def test_an_error_of_the_wait_passes_through() -> None:
    dog = a_dog()
    with pytest.raises(ZeroDivisionError), dog.within(LONG):
        raise ZeroDivisionError
    dog.close()


@on_both_loops
async def test_a_cancel_of_somebody_else_is_no_timeout() -> None:
    dog = a_dog()
    seen: list[str] = []

    async def waits() -> None:
        try:
            with dog.within(LONG):
                await asyncio.sleep(LONG)
        except BaseException as error:
            seen.append(type(error).__name__)
            raise

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["CancelledError"]
    assert task.cancelled()
    dog.close()


@on_both_loops
async def test_a_cancel_of_somebody_else_wins_over_a_timeout_of_the_same_moment() -> None:
    loop = asyncio.get_running_loop()
    ended: list[str] = []

    async def waits(dog: Watchdog) -> None:
        try:
            with dog.until(loop.time() - 1.0):
                await asyncio.sleep(LONG)
        except BaseException as error:
            ended.append(type(error).__name__)
            raise

    for cancel_first in (True, False):
        dog = a_dog()
        task = asyncio.create_task(waits(dog))
        await asyncio.sleep(0)
        if cancel_first:
            task.cancel()
        else:
            # The timer has fired by now, and its cancel waits to be delivered.
            loop.call_soon(task.cancel)
        with suppress(asyncio.CancelledError, TimeoutError):
            await task
        dog.close()
    assert ended[0] == "CancelledError"
    assert ended[1] in ("CancelledError", "TimeoutError")


@on_both_loops
async def test_a_bite_and_a_cancel_together_leave_the_cancel_standing() -> None:
    dog = a_dog()
    counts: list[int] = []

    async def waits() -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            with dog.within(0.01):
                try:
                    await asyncio.sleep(LONG)
                finally:
                    # Meanwhile somebody else wants the task to end, too.
                    task.cancel()
        finally:
            counts.append(task.cancelling())

    task = asyncio.create_task(waits())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert counts == [1]
    dog.close()


@on_both_loops
async def test_a_cancel_that_was_asked_for_before_does_not_hide_a_timeout() -> None:
    dog = a_dog()

    async def waits() -> int:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(LONG)
        assert cancels() == 1
        with pytest.raises(TimeoutError), dog.within(0.02):
            await asyncio.sleep(LONG)
        return cancels()

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    assert await task == 1
    dog.close()


@on_both_loops
async def test_it_goes_together_with_a_timeout_around_it() -> None:
    dog = a_dog()
    inner: list[str] = []

    async def waits(outer: float, own: float) -> None:
        async with asyncio.timeout(outer):
            try:
                with dog.within(own):
                    await asyncio.sleep(LONG)
            except BaseException as error:
                inner.append(type(error).__name__)
                raise

    with pytest.raises(TimeoutError):
        await waits(0.02, LONG)
    with pytest.raises(TimeoutError):
        await waits(LONG, 0.02)
    assert inner == ["CancelledError", "TimeoutError"]
    assert cancels() == 0
    dog.close()


@on_both_loops
async def test_a_wait_that_makes_another_error_of_the_bite_keeps_it() -> None:
    dog = a_dog()
    with pytest.raises(ZeroDivisionError), dog.within(0.01):
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            raise ZeroDivisionError from None
    assert cancels() == 0
    with dog.within(LONG):
        await asyncio.sleep(0)
    dog.close()


@on_both_loops
async def test_a_wait_that_swallows_the_bite_is_no_timeout_and_leaves_no_cancel() -> None:
    dog = a_dog()
    with dog.within(0.01), suppress(asyncio.CancelledError):
        await asyncio.sleep(LONG)
    assert cancels() == 0
    await asyncio.sleep(0.01)
    dog.close()


@on_both_loops
async def test_whoever_waits_now_is_the_one_to_be_interrupted() -> None:
    dog = a_dog()

    async def opens() -> None:
        with dog.within(LONG):
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)

    async def reads() -> None:
        with dog.within(0.02):
            await asyncio.sleep(LONG)

    opener = asyncio.create_task(opens())
    await asyncio.sleep(0.005)
    with pytest.raises(TimeoutError):
        await asyncio.create_task(reads())
    await opener
    dog.close()
