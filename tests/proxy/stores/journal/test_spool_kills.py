"""Processes that are killed at any moment lose no record that they have put."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from proxy.stores.journal.adoption import Left
from proxy.stores.journal.folders import claim_left
from proxy.stores.journal.frames import unpacked
from tests.architecture.tree import ROOT

ROUNDS = 8
# Each line is written when the spool has taken what it tells.
WRITER = """
import os, sys, uuid
from pathlib import Path
from pipelines.record import Record
from proxy.clock import SystemClock
from proxy.stores.journal.room import SpoolRules
from proxy.stores.journal.spool import Spool

truth = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
spool = Spool(Path(sys.argv[1]), SystemClock(), SpoolRules(segment_bytes=50_000))
running = []
while True:
    id = uuid.uuid4().hex
    spool.begin(Record(id, "chat", "orphaned", 200, 0.0))
    os.write(truth, f"begun {id}\\n".encode())
    running.append(id)
    if len(running) > 5:
        id = running.pop(0)
        spool.put(Record(id, "chat", "ok", 200, 0.0))
        os.write(truth, f"ended {id}\\n".encode())
"""


def taken_over(root: Path, found: Counter[tuple[str, str]]) -> None:
    for folder in claim_left(root):
        left = Left(folder)
        left.recover()
        while (batch := left.batch(500)).payloads:
            assert batch.damaged == []
            found.update((one.id, one.outcome) for one in map(unpacked, batch.payloads))
            left.done(batch)
        left.close(shipped=True)


def test_every_call_that_began_has_one_record_after_any_kill(tmp_path: Path) -> None:
    dice = random.Random(5)
    root, truth = tmp_path / "spool", tmp_path / "truth"
    truth.touch()
    found: Counter[tuple[str, str]] = Counter()
    for _ in range(ROUNDS):
        size = truth.stat().st_size
        command = [sys.executable, "-c", WRITER, str(root), str(truth)]
        with subprocess.Popen(command, cwd=ROOT) as process:
            end = time.monotonic() + 30
            while truth.stat().st_size == size:
                assert time.monotonic() < end
                time.sleep(0.005)
            taken_over(root, found)
            time.sleep(dice.uniform(0.0, 0.15))
            process.kill()
        taken_over(root, found)
    begun: set[str] = set()
    ended: set[str] = set()
    for line in truth.read_text().splitlines():
        kind, id = line.split()
        (ended if kind == "ended" else begun).add(id)
    outcomes = dict(found)
    assert len(begun) > 50 * ROUNDS
    assert set(found.values()) == {1}
    assert begun <= {id for id, _ in outcomes}
    assert all((id, "ok") in outcomes for id in ended)
    orphans = [id for id, outcome in outcomes if outcome == "orphaned"]
    assert 5 * ROUNDS <= len(orphans) <= 7 * ROUNDS
    assert list(root.iterdir()) == []
