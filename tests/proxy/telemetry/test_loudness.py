"""More is told for a while, and then as before."""

from __future__ import annotations

import asyncio
import logging

from proxy.telemetry.loudness import Loudness
from tests.proxy.telemetry.test_logging import SetUp, set_up

__all__ = ["set_up"]

LEVEL = logging.getLogger("headgate")


async def test_the_level_is_debug_for_a_while_and_comes_back(set_up: SetUp) -> None:
    set_up(level="warning")
    loudness = Loudness("warning", 0.05)
    loudness.louder()
    assert LEVEL.level == logging.DEBUG
    await asyncio.sleep(0.1)
    assert LEVEL.level == logging.WARNING


async def test_asked_for_again_the_time_begins_anew(set_up: SetUp) -> None:
    set_up(level="info")
    loudness = Loudness("info", 0.2)
    loudness.louder()
    await asyncio.sleep(0.12)
    loudness.louder()
    await asyncio.sleep(0.12)
    assert LEVEL.level == logging.DEBUG
    await asyncio.sleep(0.16)
    assert LEVEL.level == logging.INFO
