"""`python -m tests.bench.whole`: what keys, limits and budgets add to a call, by kind of store.

The rule: each set-up is a whole gateway in a process of its own, and only the CPU of that process
counts; what is added is the difference to the gateway without keys in the same round.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import MappingProxyType

from tests.bench.cases import ALONE, BURST, REQUEST, Bench, Load, warm_up
from tests.bench.process import Child, NotStarted, free_port, two_cores
from tests.bench.setups import EMBEDDED, PLAIN, REDIS, SETUPS, Setup, opened
from tests.bench.targets import PROVIDER_READY
from tests.bench.tools import find_tools

ROOT = Path(__file__).resolve().parents[2]
ROUNDS, SECONDS = 3, 1.5
# PostgreSQL tells what a connection did when it has been idle for this long.
STATISTICS_LAG = 10.5
TARGETS: Mapping[str, int] = MappingProxyType({EMBEDDED: 60, REDIS: 150})
LOADS: Mapping[str, tuple[Load, str]] = MappingProxyType(
    {"request": (REQUEST, "requests"), "chunk": (BURST, "chunks")}
)
Figures = dict[str, dict[str, list[float]]]


@dataclass(frozen=True, slots=True)
class PerCall:
    """What one call of a single client asks of the servers behind a gateway."""

    redis: float | None
    database: float | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; always 0."""
    grammar = argparse.ArgumentParser(prog="python -m tests.bench.whole", description=__doc__)
    grammar.add_argument("--rounds", type=int, default=ROUNDS)
    grammar.add_argument("--seconds", type=float, default=SECONDS, help="how long one run lasts")
    options = grammar.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="headgate-bench-") as folder,
        contextlib.suppress(KeyboardInterrupt),
    ):
        try:
            _measure(Path(folder), options.rounds, options.seconds)
        except NotStarted as error:
            print(f"the set-ups are not measured: {error}", file=sys.stderr)
    return 0


def _measure(scratch: Path, rounds: int, seconds: float) -> None:
    tools, port = find_tools(ROOT, os.environ, scratch), free_port()
    cores = two_cores()
    with contextlib.ExitStack() as stack:
        argv = (*tools.provider, "-p", str(port))
        provider = stack.enter_context(Child(argv, scratch, core=cores[1] if cores else None))
        provider.until_healthy(port, PROVIDER_READY)
        core = cores[0] if cores else None
        setups = [stack.enter_context(opened(name, ROOT, port, scratch, core)) for name in SETUPS]
        bench = Bench(tools, provider.pid, cores, seconds, scratch)
        for one in setups:
            warm_up(bench, one.server)
        figures = _rounds(bench, setups, rounds)
        counted = asyncio.run(_counted(bench, setups))
    print(table(figures, counted))


def _rounds(bench: Bench, setups: Sequence[Setup], rounds: int) -> Figures:
    figures: Figures = {one.name: {what: [] for what in LOADS} for one in setups}
    for number in range(rounds):
        for what, (load, count) in LOADS.items():
            for one in setups if number % 2 == 0 else setups[::-1]:
                ran = bench.run(load, one.server)
                if ran.printed.get("bad"):
                    print(f"trouble: {one.name}: {ran.printed.get('errors')}", file=sys.stderr)
                found = ran.per(count)
                figures[one.name][what].append(float("nan") if found is None else found)
    return figures


async def _counted(bench: Bench, setups: Sequence[Setup]) -> dict[str, PerCall]:
    await asyncio.sleep(STATISTICS_LAG)
    calls: dict[str, int] = {}
    redis: dict[str, int | None] = {}
    before = {one.name: await one.counts() for one in setups}
    for one in setups:
        start = (await one.counts()).redis
        ran = bench.run(ALONE, one.server)
        # What was settled last is on its way.
        await asyncio.sleep(0.2)
        redis[one.name] = _less((await one.counts()).redis, start)
        calls[one.name] = max(1, int(ran.printed.get("good", 0)))
    await asyncio.sleep(STATISTICS_LAG)
    found: dict[str, PerCall] = {}
    for one in setups:
        database = _less((await one.counts()).database, before[one.name].database)
        many = calls[one.name]
        found[one.name] = PerCall(_over(redis[one.name], many), _over(database, many))
    return found


def _less(now: int | None, then: int | None) -> int | None:
    return None if now is None or then is None else now - then


def _over(count: int | None, calls: int) -> float | None:
    return None if count is None else count / calls


def table(figures: Figures, counted: Mapping[str, PerCall]) -> str:
    """The table: medians, and what is added to the gateway without keys, paired by round."""
    heads = ("CPU a call", "added", "target", "CPU a chunk", "added", "Redis", "database")
    lines = ["µs of CPU".ljust(17) + "".join(head.rjust(13) for head in heads)]
    for name, found in figures.items():
        per, cells = counted[name], []
        for what in LOADS:
            plain = figures[PLAIN][what]
            added = median(a - b for a, b in zip(found[what], plain, strict=True))
            digits = 0 if what == "request" else 2
            cells.append(f"{median(found[what]):.{digits}f}")
            cells.append("–" if name == PLAIN else f"{added:+.{digits}f}")
            if what == "request":
                cells.append(f"+{TARGETS[name]}" if name in TARGETS else "–")
        cells += ["–" if one is None else f"{one:.2f}" for one in (per.redis, per.database)]
        lines.append(name.ljust(17) + "".join(cell.rjust(13) for cell in cells))
    lines.append(
        "Redis: round trips, database: transactions, both a call of one client alone, with what"
        " is written behind its back"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
