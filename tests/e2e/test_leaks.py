"""Nothing is left behind by many calls, one in ten of which is left early, and a thousand streams
at once all end whole.

The rule: `HEADGATE_LEAK_CALLS` says how many calls; 10,000 are for the acceptance.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.configs import config, entry, shared
from tests.e2e.gateway import Gateway, running
from tests.e2e.load import Load
from tests.e2e.plain import chat
from tests.e2e.process import descriptors, memory, threads
from tests.e2e.steps import LockStep, Reader, Served, reading
from tests.fakes.upstream import FaultyUpstream
from tests.fakes.wire import DONE, event

CALLS = int(os.environ.get("HEADGATE_LEAK_CALLS", "1500"))
WARM_UP = 300
# Connections to the database are opened when they are needed and kept, each with three files and
# a thread.
POOLED = 4
# Every call asks for another model: the metrics and tables of names fill up to their bounds.
GROWTH = 32 << 20
STREAMS = 1000
FILES = 4096

Note = Callable[[str, object], None]

if sys.platform != "win32":
    import resource


@contextmanager
def many_files() -> Iterator[None]:
    """Enough files for both ends of all connections, also for the gateway that is started here."""
    if sys.platform == "win32":
        pytest.skip("the number of open files cannot be set here")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard not in (-1, resource.RLIM_INFINITY) and hard < FILES:
        pytest.skip(f"only {hard} files may be open at once")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def plainly() -> None:
    """Spare this side of the wire the debugging that `python -X dev` asks for: it is the load."""
    asyncio.get_running_loop().set_debug(False)


async def at_rest(gateway: Gateway, upstream: FaultyUpstream) -> dict[str, int]:
    """What the gateway holds when nobody calls: its files but for idle connections to the provider,
    its threads and its memory; empty where the system does not tell."""
    held: dict[str, int] = {}
    for _ in range(100):
        files, count, size = descriptors(gateway), threads(gateway), memory(gateway)
        if files is None or count is None or size is None:
            return {}
        now = {"files": files - upstream.open, "threads": count, "memory": size}
        if held and now["files"] == held["files"]:
            return now
        held = now
        await asyncio.sleep(0.1)
    return held


@pytest.mark.timeout(120 + CALLS / 10)
async def test_nothing_is_left_of_many_calls_of_which_one_in_ten_is_aborted(
    tmp_path: Path, record_property: Note
) -> None:
    plainly()
    async with FaultyUpstream() as upstream:
        with running(tmp_path, shared(upstream.url)) as gateway:
            load = Load(gateway, upstream)
            await load.run(WARM_UP, "warm")
            before = await at_rest(gateway, upstream)
            load.ends.clear()
            await load.run(CALLS, "call")
            after = await at_rest(gateway, upstream)
            # It would wait two minutes for a call that has not ended.
            code = await asyncio.to_thread(gateway.stop)
            assert code == 0
            lines = [line for line in gateway.calls if line["id"].startswith("call-")]
            left = len(upstream.closed)
    record_property("before", before)
    record_property("after", after)
    assert len(lines) == len({line["id"] for line in lines}) == CALLS
    logged = Counter(line["outcome"] for line in lines)
    record_property("outcomes", dict(logged))
    assert logged["client_gone"] == load.ends["left"] == CALLS // 10
    assert {name: logged[name] for name in ("ok", "failed", "broken")} == {
        name: load.ends[name] for name in ("ok", "failed", "broken")
    }
    # Three in four of those that were left had the faulty provider behind them.
    assert left == sum(n // 10 % 4 != 3 for total in (WARM_UP, CALLS) for n in range(9, total, 10))
    if before:
        assert after["files"] <= before["files"] + 3 * POOLED
        assert after["threads"] <= before["threads"] + POOLED
        assert after["memory"] - before["memory"] < GROWTH


async def test_a_thousand_streams_at_once_all_end_whole(
    tmp_path: Path, record_property: Note
) -> None:
    plainly()
    words = [event(f"t{number} ") for number in range(3)]
    with many_files():
        async with LockStep() as provider, AsyncExitStack() as clients:
            steps = entry("steps", "openai_like/steps", provider.url)
            with running(tmp_path, config(steps)) as gateway:
                before = memory(gateway) or 0
                readers, served = await _open(gateway, provider, clients)
                record_property("bytes_a_stream", ((memory(gateway) or 0) - before) // STREAMS)
                for word in words:
                    for call in served:
                        call.send(word)
                    for reader in readers:
                        assert await reader.event() == word
                for call in served:
                    call.end()
                ends = [await reader.rest() for reader in readers]
                assert ends == [event(None, "stop") + DONE] * STREAMS
                assert len(gateway.ended("steps", STREAMS)) == STREAMS
                assert {line["outcome"] for line in gateway.calls} == {"ok"}


async def _open(
    gateway: Gateway, provider: LockStep, clients: AsyncExitStack
) -> tuple[list[Reader], list[Served]]:
    """All streams, each with its first word; none of them has ended."""
    readers: list[Reader] = []
    served: list[Served] = []
    first = event("first ")
    for _ in range(STREAMS):
        readers.append(await clients.enter_async_context(reading(gateway, chat("steps"))))
        call = await provider.call()
        call.begin(first)
        served.append(call)
    for reader in readers:
        assert (await reader.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await reader.event() == first
    return readers, served
