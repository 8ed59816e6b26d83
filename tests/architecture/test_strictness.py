"""The run of the tests forgives nothing: each way to leave something behind fails it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import ROOT

PROBE = """
import asyncio, socket, threading, warnings
from tests.builders import an_exchange
from tests.fakes.ports import a_budget

async def rest():
    yield 1
    yield 2

async def test_passes(tmp_path):
    flow = a_budget()(an_exchange(), rest)
    assert await anext(flow) == 1
    await flow.aclose()

async def test_leaves_a_task():
    asyncio.get_running_loop().create_task(asyncio.sleep(100))

async def test_leaves_a_generator_to_the_collector():
    await anext(a_budget()(an_exchange(), rest))

def test_leaves_a_generator_to_the_loop():
    async def run():
        flow = a_budget()(an_exchange(), rest)
        await anext(flow)
        return flow
    asyncio.run(run())

def test_leaves_a_socket():
    socket.socket()

def test_leaves_a_coroutine():
    asyncio.sleep(0)

def test_leaves_a_dead_thread():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()

def test_warns():
    warnings.warn("old", DeprecationWarning)

def test_leaves_a_socket_to_the_end_of_the_module():
    knot = [socket.socket()]
    knot.append(knot)
"""


def test_whatever_a_test_leaves_behind_fails_it(tmp_path: Path) -> None:
    probe = tmp_path / "test_probe.py"
    probe.write_text(PROBE, "utf-8")
    settings = ["-c", str(ROOT / "setup.cfg"), "-p", "tests.conftest", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [sys.executable, "-X", "dev", "-m", "pytest", "-q", "-rA", *settings, str(probe)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = re.findall(r"^(PASSED|FAILED|ERROR) \S*::(\w+)", ran.stdout, re.MULTILINE)
    spared = set(re.findall(r"def (test_\w+)", PROBE)) - {
        name for verdict, name in verdicts if verdict != "PASSED"
    }
    assert spared == {"test_passes"}, ran.stdout + ran.stderr
