"""What `/key/info` shows is the sum of the ledger's entries, to the nano-dollar."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from pathlib import Path

import asyncpg
import orjson
import pytest
import yaml

from tests.e2e.crowd import BACKENDS, Crowd, gateways

Entries = list[tuple[int, list[str]]]


def entries_of_files(data: Path, digest: str) -> tuple[str, Entries]:
    """The key's id, and every entry's cost and accounts."""
    keys = sqlite3.connect(data / "headgate.db")
    try:
        id = keys.execute("SELECT id FROM headgate_key WHERE digest = ?", (digest,)).fetchone()[0]
    finally:
        keys.close()
    books = sqlite3.connect(data / "ledger.db")
    try:
        rows = books.execute("SELECT cost, accounts FROM entries").fetchall()
        return id, [(cost, orjson.loads(accounts)) for cost, accounts in rows]
    finally:
        books.close()


async def entries_of_database(url: str, digest: str) -> tuple[str, Entries]:
    """The key's id, and every entry's cost and accounts."""
    connection = await asyncpg.connect(url)
    try:
        id = await connection.fetchval("SELECT id FROM headgate_key WHERE digest = $1", digest)
        rows = await connection.fetch("SELECT cost, accounts FROM headgate_ledger_entry")
        return id, [(one["cost"], list(one["accounts"])) for one in rows]
    finally:
        await connection.close()


@pytest.mark.parametrize("backend", BACKENDS)
async def test_after_a_crowd_the_spend_shown_is_the_sum_of_the_entries(
    backend: str, tmp_path: Path
) -> None:
    with gateways(tmp_path, backend, 2) as found:
        crowd = Crowd(found)
        await crowd.make_key(max_budget=0.02)
        await crowd.run(100, "slow", manner="mixed")
        await asyncio.sleep(0.6)
        info = (await crowd.admin(f"/key/info?key={crowd.key}"))["info"]
    found_config = yaml.safe_load((tmp_path / "gateway0" / "gateway.yaml").read_text())
    digest = hashlib.sha256(crowd.key.encode()).hexdigest()
    if url := found_config["general_settings"].get("database_url"):
        id, rows = await entries_of_database(url, digest)
    else:
        id, rows = entries_of_files(tmp_path / "data", digest)
    total = sum(cost for cost, accounts in rows if f"key:{id}" in accounts)
    assert total > 0
    assert info["spend"] == info["total_spend"] == total / 10**9
