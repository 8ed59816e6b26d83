"""Brings the tables to this version.

The rule: migrations only add, run under a lock that all replicas share, and never wait longer than
they may; a schema that is one version away still serves.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from proxy.stores.database.engine import reading, writing

FOLDER = Path(__file__).parent / "migrations"
STEPS = FOLDER / "versions"
VERSION_TABLE = "headgate_version"
PATIENCE = 60.0
VERSIONS_APART = 1
# Any number will do, as long as all replicas use the same.
LOCK = 0x6865_6164_6761_7465


class SchemaApart(Exception):
    """The tables are too far from what this version knows; the message says what to do."""


class MigrationBusy(Exception):
    """Another process migrates, and did not end in time."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The number of the tables' version, and of the one that this code knows; 0: no tables."""

    current: int
    wanted: int

    def check(self) -> None:
        """Raises SchemaApart where this code cannot work with these tables."""
        if self.current == 0:
            raise SchemaApart("the database has no tables yet; run `headgate migrate`")
        if abs(self.current - self.wanted) > VERSIONS_APART:
            newer = self.current > self.wanted
            remedy = "upgrade the gateway" if newer else "run `headgate migrate`"
            raise SchemaApart(
                f"the database's tables are of version {self.current}, and this gateway knows"
                f" version {self.wanted}; {remedy}"
            )


async def schema(engine: AsyncEngine) -> Schema:
    """Where the tables stand. Raises StoreUnavailable."""
    async with reading(engine) as connection:
        return await connection.run_sync(_schema)


async def migrate(engine: AsyncEngine, patience: float = PATIENCE) -> Schema:
    """Bring the tables to this version; gives where they stood before.

    Raises StoreUnavailable, MigrationBusy, and SchemaApart where they are too new to touch.
    """
    async with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            await _lock(connection, patience)
        before = await connection.run_sync(_schema)
        if before.current < before.wanted:
            await connection.run_sync(_upgrade)
        elif before.current > before.wanted:
            before.check()
        return before


async def _lock(connection: AsyncConnection, patience: float) -> None:
    end = time.monotonic() + patience
    while True:
        taken = await connection.execute(
            text("SELECT pg_try_advisory_xact_lock(:number)"), {"number": LOCK}
        )
        if taken.scalar():
            return
        if time.monotonic() > end:
            raise MigrationBusy(
                f"another process has been migrating this database for {patience:.0f} seconds"
            )
        await asyncio.sleep(0.2)


def _schema(connection: Connection) -> Schema:
    current = 0
    if inspect(connection).has_table(VERSION_TABLE):
        current = int(connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")) or 0)
    return Schema(current, max(int(step.stem) for step in STEPS.glob("[0-9]*.py")))


def _upgrade(connection: Connection) -> None:
    # It takes longer to load than all the rest of the database, and is hardly ever needed.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
