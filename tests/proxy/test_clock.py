"""The real clock goes forward only, and sleeps about as long as it is told."""

from __future__ import annotations

import asyncio
import time

import pytest

from proxy.clock import SystemClock


def test_time_only_goes_forward() -> None:
    clock = SystemClock()
    moments = [clock.monotonic() for _ in range(1000)]
    assert moments == sorted(moments)


def test_time_is_in_seconds_and_does_not_follow_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    before, other = SystemClock().monotonic(), time.monotonic()
    assert abs(before - other) < 5.0


async def test_a_sleep_lasts_at_least_so_long_and_lets_others_run() -> None:
    clock = SystemClock()
    ran: list[bool] = []
    asyncio.get_running_loop().call_soon(lambda: ran.append(True))
    before = clock.monotonic()
    await clock.sleep(0.02)
    assert 0.019 < clock.monotonic() - before < 5.0
    assert ran


async def test_a_sleep_can_be_cancelled() -> None:
    sleeping = asyncio.create_task(SystemClock().sleep(3600))
    await asyncio.sleep(0)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
