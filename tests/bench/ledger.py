"""`python -m tests.bench.ledger`: what one hold and its settlement cost, for every ledger.

The rule: only the CPU of this process counts, that of its threads too; what servers need beside it
is not in the figures, and a round trip shows in the time.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass

import uvloop

from pipelines.ledger import Account, Granted, Hold, Ledger, Rate, Settlement, Slot
from tests.conformance.ledgers import LEDGERS, unique

PARALLEL = (1, 16)
PLENTY = 10**15
WARM_UP = 200
KEYS = 20


@dataclass(frozen=True, slots=True)
class Figures:
    """Microseconds a call: CPU of this process, and how long its answer takes."""

    cpu: float
    wall: float


def a_hold(number: int) -> Hold:
    """What a usual key asks: four accounts, requests and tokens per minute, parallel calls."""
    key = f"key:{number % KEYS}"
    scopes = (key, f"user:{number % KEYS}", "team:1@30d/1793491200")
    accounts = (*(Account(scope, PLENTY) for scope in scopes), Account("global"))
    rates = (Rate(f"rpm:{key}", 10**9), Rate(f"tpm:{key}", 10**12, 1200))
    return Hold(unique(), 1_000_000, accounts, rates, (Slot(f"parallel:{key}", 1000),))


async def measured(ledger: Ledger, calls: int, parallel: int) -> Figures:
    """Take and settle so many holds."""
    holds = [a_hold(number) for number in range(calls)]
    waited = 0.0

    async def some(mine: list[Hold]) -> None:
        nonlocal waited
        for hold in mine:
            start = time.perf_counter()
            answer = await ledger.reserve(hold)
            waited += time.perf_counter() - start
            assert isinstance(answer, Granted)
            ledger.settle(Settlement(hold, 600_000, (1, 700)))

    start = time.process_time()
    await asyncio.gather(*(some(holds[at::parallel]) for at in range(parallel)))
    await ledger.flush()
    await ledger.tend()
    spent = time.process_time() - start
    return Figures(spent / calls * 1e6, waited / calls * 1e6)


async def _measured(name: str, calls: int) -> list[str]:
    cells: list[str] = []
    async with LEDGERS[name]() as ledger:
        await measured(ledger, WARM_UP, 16)
        for parallel in PARALLEL:
            found = await measured(ledger, calls, parallel)
            cells += [f"{found.cpu:8.1f}", f"{found.wall:8.1f}"]
    return cells


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ledger")
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("ledgers", nargs="*", default=list(LEDGERS))
    chosen = parser.parse_args()
    heads = [f"{what} at {many}" for many in PARALLEL for what in ("CPU", "wait")]
    print("µs a call".ljust(12), *(one.rjust(11) for one in heads))
    for name in chosen.ledgers:
        calls = chosen.calls if name in ("memory", "embedded") else max(1, chosen.calls // 5)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            cells = runner.run(_measured(name, calls))
        print(name.ljust(12), *(cell.rjust(11) for cell in cells), flush=True)


if __name__ == "__main__":
    main()
