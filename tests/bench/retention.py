"""`python -m tests.bench.retention`: what calls feel while a day of old records is forgotten.

The rule: a whole gateway over each kind of database, calls of one client one after another, and
the same run without anything to forget before; it ends with 0 whatever the figures are.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from sqlalchemy import func, select, text
from sqlalchemy.engine import URL

from proxy.stores.database.engine import (
    database_url,
    driver_address,
    open_engine,
    reading,
    sqlite_url,
    writing,
)
from proxy.stores.database.tables import RECORDS
from proxy.stores.journal.rollups import DAY
from proxy.stores.opening import DATABASE_FILE
from tests.bench.cases import ALONE, Bench, warm_up
from tests.bench.process import Child, NotStarted, free_port, two_cores
from tests.bench.targets import MASTER_KEY, PROVIDER_READY, Server, Target, launch
from tests.bench.tools import find_tools
from tests.fakes.servers import postgres

ROOT = Path(__file__).resolve().parents[2]
ROUNDS, SECONDS, RECORDS_OF_A_DAY = 3, 3.0, 1_000_000
KEPT_DAYS, OLD = 30, 40
SEEN_AFTER = 1.0
# The p99 of calls may be higher by this share while records are forgotten.
LIMIT = 0.2
DATABASES = ("PostgreSQL", "SQLite")

_FILL = """
INSERT INTO headgate_record(id, day, started, ended, status, operation, outcome, key_id, key_alias,
  user_id, team_id, model, model_group, upstream_model, deployment, provider, cache, streaming,
  prompt_tokens, completion_tokens, cost, data)
WITH RECURSIVE made(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM made WHERE n < :many)
SELECT 'old-' || :name || '-' || n, :day, :day * 86400.0 + n % 86400,
  :day * 86400.0 + n % 86400 + 1,
  200, 'chat', 'ok', 'k' || n % 1000, 'alias-' || n % 1000, 'u' || n % 500, 't' || n % 50,
  'm' || n % 5, 'm' || n % 5, 'model-' || n % 5, 'd' || n % 10, 'openai', 'miss', true,
  100 + n % 900, 50 + n % 300, 1000 * (n % 5000),
  '{"cost_source":"table","attempts":[["d1",0.25,null]],"client":"10.0.0.1"}'
FROM made
"""

_WITHIN = "day IS NOT NULL AND day >= {day} AND day < {next}"
_HIDE = (
    "ALTER TABLE headgate_record DETACH PARTITION headgate_record_d{day}",
    f"ALTER TABLE headgate_record_d{{day}} ADD CHECK ({_WITHIN})",
)
_SHOW = (
    "ALTER TABLE headgate_record ATTACH PARTITION headgate_record_d{day}"
    " FOR VALUES FROM ({day}) TO ({next})"
)


@dataclass(frozen=True, slots=True)
class Keeper:
    """A gateway that forgets, and its database."""

    server: Server
    database: URL


@dataclass(frozen=True, slots=True)
class Felt:
    """The p99 of calls in µs, in rounds: with nothing to forget, and meanwhile; `gone` is how many
    old records had gone in the end."""

    quiet: tuple[float, ...]
    meanwhile: tuple[float, ...]
    gone: int


@contextlib.contextmanager
def opened(name: str, provider: int, scratch: Path, core: int | None) -> Iterator[Keeper]:
    """A gateway over this kind of database inside the block. Raises NotStarted."""
    folder = scratch / name
    (folder / "data").mkdir(parents=True)
    general: dict[str, Any] = {
        "master_key": MASTER_KEY,
        "maximum_spend_logs_retention_period": f"{KEPT_DAYS}d",
        "maximum_spend_logs_retention_interval": "1s",
    }
    url = sqlite_url(folder / "data" / DATABASE_FILE)
    if name == "PostgreSQL":
        url = database_url(postgres().new_database())
        general["database_url"] = driver_address(url)
    served = {
        "model": "openai/*",
        "api_base": f"http://127.0.0.1:{provider}/v1",
        "api_key": "sk-provider",
    }
    config = folder / "gateway.yaml"
    text_ = {
        "model_list": [{"model_name": "*", "litellm_params": served}],
        "general_settings": general,
        "litellm_settings": {"json_logs": True},
    }
    config.write_text(yaml.safe_dump(text_), "utf-8")
    argv = ("-m", "proxy", "serve", "--config", str(config), "--port", "{port}")
    env = {"PYTHONPATH": str(ROOT), "HEADGATE_DATA_DIR": str(folder / "data")}
    server = launch(Target(name, (sys.executable, *argv), ROOT, env, MASTER_KEY), core)
    try:
        yield Keeper(server, url)
    finally:
        server.close()


async def fill(database: URL, name: str, many: int) -> None:
    """So many records of a day that is to be forgotten; in PostgreSQL nobody sees them yet."""
    day = int(time.time() // DAY) - OLD
    engine = open_engine(database)
    filling, given = _FILL, {"many": many, "name": name, "day": day}
    server = database.get_backend_name() == "postgresql"
    if server:
        filling = filling.replace(":name", "CAST(:name AS text)")
        filling = filling.replace(":day", "CAST(:day AS int)")
        filling = filling.replace("INTO headgate_record(", f"INTO headgate_record_d{day}(")
    try:
        async with writing(engine) as connection:
            if server:
                await connection.execute(select(func.headgate_record_part(day)))
                for statement in _HIDE:
                    await connection.execute(text(statement.format(day=day, next=day + 1)))
            await connection.execute(text(filling), given)
        if server:
            # What the filling leaves to be done is not to be taken for the forgetting.
            async with engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                await connection.execute(text("CHECKPOINT"))
    finally:
        await engine.dispose()


async def show(database: URL) -> None:
    """Let the gateway see what PostgreSQL has of the old day, in the midst of calls."""
    day = int(time.time() // DAY) - OLD
    await asyncio.sleep(SEEN_AFTER)
    engine = open_engine(database)
    try:
        async with writing(engine) as connection:
            await connection.execute(text(_SHOW.format(day=day, next=day + 1)))
    finally:
        await engine.dispose()


async def left(database: URL) -> int:
    """How many old records there are."""
    engine = open_engine(database)
    old = select(func.count()).select_from(RECORDS).where(RECORDS.c.id.startswith("old-"))
    try:
        async with reading(engine) as connection:
            return int(await connection.scalar(old) or 0)
    finally:
        await engine.dispose()


def felt(bench: Bench, keeper: Keeper, rounds: int, many: int) -> Felt:
    """What calls feel, in so many rounds."""
    quiet, meanwhile, filled = [_p99(bench, keeper) for _ in range(rounds)], [], 0
    server = keeper.database.get_backend_name() == "postgresql"
    for number in range(rounds):
        # A server lets a whole day go at once, a file a few rows at a time, for minutes.
        if server or not filled:
            asyncio.run(fill(keeper.database, str(number), many))
            filled += many
        with ThreadPoolExecutor(1) as pool:
            shown = pool.submit(asyncio.run, show(keeper.database)) if server else None
            meanwhile.append(_p99(bench, keeper))
            if shown is not None:
                shown.result()
    return Felt(tuple(quiet), tuple(meanwhile), filled - asyncio.run(left(keeper.database)))


def _p99(bench: Bench, keeper: Keeper) -> float:
    ran = bench.run(ALONE, keeper.server)
    if ran.printed.get("bad"):
        print(f"trouble: {ran.printed.get('errors')}", file=sys.stderr)
    return ran.quantile("latency", "p99") or float("nan")


def line(name: str, found: Felt) -> str:
    """What is printed of one kind of database."""
    ratio = median(found.meanwhile) / median(found.quiet)
    verdict = "ok" if ratio <= 1 + LIMIT else "over"
    # Where two runs of the same differ by more than what is looked for, nothing is found.
    unsure = "?" if max(found.quiet) > (1 + LIMIT) * min(found.quiet) else ""
    return (
        f"{name:12}p99 of calls {_range(found.quiet)} with nothing to forget,"
        f" {_range(found.meanwhile)} meanwhile: {ratio - 1:+.0%}"
        f" ({verdict}{unsure}: at most +{LIMIT:.0%}); {found.gone} records went"
    )


def _range(found: Sequence[float]) -> str:
    return f"{median(found):.0f} ({min(found):.0f}–{max(found):.0f}) µs"


def _measure(scratch: Path, chosen: argparse.Namespace) -> None:
    tools, port, cores = find_tools(ROOT, os.environ, scratch), free_port(), two_cores()
    argv = (*tools.provider, "-p", str(port))
    with Child(argv, scratch, core=cores[1] if cores else None) as provider:
        provider.until_healthy(port, PROVIDER_READY)
        bench = Bench(tools, provider.pid, cores, chosen.seconds, scratch)
        for name in chosen.databases:
            with opened(name, port, scratch, cores[0] if cores else None) as keeper:
                warm_up(bench, keeper.server)
                found = felt(bench, keeper, chosen.rounds, chosen.records)
                print(line(name, found), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; always 0."""
    grammar = argparse.ArgumentParser(prog="python -m tests.bench.retention")
    grammar.add_argument("--rounds", type=int, default=ROUNDS)
    grammar.add_argument("--seconds", type=float, default=SECONDS, help="how long one run lasts")
    grammar.add_argument("--records", type=int, default=RECORDS_OF_A_DAY)
    grammar.add_argument("databases", nargs="*", default=DATABASES, help=", ".join(DATABASES))
    chosen = grammar.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="headgate-bench-") as folder:
        try:
            _measure(Path(folder), chosen)
        except NotStarted as error:
            print(f"retention is not measured: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
