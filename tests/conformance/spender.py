"""`python -m tests.conformance.spender BACKEND PLACE LOG SEED`: spends from one budget until it is
used up or the process is killed.

The rule: what a call costs is in the log before it is settled, as at a provider's, who bills what
was sent whatever becomes of us.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from contextlib import suppress
from pathlib import Path

from pipelines.errors import LedgerUnavailable
from pipelines.ledger import Account, Granted, Hold, Ledger, Settlement
from proxy.background import Background
from proxy.clock import SystemClock
from proxy.stores.ledger.embedded import EmbeddedLedger
from proxy.stores.ledger.postgres import PostgresLedger
from proxy.stores.ledger.redis import RedisLedger, RedisOptions
from proxy.stores.ledger.sqlite import SqliteLedger

LIMIT = 80_000_000
ACCOUNTS = (Account("key", LIMIT), Account("team", LIMIT))
LEASE = 1.5
AT_ONCE = 20
ENOUGH = 20


async def opened(backend: str, place: str, background: Background) -> Ledger:
    """A ledger with a short lease; `place` is a path, an address, or two with a blank between."""
    if backend == "embedded":
        return EmbeddedLedger(Path(place), SystemClock())
    if backend == "sqlite":
        return SqliteLedger(Path(place), SystemClock(), LEASE)
    if backend == "postgres":
        return PostgresLedger(place, background, LEASE)
    url, address = place.split()
    options = RedisOptions(lease=LEASE, deadline=2.0, grace=0.3)
    made = RedisLedger(url, address, background, SystemClock(), options)
    await made.open()
    return made


async def _spend(ledger: Ledger, log: int, chance: random.Random) -> None:
    refused = 0
    while refused < ENOUGH:
        hold = Hold(f"{chance.getrandbits(128):x}", chance.randrange(5_000, 60_000), ACCOUNTS)
        try:
            answer = await ledger.reserve(hold)
        except LedgerUnavailable:
            await asyncio.sleep(0.05)
            continue
        if not isinstance(answer, Granted):
            refused += 1
            await asyncio.sleep(0.05)
            continue
        cost = chance.randrange(hold.amount // 4, hold.amount + 1)
        os.write(log, f"{hold.id} {cost}\n".encode())
        await asyncio.sleep(chance.uniform(0.005, 0.08))
        ledger.settle(Settlement(hold, cost))


async def _tend(ledger: Ledger) -> None:
    while True:
        await asyncio.sleep(0.3)
        with suppress(LedgerUnavailable):
            await ledger.tend()


async def _main(backend: str, place: str, log: str, seed: str) -> None:
    background, chance = Background(), random.Random(int(seed))
    ledger = await opened(backend, place, background)
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    tending = asyncio.ensure_future(_tend(ledger))
    print("ready", flush=True)
    await asyncio.gather(*(_spend(ledger, file, chance) for _ in range(AT_ONCE)))
    tending.cancel()
    await ledger.close()
    await background.close()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
