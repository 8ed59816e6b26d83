"""`make accept-rates`: how near to its limit a rate comes over ten windows, asked by two at once.

The rule: in no interval of its width is the limit exceeded, and over ten of them less than one part
in a hundred of it is wasted.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pipelines.ledger import Granted, Hold, Ledger, Rate, Settlement, Slot
from proxy.background import Background
from proxy.clock import SystemClock
from proxy.stores.ledger.postgres import PostgresLedger
from proxy.stores.ledger.redis import RedisLedger, RedisOptions
from proxy.stores.ledger.sqlite import SqliteLedger
from tests.conformance.ledgers import migrated, unique
from tests.fakes.servers import redis

WIDTH, WINDOWS, LIMIT, PAUSE = 4, 10, 400, 0.004


@asynccontextmanager
async def pair(backend: str) -> AsyncIterator[list[Ledger]]:
    """Two ledgers over one store, as two processes have them."""
    background, found = Background(), list[Ledger]()
    with tempfile.TemporaryDirectory() as folder:
        address = "" if backend == "shared" else await migrated()
        options = RedisOptions(prefix=f"{{{unique()}}}", deadline=2.0, grace=0.2)
        for _ in range(2):
            if backend == "shared":
                found.append(SqliteLedger(Path(folder) / "ledger.db", SystemClock()))
            elif backend == "postgres":
                found.append(PostgresLedger(address, background))
            else:
                made = RedisLedger(redis().url, address, background, SystemClock(), options)
                await made.open()
                found.append(made)
        yield found
        for one in found:
            await one.close()
    await background.close()


async def rate(backend: str) -> str:
    """What two askers get of one rate. Raises AssertionError."""
    taken: list[float] = []
    async with pair(backend) as ledgers:
        end = time.monotonic() + WIDTH * WINDOWS

        async def ask(ledger: Ledger) -> None:
            while (now := time.monotonic()) < end:
                hold = Hold(unique(), 0, (), (Rate("rpm:key:1", LIMIT, 1, WIDTH),))
                if isinstance(await ledger.reserve(hold), Granted):
                    taken.append(now)
                    ledger.settle(Settlement(hold, 0, (1,)))
                await asyncio.sleep(PAUSE)

        await asyncio.gather(*(ask(one) for one in ledgers for _ in range(2)))
    taken.sort()
    worst = max(_within(taken, start) for start in taken)
    share = len(taken) / (LIMIT * WINDOWS)
    assert worst <= LIMIT * 1.01, f"{worst} within {WIDTH} seconds"
    return f"{len(taken)} of {LIMIT * WINDOWS} ({share:.1%}), at most {worst} in {WIDTH} seconds"


def _within(taken: list[float], start: float) -> int:
    return sum(start <= one < start + WIDTH for one in taken)


async def parallel(backend: str) -> str:
    """How many calls run at once where five may. Raises AssertionError."""
    most = running = 0
    async with pair(backend) as ledgers:

        async def call(ledger: Ledger) -> None:
            nonlocal most, running
            for _ in range(40):
                hold = Hold(unique(), 0, (), (), (Slot("parallel:key:1", 5),))
                if isinstance(await ledger.reserve(hold), Granted):
                    running += 1
                    most = max(most, running)
                    await asyncio.sleep(0.01)
                    running -= 1
                    ledger.settle(Settlement(hold, 0))
                await asyncio.sleep(0.005)

        await asyncio.gather(*(call(one) for one in ledgers for _ in range(8)))
    assert most <= 5, f"{most} at once"
    return f"{most} of 5 at once"


async def main() -> int:
    """Try every backend, or those that are named."""
    for backend in sys.argv[1:] or ("shared", "postgres", "redis"):
        print(f"{backend}: {await rate(backend)}; {await parallel(backend)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
