"""`python -m tests.bench.spend`: how long the spend API takes over millions of recorded calls.

The rule: a real PostgreSQL of its own, filled by itself; every route answers through the admin API,
the slowest of a few answers counts, and what takes longer than LIMIT is marked.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from proxy.stores.database.engine import database_url, open_engine, writing
from proxy.stores.database.migrate import migrate
from proxy.stores.journal.calls import CallLog
from proxy.stores.journal.rollups import DAY
from tests.fakes.servers import start_postgres
from tests.proxy.admin.harness import NOW, Admin

LIMIT = 0.2
TODAY = int(NOW.timestamp() // DAY)

_CALLS = """
INSERT INTO headgate_record(id, day, started, ended, status, operation, outcome, key_id, key_alias,
  user_id, team_id, organization_id, end_user, model, model_group, upstream_model, deployment,
  provider, session_id, cache, streaming, prompt_tokens, completion_tokens, cost, data)
SELECT 'chatcmpl-' || md5(CAST(:day AS int) || '-' || n), CAST(:day AS int), at, at + 1.5,
  CASE WHEN n % 50 = 0 THEN 502 ELSE 200 END, 'chat',
  CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'ok' END, 'k' || k, 'alias-' || k, 'u' || k / 2,
  't' || k % 50, 'o' || k % 5, CASE WHEN n % 2 = 0 THEN 'e' || n * 7 % 5000 END, 'm' || n % 5,
  'm' || n % 5, 'model-' || n % 5, 'd' || n % 10,
  CASE WHEN n % 2 = 0 THEN 'openai' ELSE 'azure' END,
  CASE WHEN n % 4 = 0 THEN 's' || n / 40 END, CASE WHEN n % 20 = 0 THEN 'hit' ELSE 'miss' END,
  true, 100 + n % 900, 50 + n % 300, 1000 * (n % 5000),
  '{"cost_source":"table","attempts":[["d1",0.25,null]],"client":"10.0.0.1"}'
FROM (SELECT n, CAST(:day AS int) * 86400.0 + n * 86400.0 / CAST(:calls AS int) AS at,
  -- Few keys make most of the calls, and each end user belongs to one key.
  CASE WHEN n % 2 = 0 THEN n * 7 % 5000 % 1000 ELSE (n * 31 % 1000) * (n * 31 % 1000) / 1000 END
    AS k FROM generate_series(1, CAST(:calls AS int)) n) made
"""

_ROLLUPS = """
INSERT INTO headgate_rollup
SELECT md5(random()::text), day, CAST(:kind AS text), name, key_id, user_id, team_id,
  organization_id, upstream_model, model_group, provider, deployment, operation, count(*),
  sum((outcome <> 'ok')::int), 0, sum((cache = 'hit')::int), sum(prompt_tokens),
  sum(completion_tokens), 0, 0, 0, sum(cost), sum(1500), 0, 0
FROM (SELECT *, {name} AS name FROM headgate_record WHERE day = CAST(:day AS int) AND {there}) made
GROUP BY day, name, key_id, user_id, team_id, organization_id, upstream_model, model_group,
  provider, deployment, operation
"""

_KINDS = (
    ("key", "''", "true"),
    ("end_user", "end_user", "end_user IS NOT NULL"),
    ("tag", "'tag' || started::bigint % 20", "true"),
)

_ALL = """
INSERT INTO headgate_rollup
SELECT md5(random()::text), day, 'all', '', '', '', '', '', model, model_group, provider,
  deployment, operation, sum(calls), sum(failed), 0, sum(cached), sum(prompt_tokens),
  sum(completion_tokens), 0, 0, 0, sum(cost), sum(milliseconds), 0, 0
FROM headgate_rollup WHERE kind = 'key' AND day = CAST(:day AS int)
GROUP BY day, model, model_group, provider, deployment, operation
"""


_LAST_DAY = {
    "start_date": (NOW - timedelta(hours=24)).strftime("%Y-%m-%d %H:%M:%S"),
    "end_date": NOW.strftime("%Y-%m-%d %H:%M:%S"),
}

MONTH = MappingProxyType(
    {
        "start_date": (NOW - timedelta(days=29)).date().isoformat(),
        "end_date": NOW.date().isoformat(),
    }
)
PAGES: tuple[dict[str, str], ...] = (
    {},
    _LAST_DAY,
    {"page": "100"},
    {"cursor": f"{datetime(2026, 3, 1, tzinfo=UTC).timestamp()!r}~x"},
    {"request_id": "unknown"},
    {"team_id": "t7"},
    {"user_id": "u77"},
    {"user_id": "nobody"},
    {"end_user": "e77"},
    {"session_id": "s77"},
    {"model": "m1"},
    {"status_filter": "failure"},
    {"cache_hit_filter": "hit"},
    {"error_code": "502"},
    {"min_spend": "0.004"},
    {**_LAST_DAY, "sort_by": "spend"},
)
ALL = (
    "/spend/tags",
    "/global/spend",
    "/global/spend/logs",
    "/global/spend/keys",
    "/global/spend/teams",
    "/global/spend/models",
    "/global/spend/all_tag_names",
)
MONTHLY = (
    "/spend/logs",
    "/spend/tags",
    "/global/spend/tags",
    "/global/spend/provider",
    "/global/spend/report",
    "/team/spend/report",
    "/organization/spend/report",
    "/global/activity",
    "/global/activity/model",
    "/global/activity/cache_hits",
    "/user/daily/activity",
    "/team/daily/activity",
    "/tag/daily/activity",
    "/customer/daily/activity",
    "/organization/daily/activity",
)
NAMED: tuple[tuple[str, dict[str, str]], ...] = (
    ("/spend/logs", {"user_id": "u77"}),
    ("/global/spend/report", {"group_by": "api_key"}),
    ("/global/spend/report", {"group_by": "customer"}),
    ("/user/daily/activity", {"user_id": "u77"}),
    ("/team/daily/activity", {"team_ids": "t7"}),
)


async def fill(engine: AsyncEngine, calls: int, days: int) -> None:
    """So many calls, spread evenly over so many days until today, and their rollups."""
    await migrate(engine)
    for day in range(TODAY - days + 1, TODAY + 1):
        async with writing(engine) as connection:
            await connection.execute(select(func.headgate_record_part(day)))
            await connection.execute(text(_CALLS), {"day": day, "calls": calls // days})
            for kind, name, there in _KINDS:
                statement = text(_ROLLUPS.format(name=name, there=there))
                await connection.execute(statement, {"kind": kind, "day": day})
            await connection.execute(text(_ALL), {"day": day})
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        for table in ("headgate_record", "headgate_rollup"):
            await connection.execute(text(f"VACUUM ANALYZE {table}"))


def asked() -> Iterator[tuple[str, Mapping[str, str]]]:
    """Every route with what an operator's dashboard asks of it: a month, all, and one of each."""
    for more in PAGES:
        yield "/spend/logs/v2", more
    for path in ALL:
        yield path, {}
    for path in MONTHLY:
        yield path, MONTH
    for path, more in NAMED:
        yield path, {**MONTH, **more}


async def measured(engine: AsyncEngine, turns: int) -> AsyncIterator[tuple[float, float, str]]:
    """The slowest answer of each route, and what it took of this process's CPU, in seconds; an
    answer that does not come counts too."""
    admin = Admin()
    admin.backing.calls = CallLog(engine)
    # The first answer of all has to connect.
    await admin.call("GET", "/spend/logs/v2")
    for path, query in asked():
        slowest, spent = 0.0, time.process_time()
        for _ in range(turns):
            start = time.perf_counter()
            with suppress(TimeoutError):
                answer = await admin.call("GET", path, query)
                assert answer.status == 200, (path, answer.status, answer.body[:300])
            slowest = max(slowest, time.perf_counter() - start)
        spent = (time.process_time() - spent) / turns
        yield slowest, spent, f"{path} {dict(query)}"


async def run(options: argparse.Namespace) -> None:
    """Fill and measure."""
    engine = open_engine(database_url(options.url or start_postgres().new_database()))
    if not options.url:
        start = time.perf_counter()
        await fill(engine, options.calls, options.days)
        print(
            f"{options.calls:,} calls over {options.days} days: {time.perf_counter() - start:.0f} s"
        )
    async for seconds, spent, what in measured(engine, options.turns):
        mark = "  " if seconds < LIMIT else "! "
        print(f"{seconds * 1000:8.1f} ms, CPU {spent * 1000:6.1f} {mark}{what}", flush=True)
    await engine.dispose()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--url", help="a database that is filled already")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
