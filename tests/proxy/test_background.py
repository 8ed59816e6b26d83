"""Background tasks are kept, their deaths are logged, and all of them end at shutdown."""

from __future__ import annotations

import asyncio
import gc
import time

import pytest
from structlog.testing import capture_logs

from proxy import background as background_module
from proxy.background import Background


async def _die(error: BaseException) -> None:
    raise error


async def test_what_dies_is_logged_under_its_name() -> None:
    background = Background()
    error = ValueError("broken")
    with capture_logs() as lines:
        task = background.spawn(_die(error), "sweeper")
        await asyncio.wait((task,))
        await asyncio.sleep(0)
    assert [(line["event"], line["task"]) for line in lines] == [
        ("background task died", "sweeper")
    ]
    assert lines[0]["log_level"] == "error"
    assert lines[0]["exc_info"]


async def test_a_death_is_told_to_the_log_and_to_nobody_else() -> None:
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    background = Background()
    with capture_logs():
        await asyncio.wait((background.spawn(_die(ValueError("broken")), "sweeper"),))
        await background.close()
    gc.collect()
    assert not faults


async def test_the_end_and_the_cancel_of_a_task_are_no_news() -> None:
    background = Background()
    with capture_logs() as lines:
        ends = background.spawn(asyncio.sleep(0), "ends")
        cancelled = background.spawn(asyncio.sleep(60), "cancelled")
        await ends
        cancelled.cancel()
        await asyncio.wait((cancelled,))
        await asyncio.sleep(0)
    assert not lines
    assert background.running == 0


async def test_a_task_that_is_cancelled_before_its_first_step_leaves_no_warning() -> None:
    background = Background()
    task = background.spawn(asyncio.sleep(60), "never began")
    task.cancel()
    await asyncio.wait((task,))
    # A coroutine that was never awaited would say so here, which is an error in this suite.
    del task
    gc.collect()


async def test_a_task_bears_its_name_and_is_counted_until_it_ends() -> None:
    background = Background()
    gate = asyncio.Event()
    task = background.spawn(_wait(gate), "waits")
    assert task.get_name() == "waits"
    assert background.running == 1
    gate.set()
    await task
    await asyncio.sleep(0)
    assert background.running == 0


async def _wait(gate: asyncio.Event) -> None:
    await gate.wait()


async def test_a_task_is_kept_though_nobody_else_holds_it() -> None:
    background = Background()
    gate = asyncio.Event()
    done: list[bool] = []

    async def work() -> None:
        await gate.wait()
        done.append(True)

    background.spawn(work(), "kept")
    await asyncio.sleep(0)
    gc.collect()
    gate.set()
    await background.close()
    assert done == [True]


async def test_close_lets_tasks_end_that_end_in_time() -> None:
    background = Background()
    task = background.spawn(asyncio.sleep(0.02), "short")
    await background.close(within=5.0)
    assert not task.cancelled()
    assert background.running == 0


async def test_close_cancels_what_does_not_end_in_time_and_waits_for_its_clean_up() -> None:
    background = Background()
    trail: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            trail.append("cleaned up")

    task = background.spawn(work(), "long")
    before = time.monotonic()
    await background.close(within=0.02)
    assert time.monotonic() - before < 5.0
    assert task.cancelled()
    assert trail == ["cleaned up"]
    assert background.running == 0


async def test_close_without_tasks_returns_at_once() -> None:
    await asyncio.wait_for(Background().close(), 1.0)


async def test_close_logs_what_dies_meanwhile_and_raises_nothing() -> None:
    background = Background()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise OSError("the disk is full")

    background.spawn(work(), "writer")
    await asyncio.sleep(0)
    with capture_logs() as lines:
        await background.close(within=0.01)
        await asyncio.sleep(0)
    assert [line["task"] for line in lines] == ["writer"]


async def test_close_also_ends_what_a_task_spawns_in_its_last_moment() -> None:
    background = Background()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            background.spawn(asyncio.sleep(60), "late")

    background.spawn(work(), "parent")
    await asyncio.sleep(0)
    await background.close(within=0.01)
    assert background.running == 0


async def test_work_without_an_end_is_begun_again_when_it_dies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background_module, "PAUSE", 0.0)
    background, begun, done = Background(), [], asyncio.Event()

    async def work() -> None:
        begun.append(1)
        if len(begun) < 3:
            raise ValueError("odd")
        done.set()
        await asyncio.Event().wait()

    with capture_logs() as lines:
        background.keep(work, "odd work")
        await asyncio.wait_for(done.wait(), 5.0)
        await background.close(0.0)
    assert len(begun) == 3
    assert [line["task"] for line in lines] == ["odd work"] * 2
