"""The running calls are counted, waited for, and ended when the time has come."""

from __future__ import annotations

import asyncio

from proxy.http.live import Live


class Call:
    """A call that remembers how often it was told to end."""

    def __init__(self, streams: bool = False) -> None:
        self.ended = 0
        self.streams = streams

    def shut_down(self) -> None:
        self.ended += 1


def test_calls_are_counted_while_they_run() -> None:
    live, first, second = Live(), Call(), Call(streams=True)
    live.enter(first)
    live.enter(second)
    assert len(live) == 2
    assert live.streams == 1
    live.leave(first)
    live.leave(first)
    assert len(live) == 1
    live.leave(second)
    assert len(live) == 0


def test_draining_is_told_and_ends_nothing() -> None:
    live, call = Live(), Call()
    live.enter(call)
    states = [live.draining]
    live.begin()
    states.append(live.draining)
    assert states == [False, True]
    assert call.ended == 0


def test_expire_ends_every_running_call_and_no_other() -> None:
    live, over, running = Live(), Call(), [Call(), Call()]
    live.enter(over)
    live.leave(over)
    for call in running:
        live.enter(call)
    live.expire()
    assert [call.ended for call in running] == [1, 1]
    assert over.ended == 0


def test_expire_bears_calls_that_leave_at_once() -> None:
    live = Live()

    class Leaving(Call):
        def shut_down(self) -> None:
            super().shut_down()
            live.leave(self)

    calls = [Leaving() for _ in range(3)]
    for call in calls:
        live.enter(call)
    live.expire()
    assert [call.ended for call in calls] == [1, 1, 1]
    assert len(live) == 0


async def test_idle_returns_at_once_where_nothing_runs() -> None:
    await asyncio.wait_for(Live().idle(), 1.0)


async def test_idle_waits_for_the_last_call() -> None:
    live, first, second = Live(), Call(), Call()
    live.enter(first)
    live.enter(second)
    waiting = asyncio.create_task(live.idle())
    await asyncio.sleep(0)
    live.leave(first)
    await asyncio.sleep(0.01)
    assert not waiting.done()
    live.leave(second)
    await asyncio.wait_for(waiting, 1.0)


async def test_idle_waits_for_a_call_that_begins_when_the_last_one_ends() -> None:
    live, first, second = Live(), Call(), Call()
    live.enter(first)
    waiting = asyncio.create_task(live.idle())
    await asyncio.sleep(0)
    live.leave(first)
    live.enter(second)
    await asyncio.sleep(0.01)
    assert not waiting.done()
    live.leave(second)
    await asyncio.wait_for(waiting, 1.0)


async def test_several_may_wait_for_the_last_call() -> None:
    live, call = Live(), Call()
    live.enter(call)
    waiting = [asyncio.create_task(live.idle()) for _ in range(3)]
    await asyncio.sleep(0)
    live.leave(call)
    await asyncio.wait_for(asyncio.gather(*waiting), 1.0)
