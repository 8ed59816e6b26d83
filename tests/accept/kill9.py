"""`make accept-kill9`: what a budget is worth when a gateway is killed in the midst of 200 calls.

The rule: before the kill, after it and after the restart the key has never spent more than its
budget, nothing stays held for more than a minute, and the sum of the entries is what is shown.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from tests.e2e.configs import config
from tests.e2e.crowd import BACKENDS, Crowd, models
from tests.e2e.gateway import KEY, Gateway, running
from tests.fakes.servers import postgres, redis

LEASED = 60.0


def settings(folder: Path, backend: str) -> dict[str, Any]:
    """The configuration of every gateway of one try."""
    own: dict[str, Any] = {"data_dir": str(folder / "data"), "shared_data": backend == "shared"}
    general: dict[str, Any] = {"master_key": KEY}
    if backend in ("postgres", "redis"):
        general["database_url"] = postgres().new_database()
    if backend == "redis":
        own["redis_url"] = f"{redis().url[:-1]}2"
    return config(*models(), general_settings=general, headgate_settings=own)


async def tried(folder: Path, backend: str) -> str:
    """One try; gives what was seen. Raises AssertionError."""
    text = settings(folder, backend)
    with ExitStack() as stack:

        def started(name: str, killed: bool = False) -> Gateway:
            (folder / name).mkdir()
            if killed:
                # Its exit code is not that of one that was asked to stop.
                stack.enter_context(suppress(AssertionError))
            return stack.enter_context(running(folder / name, text))

        victim = started("victim", killed=True)
        survivor = None if backend == "embedded" else started("survivor")
        crowd = Crowd([victim] if survivor is None else [survivor, victim])
        await crowd.make_key()
        await crowd.run(1, "quick")
        await asyncio.sleep(0.5)
        budget = 60 * await crowd.spent()
        crowd.ends.clear()
        await crowd.make_key(max_budget=budget / 1e9)
        calls = asyncio.ensure_future(crowd.run(200, "slower", "streamed"))
        await asyncio.sleep(1.2)
        victim.process.send_signal(signal.SIGKILL)
        await calls
        seen = f"the crowd saw {dict(crowd.ends)}"
        left = Crowd([survivor or started("again")])
        left.key = crowd.key
        return f"{await settled(left, budget)}; {seen}"


async def settled(crowd: Crowd, budget: int) -> str:
    """Spend what is left, until nothing is held any more by the dead."""
    begun = time.monotonic()
    at_once = await crowd.spent()
    while (waited := time.monotonic() - begun) < LEASED:
        await crowd.run(3)
        spent = await crowd.spent()
        assert spent <= budget, f"{spent} of {budget} spent"
        if budget - spent < budget // 15:
            break
        await asyncio.sleep(1.0)
    assert waited < LEASED, f"{budget - spent} nano-dollars are still held after {waited:.0f} s"
    return (
        f"budget {budget}, spent {at_once} after the kill and {spent} in the end,"
        f" all holds settled within {waited:.1f} s"
    )


def main() -> int:
    """Try every backend, or those that are named."""
    for backend in sys.argv[1:] or BACKENDS:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{backend}: {asyncio.run(tried(Path(folder), backend))}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
