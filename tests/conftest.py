"""How the tests are run; what they need stands in `tests/fakes/` and in `tests/builders.py`."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.fakes.later import Later

ROOT = Path(__file__).resolve().parents[1]
OURS = (f"{ROOT / 'pipelines'}{os.sep}", f"{ROOT / 'proxy'}{os.sep}")
GRACE = 1.0

# A slow machine is no failure of a property.
settings.register_profile("headgate", deadline=None)
settings.load_profile("headgate")


def pytest_collection_finish() -> None:
    """Spare the collector what was imported: it stays anyway, and the fixture below calls often."""
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test on an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    given = {name: pyfuncitem.funcargs[name] for name in wanted}
    asyncio.run(_alone(pyfuncitem.obj, given))
    return True


async def _alone(
    test: Callable[..., Coroutine[Any, Any, None]], given: Mapping[str, object]
) -> None:
    async with AsyncExitStack() as stack:
        opened = {
            name: await stack.enter_async_context(value.opens()) if type(value) is Later else value
            for name, value in given.items()
        }
        await test(**opened)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        # A task that was told to end needs some turns of the loop to do so.
        _, left = await asyncio.wait(left, timeout=GRACE)
    assert not left, f"the test left tasks running: {left}"


@pytest.fixture(autouse=True)
def _generators_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves one of our generators to the event loop, which closes it late, out of
    order and in silence."""
    loop: Any = asyncio.BaseEventLoop
    finalise, shut_down = loop._asyncgen_finalizer_hook, loop.shutdown_asyncgens
    left: list[str] = []

    def note(generator: Any) -> None:
        place = generator.ag_code.co_filename
        if generator.ag_frame is not None and place.startswith(OURS):
            left.append(f"{generator.ag_code.co_qualname} of {place}")

    def finalised(self: Any, generator: Any) -> None:
        note(generator)
        finalise(self, generator)

    async def shut(self: Any) -> None:
        for generator in list(self._asyncgens):
            note(generator)
        await shut_down(self)

    monkeypatch.setattr(loop, "_asyncgen_finalizer_hook", finalised)
    monkeypatch.setattr(loop, "shutdown_asyncgens", shut)
    yield
    assert not left, f"the test left generators open: {left}"


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left_to_the_collector() -> Iterator[None]:
    """Have what a module leaked complain in that module, not at the end of the run."""
    yield
    gc.collect()
