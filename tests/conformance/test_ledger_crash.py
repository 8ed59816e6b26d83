"""Processes that are killed at any moment never spend more than there is, and nothing is lost."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy.background import Background
from tests.architecture.tree import ROOT
from tests.conformance.ledgers import migrated
from tests.conformance.spender import LEASE, LIMIT, opened
from tests.fakes.servers import start_redis

KILLS = 3
PROCESSES = 2


class Spenders:
    """Processes of one ledger; each that is killed is followed by another one."""

    def __init__(self, backend: str, place: str, log: Path) -> None:
        self._command = [sys.executable, "-m", "tests.conformance.spender"]
        self._command += [backend, place, str(log)]
        self._seed = 0
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start one, and wait until it spends."""
        self._seed += 1
        command = [*self._command, str(self._seed)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        self.running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End one as the kernel does."""
        process.kill()
        self.wait(process)

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Until one has ended."""
        process.wait(60)
        assert process.stdout is not None
        process.stdout.close()
        self.running.remove(process)


@contextmanager
def spenders(backend: str, place: str, log: Path) -> Iterator[Spenders]:
    """None yet; whoever runs at the end is killed."""
    made = Spenders(backend, place, log)
    try:
        yield made
    finally:
        for process in list(made.running):
            made.kill(process)


def billed(log: Path) -> tuple[int, int]:
    """What the provider bills, and for how many calls."""
    lines = dict(line.split() for line in log.read_text().splitlines())
    return sum(map(int, lines.values())), len(lines)


async def _check(backend: str, place: str, log: Path) -> None:
    background = Background()
    ledger = await opened(backend, place, background)
    end = time.monotonic() + 20
    while True:
        await ledger.tend()
        found = await ledger.balances(["key", "team"])
        if not any(one.held for one in found.values()) or time.monotonic() > end:
            break
        await asyncio.sleep(0.3)
    cost, calls = billed(log)
    for name, one in found.items():
        assert one.held == 0
        assert cost <= one.spent <= LIMIT
        assert await ledger.total(name) == one.spent
    assert calls > 200
    await ledger.close()
    await background.close()


def _run(backend: str, place: str, log: Path, processes: int = PROCESSES) -> None:
    chance = random.Random(7)
    with spenders(backend, place, log) as made:
        for _ in range(processes):
            made.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.2, 0.6))
            made.kill(chance.choice(made.running))
            made.start()
        for process in list(made.running):
            made.wait(process)
    asyncio.run(_check(backend, place, log))


@pytest.mark.parametrize("backend", ["sqlite", "embedded"])
def test_processes_of_one_machine_are_killed(backend: str, tmp_path: Path) -> None:
    processes = 1 if backend == "embedded" else PROCESSES
    _run(backend, str(tmp_path / "ledger.db"), tmp_path / "log", processes)


def test_replicas_on_postgres_are_killed(tmp_path: Path) -> None:
    _run("postgres", asyncio.run(migrated()), tmp_path / "log")


def test_replicas_on_redis_are_killed(tmp_path: Path) -> None:
    server = start_redis()
    _run("redis", f"{server.url} {asyncio.run(migrated())}", tmp_path / "log")
    server.stop()


def test_redis_loses_everything_while_replicas_spend(tmp_path: Path) -> None:
    server = start_redis()
    place = f"{server.url} {asyncio.run(migrated())}"
    with spenders("redis", place, tmp_path / "log") as made:
        for _ in range(PROCESSES):
            made.start()
        for _ in range(3):
            time.sleep(LEASE / 2)
            server.stop()
            time.sleep(0.2)
            server.start()
        for process in list(made.running):
            made.wait(process)
    asyncio.run(_check("redis", place, tmp_path / "log"))
    server.stop()
