"""`python -m tests.bench.record`: what the record of a call costs, and how fast it is written.

The rule: what a call pays and what is paid behind its back are told apart; it ends with 0 whatever
the figures are.
"""

from __future__ import annotations

import asyncio
import gc
import io
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import uvloop
from sqlalchemy.ext.asyncio import AsyncEngine

from pipelines.errors import StoreUnavailable
from pipelines.ports import Journal
from pipelines.record import AttemptRecord, Record
from pipelines.routing.routes import Routes
from pipelines.usage import Usage
from proxy.clock import SystemClock
from proxy.config.metering import MetricSettings
from proxy.stores.database.engine import database_url, open_engine
from proxy.stores.journal.database import DatabaseJournal
from proxy.stores.journal.memory import MemorySpool
from proxy.stores.journal.several import Journals
from proxy.stores.journal.spool import Spool
from proxy.telemetry import logging
from proxy.telemetry.metric_cells import Cells
from proxy.telemetry.metric_families import Families
from proxy.telemetry.metrics import Metrics
from tests.bench.micro import call_us, least
from tests.bench.process import resident_kb
from tests.builders import a_deployment
from tests.conformance.journals import in_postgres

PUTS = 1_000
WRITTEN = 20_000
AWAY = 50_000
RECORD_LIMIT, SINK_LIMIT, WRITER_LIMIT = 40.0, 10.0, 3_000
# Nobody listens there.
NOWHERE = "postgresql://nobody@127.0.0.1:9/nothing"


class Nothing:
    """A journal that keeps nothing: what is left is the price of making the record."""

    def put(self, record: Record) -> None:
        """Forget it."""


def a_call(number: int) -> Record:
    """What is remembered of a usual call; of a hundred keys and ten models."""
    return Record(
        id=f"call-{number}-{os.getpid()}",
        operation="chat",
        outcome="ok",
        status=200,
        duration=1.234567,
        key=f"key of team {number % 100}",
        model=f"model-{number % 10}",
        requested_model=f"model-{number % 10}",
        model_group=f"model-{number % 10}",
        deployment=f"deployment-{number % 10}",
        provider="openai",
        upstream_model=f"gpt-{number % 10}",
        streaming=True,
        usage=Usage(1_200, 300, cached_tokens=800),
        cost=4_321_000 + number,
        first_byte=0.345678,
        attempts=(AttemptRecord(f"deployment-{number % 10}", 1.2, first_byte=0.3, cost=4_321_000),),
        client="10.0.0.1",
        started=time.time(),
        cost_source="table",
        key_id=f"{number % 100:032x}",
        key_digest=f"{number % 100:064x}",
        user_id=f"user-{number % 100}",
        team_id=f"team-{number % 10}",
        tags=("production",),
        route="/chat/completions",
        user_agent="OpenAI/Python 1.109.1",
        received_bytes=2_048,
        sent_bytes=4_096,
    )


def sink_lines(folder: Path, log: Journal) -> Iterator[str]:
    """A line for each of those who get the record, and for all of them inside a call."""
    spool, metrics = Spool(folder / "sinks", SystemClock()), some_metrics()
    records = [a_call(number) for number in range(PUTS)]
    sinks: Mapping[str, Journal] = {"log line": log, "metrics": metrics, "spool": spool}
    for name, sink in sinks.items():
        found = least(partial(_put, sink, records)) / PUTS * 1e6
        yield f"{name:16}{found:8.2f} µs a record {_mark(found, SINK_LIMIT)}"
    spool.close()
    own = Spool(folder / "chain", SystemClock())
    bare = call_us(Nothing())
    with_log = call_us(Journals(Nothing(), log))
    whole = call_us(Journals(log, own, metrics), own)
    own.close()
    yield (
        f"{'inside a call':16}{whole - bare:8.2f} µs for log line, spool (begin and end) and"
        f" metrics {_mark(whole - bare, RECORD_LIMIT)}; {whole - with_log:.2f} µs of them without"
        f" the log line; a call with none of them is {bare:.1f} µs"
    )


def _put(sink: Journal, records: Sequence[Record]) -> None:
    for one in records:
        sink.put(one)


def some_metrics() -> Metrics:
    """Prometheus as it is set up without any wish."""
    choice = MetricSettings()
    return Metrics(Families(choice, Cells()), choice, Routes([a_deployment()]))


async def writer_lines(folder: Path) -> list[str]:
    """How fast one writer carries records into a real PostgreSQL."""
    async with in_postgres() as engine:
        journal = DatabaseJournal(engine, Spool(folder / "writer", SystemClock()))
        for number in range(WRITTEN):
            journal.put(a_call(number))
        begun, spent = time.perf_counter(), time.process_time()
        await journal.flush()
        wall, cpu = time.perf_counter() - begun, time.process_time() - spent
        assert journal.shipped == WRITTEN, journal.shipped
        await journal.close()
    rate = WRITTEN / wall
    verdict = "ok" if rate >= WRITER_LIMIT else "under"
    return [
        f"{'writer':16}{rate:8.0f} records a second into PostgreSQL"
        f" ({verdict}: at least {WRITER_LIMIT}), {cpu / WRITTEN * 1e6:.0f} µs of CPU each behind"
        " the call's back"
    ]


async def memory_lines(folder: Path) -> list[str]:
    """How much memory records take while PostgreSQL is away, by where they wait."""
    engine = open_engine(database_url(NOWHERE))
    try:
        return [
            await _away("spool", engine, Spool(folder / "away", SystemClock())),
            await _away("memory", engine, MemorySpool(SystemClock())),
        ]
    finally:
        await engine.dispose()


async def _away(name: str, engine: AsyncEngine, spool: Spool | MemorySpool) -> str:
    journal = DatabaseJournal(engine, spool)
    sizes = []
    for _ in range(2):
        for number in range(AWAY):
            journal.put(a_call(number))
        try:
            await journal.flush()
        except StoreUnavailable:
            gc.collect()
        sizes.append((resident_kb(os.getpid()) or 0) / 1024)
    line = (
        f"{name + ', away':16}{sizes[1] - sizes[0]:8.1f} MB more for {AWAY} more records while"
        f" PostgreSQL is away: {journal.waiting} wait, {journal.dropped} were dropped and counted"
    )
    spool.close()
    return line


def _mark(found: float, limit: float) -> str:
    return f"({'ok' if found <= limit else 'over'}: at most {limit:g})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; always 0."""
    # Before the journal: a logger keeps what it was made with.
    writer = logging.configure("info", "json", io.StringIO())
    print("the record of a call:")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for line in sink_lines(folder, logging.LogJournal()):
            print("  " + line, flush=True)
        for work in (memory_lines, writer_lines):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                for line in runner.run(work(folder)):
                    print("  " + line, flush=True)
    writer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
