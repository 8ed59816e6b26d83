"""Whole gateways over each kind of store, with a key, its user and its team, all of them limited.

The rule: all have the same models and prices and answer the same requests; they differ in what is
asked of the caller and in where that is kept, and in nothing else.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import asyncpg
import yaml

from tests.bench.targets import MASTER_KEY, Server, Target, launch
from tests.fakes.servers import Redis, postgres, start_redis

PLAIN, EMBEDDED, REDIS, POSTGRES = "no keys", "embedded", "Redis+PostgreSQL", "PostgreSQL"
SETUPS = (PLAIN, EMBEDDED, REDIS, POSTGRES)
PRICES: Mapping[str, float] = MappingProxyType(
    {"input_cost_per_token": 1e-6, "output_cost_per_token": 3e-6}
)
LIMITS: Mapping[str, float] = MappingProxyType(
    {"max_budget": 1e6, "rpm_limit": 10**9, "tpm_limit": 10**12}
)


@dataclass(frozen=True, slots=True)
class Counts:
    """What the servers of a set-up have done until now: batches that Redis read, and transactions
    of the database."""

    redis: int | None = None
    database: int | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """A gateway that runs, and the servers that it has for itself."""

    name: str
    server: Server
    redis: Redis | None = None
    database: str | None = None

    async def counts(self) -> Counts:
        """The counts of its servers; those of the database lag by up to ten seconds."""
        redis = None if self.redis is None else batches(self.redis)
        database = None if self.database is None else await transactions(self.database)
        return Counts(redis, database)


@contextlib.contextmanager
def opened(
    name: str, tree: Path, provider: int, scratch: Path, core: int | None
) -> Iterator[Setup]:
    """A set-up inside the block. Raises NotStarted."""
    folder = scratch / name.replace(" ", "-")
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        redis = database = None
        if name in (REDIS, POSTGRES):
            database = postgres().new_database()
        if name == REDIS:
            redis = start_redis()
            stack.callback(redis.stop)
        config = folder / "gateway.yaml"
        config.write_text(yaml.safe_dump(_config(name, provider, database, redis)), "utf-8")
        argv = ("-m", "proxy", "serve", "--config", str(config), "--port", "{port}")
        env = {"PYTHONPATH": str(tree), "HEADGATE_DATA_DIR": str(folder / "data")}
        target = Target(name, (sys.executable, *argv), tree, env, MASTER_KEY)
        # Twice: only the second start finds its bytecode compiled.
        launch(target, None).close()
        server = launch(target, core)
        stack.callback(server.close)
        if name != PLAIN:
            server.target = replace(target, key=_key(server))
        yield Setup(name, server, redis, database)


def batches(server: Redis) -> int:
    """How often this Redis has read from a client, which is once a round trip."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        line.sendall(b"INFO stats\r\nQUIT\r\n")
        said = b"".join(iter(lambda: line.recv(65536), b""))
    found = dict(one.partition(b":")[::2] for one in said.splitlines())
    return int(found[b"total_reads_processed"])


async def transactions(address: str) -> int:
    """How many transactions this database has committed."""
    connection = await asyncpg.connect(address)
    try:
        count: int = await connection.fetchval(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        )
        return count
    finally:
        await connection.close()


def _config(name: str, provider: int, database: str | None, redis: Redis | None) -> dict[str, Any]:
    served = {
        "model": "openai/*",
        "api_base": f"http://127.0.0.1:{provider}/v1",
        "api_key": "sk-provider",
        **PRICES,
    }
    general: dict[str, Any] = {} if name == PLAIN else {"master_key": MASTER_KEY}
    if database is not None:
        general["database_url"] = database
    return {
        "model_list": [{"model_name": "*", "litellm_params": served}],
        "general_settings": general,
        "litellm_settings": {"json_logs": True},
        "headgate_settings": {} if redis is None else {"redis_url": redis.url},
    }


def _key(server: Server) -> str:
    """A key whose user and team have limits of their own, and a budget for each month."""
    _made(server, "/team/new", team_id="team", budget_duration="30d", **LIMITS)
    _made(server, "/user/new", user_id="user", auto_create_key=False, **LIMITS)
    whose = {"team_id": "team", "user_id": "user", "max_parallel_requests": 1000}
    key: str = _made(server, "/key/generate", **whose, **LIMITS)["key"]
    return key


def _made(server: Server, path: str, **body: Any) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {MASTER_KEY}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as reply:
        found: dict[str, Any] = json.loads(reply.read())
        return found
