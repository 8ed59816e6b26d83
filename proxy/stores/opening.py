"""Opens the stores that the configuration names, and looks after them while the gateway runs.

The rule: what is shared between processes is decided here, once: nothing (files for one process),
files of this machine, a PostgreSQL, or a PostgreSQL with a Redis before it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from pipelines.clock import Clock
from pipelines.errors import StoreUnavailable
from pipelines.ledger import Ledger
from proxy.background import Background
from proxy.config.storage import StorageSettings
from proxy.stores.database.engine import (
    BadDatabaseUrl,
    database_url,
    driver_address,
    open_engine,
    reading,
    sqlite_url,
)
from proxy.stores.database.migrate import MigrationBusy, Schema, SchemaApart, migrate, schema
from proxy.stores.entities.notices import Notices, PostgresSource, SqliteSource
from proxy.stores.entities.sql import SqlEntityStore
from proxy.stores.journal.database import DatabaseJournal
from proxy.stores.journal.retention import Retention
from proxy.stores.journal.room import SpoolRules
from proxy.stores.journal.spool import Spool
from proxy.stores.ledger.embedded import EmbeddedLedger
from proxy.stores.ledger.folding import LedgerInUse
from proxy.stores.ledger.postgres import PostgresLedger
from proxy.stores.ledger.redis import RedisLedger
from proxy.stores.ledger.sqlite import SqliteLedger
from proxy.telemetry.logging import get_logger

ANSWERS_WITHIN = 1.0
TEND_EVERY = 5.0
PRUNE_EVERY = 3600.0
# So long every call has an entry of its own; after that an account has one for all of them.
ENTRIES_KEPT = 7 * 86_400.0
DATABASE_FILE = "headgate.db"
LEDGER_FILE = "ledger.db"
SPOOL_FOLDER = "spool"

_DAMAGED = "this file is damaged, or no database; restore it from a backup, or move it away"
_WHERE = MappingProxyType(
    {
        "postgresql": "Is the address in general_settings.database_url or DATABASE_URL right, and"
        " is PostgreSQL up?",
        "sqlite": "Does another program hold the file?",
    }
)


class CannotOpen(Exception):
    """The stores cannot be used; the message says why and what to do, and holds no password."""


@dataclass(slots=True)
class Stores:
    """What outlives a process: entities, money and the calls' records."""

    engine: AsyncEngine
    notices: Notices
    entities: SqlEntityStore
    ledger: Ledger
    journal: DatabaseJournal
    retention: Retention

    async def prepare(self, may_migrate: bool = True) -> None:
        """Bring the tables to this version, or check that they will do. Raises CannotOpen."""
        if may_migrate:
            await migrated(self.engine)
        with _told(self.engine):
            (await schema(self.engine)).check()
            if isinstance(self.ledger, RedisLedger):
                await self.ledger.open()

    async def answers(self) -> bool:
        """Whether the database answers now."""
        try:
            async with asyncio.timeout(ANSWERS_WITHIN), reading(self.engine) as connection:
                await connection.execute(select(1))
        except (StoreUnavailable, SQLAlchemyError, OSError, TimeoutError):
            return False
        return True

    async def tend(self) -> None:
        """Renew what this process holds, settle what dead ones have left, and add up once an hour
        what is old; runs until it is cancelled."""
        waited = 0.0
        while True:
            # The next turn tries again; a lease outlives several of them.
            with suppress(StoreUnavailable):
                await self.ledger.tend()
                if waited >= PRUNE_EVERY:
                    waited = 0.0
                    await self.ledger.prune(ENTRIES_KEPT)
            await asyncio.sleep(TEND_EVERY)
            waited += TEND_EVERY

    async def close(self) -> None:
        """Write what waits, and close everything."""
        with suppress(StoreUnavailable):
            await self.ledger.close()
        await self.journal.close()
        await self.entities.close()


async def migrated(engine: AsyncEngine) -> Schema:
    """Bring the tables to this version; gives where they stood before. Raises CannotOpen."""
    with _told(engine):
        return await migrate(engine)


@contextmanager
def _told(engine: AsyncEngine) -> Iterator[None]:
    try:
        yield
    except StoreUnavailable as error:
        raise CannotOpen(f"{error.message} {_WHERE[engine.dialect.name]}") from None
    except (MigrationBusy, SchemaApart) as error:
        raise CannotOpen(str(error)) from None
    except DatabaseError:
        raise CannotOpen(f"{_DAMAGED}: {engine.url.database}") from None


def open_stores(settings: StorageSettings, clock: Clock, background: Background) -> Stores:
    """The stores that are configured; a folder that is not there is made. Raises CannotOpen."""
    try:
        url = database_address(settings)
        ledger = _ledger(settings, url, clock, background)
    except BadDatabaseUrl as error:
        raise CannotOpen(str(error)) from None
    except LedgerInUse:
        raise CannotOpen(
            f"another gateway has {settings.folder} for itself; give each its own"
            " headgate_settings.data_dir, or set headgate_settings.shared_data: true for both"
        ) from None
    except sqlite3.DatabaseError:
        raise CannotOpen(f"{_DAMAGED}: {settings.folder / LEDGER_FILE}") from None
    except OSError as error:
        raise CannotOpen(
            f"the folder {settings.folder} cannot be used ({error.strerror}); set"
            " headgate_settings.data_dir or HEADGATE_DATA_DIR to one that can be written"
        ) from None
    engine = open_engine(url)
    sqlite = url.get_backend_name() == "sqlite"
    notices = Notices(SqliteSource(engine) if sqlite else PostgresSource(url))
    entities = SqlEntityStore(engine, notices)
    journal = _journal(settings, engine, clock)
    retention = Retention(engine, settings.kept_for, settings.clean_every, clock.time)
    return Stores(engine, notices, entities, ledger, journal, retention)


def _journal(settings: StorageSettings, engine: AsyncEngine, clock: Clock) -> DatabaseJournal:
    # What was recorded for one database must never get into another one.
    root = settings.folder / SPOOL_FOLDER / _named(settings, engine.url)
    rules = SpoolRules(settings.spool_bytes, settings.on_journal_full)
    try:
        return DatabaseJournal(engine, Spool(root, clock, rules), root)
    except OSError as error:
        # With a database somewhere else, nothing but this needs a folder.
        get_logger(__name__).warning(
            "records of calls wait in memory, and are lost if this process is killed; set"
            " headgate_settings.data_dir to a folder that can be written",
            folder=str(root),
            reason=error.strerror,
        )
        return DatabaseJournal(engine)


def _named(settings: StorageSettings, url: URL) -> str:
    if settings.database is None:
        return "files"
    place = f"{url.host}:{url.port}/{url.database}"
    return sha256(place.encode()).hexdigest()[:12]


def database_address(settings: StorageSettings) -> URL:
    """The database's address; a folder for files is made. Raises BadDatabaseUrl and OSError."""
    if settings.database is not None:
        return database_url(settings.database)
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return sqlite_url(settings.folder / DATABASE_FILE)


def _ledger(settings: StorageSettings, url: URL, clock: Clock, background: Background) -> Ledger:
    if url.get_backend_name() == "sqlite":
        folder = Path(url.database or ".").parent
        if settings.shared:
            return SqliteLedger(folder / LEDGER_FILE, clock)
        return EmbeddedLedger(folder / LEDGER_FILE, clock)
    address = driver_address(url)
    if settings.redis is not None:
        return _redis(settings.redis, address, clock, background)
    return PostgresLedger(address, background)


def _redis(url: str, address: str, clock: Clock, background: Background) -> Ledger:
    try:
        return RedisLedger(url, address, background, clock)
    except ImportError:
        raise CannotOpen(
            "a Redis is configured and its library is not installed; pip install 'headgate[redis]'"
        ) from None
    except ValueError:
        raise CannotOpen(
            "the address of Redis cannot be read; write redis://:password@host:6379/0"
        ) from None
