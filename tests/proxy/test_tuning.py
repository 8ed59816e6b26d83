"""The interpreter is told what it need not look at, and the generators are closed all the same."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncGenerator, Iterator

import pytest

from proxy.tuning import GC_THRESHOLDS, loading, settle


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_settle_raises_the_thresholds_and_freezes_what_is_loaded() -> None:
    async def main() -> None:
        settle()

    asyncio.run(main())
    assert gc.get_threshold() == GC_THRESHOLDS
    assert gc.get_freeze_count() > 0


def test_nothing_is_collected_while_everything_is_loaded() -> None:
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_settle_ends_the_time_without_a_collector() -> None:
    async def main() -> None:
        settle()

    with loading():
        asyncio.run(main())
        assert gc.isenabled()


def test_settle_gives_up_the_register_of_generators_only() -> None:
    async def main() -> None:
        settle()
        hooks = sys.get_asyncgen_hooks()
        assert hooks.firstiter is None
        assert hooks.finalizer is not None

    asyncio.run(main())


def test_an_abandoned_generator_is_still_closed_after_settle() -> None:
    closed: list[str] = []

    async def left() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            closed.append("closed")

    async def main() -> None:
        settle()
        flow = left()
        await anext(flow)
        del flow
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert closed == ["closed"]
