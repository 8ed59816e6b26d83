"""Opens the database that the configuration names.

The rule: SQLite writes begin with the lock that writing needs, so that two who change the same row
wait for each other; a database that cannot be reached is told in our own words.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from pipelines.errors import StoreUnavailable

BUSY_MS = 5000
POOL = 5
OVERFLOW = 5
PATIENCE = 5.0

# What libpq's addresses may say that asyncpg spells otherwise, or not at all.
_SSL_MODES: Mapping[str, str] = MappingProxyType({"sslmode": "ssl"})
# No connection, no resources left, shutting down or starting up.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_AWAY = ("08", "53", "57P")
_NOT_FOR_US = frozenset(
    {"schema", "connection_limit", "pool_timeout", "pgbouncer", "connect_timeout", "socket_timeout"}
)


class BadDatabaseUrl(ValueError):
    """The address of the database cannot be used; the message holds no password."""


def database_url(text: str) -> URL:
    """The address for our drivers: `postgresql://…` as LiteLLM's users write it, or
    `sqlite:///path`. Raises BadDatabaseUrl."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise BadDatabaseUrl(
            "the database's address cannot be read; write postgresql://user:password@host/name"
        ) from None
    family = url.drivername.partition("+")[0]
    if family in ("postgres", "postgresql"):
        query = {
            _SSL_MODES.get(name, name): value
            for name, value in url.query.items()
            if name not in _NOT_FOR_US
        }
        return url.set(drivername="postgresql+asyncpg", query=query)
    if family == "sqlite":
        return url.set(drivername="sqlite+aiosqlite")
    raise BadDatabaseUrl(f"{family[:40]!r} is no database that is known here; use postgresql")


def driver_address(url: URL) -> str:
    """The address as asyncpg itself reads it, with the password."""
    query = {"sslmode" if name == "ssl" else name: value for name, value in url.query.items()}
    plain = url.set(drivername="postgresql", query=query)
    return plain.render_as_string(hide_password=False)


def sqlite_url(path: Path) -> URL:
    """The address of a file."""
    return URL.create("sqlite+aiosqlite", database=str(path))


def open_engine(url: URL) -> AsyncEngine:
    """A pool of connections; nothing is connected yet."""
    if url.get_backend_name() != "sqlite":
        return create_async_engine(
            url,
            pool_size=POOL,
            max_overflow=OVERFLOW,
            pool_timeout=PATIENCE,
            pool_pre_ping=True,
            connect_args={"timeout": PATIENCE},
            hide_parameters=True,
        )
    if url.database and url.database != ":memory:" and not Path(url.database).exists():
        # Nobody but this user reads who has which key.
        os.close(os.open(url.database, os.O_CREAT | os.O_RDWR, 0o600))
    engine = create_async_engine(url, hide_parameters=True, pool_size=POOL, max_overflow=OVERFLOW)
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _prepare(connection: Any, record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_MS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection to read with. Raises StoreUnavailable."""
    async with _told(engine), engine.connect() as connection:
        yield connection


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction that writes; an error takes it all back. Raises StoreUnavailable."""
    async with _told(engine), engine.connect() as connection:
        await connection.execution_options(writes=True)
        async with connection.begin():
            yield connection


@asynccontextmanager
async def _told(engine: AsyncEngine) -> AsyncIterator[None]:
    try:
        yield
    except _lost(engine) as error:
        raise _unavailable(error) from None
    except (OperationalError, InterfaceError, PoolTimeout, OSError, TimeoutError) as error:
        raise _unavailable(error) from None
    except DBAPIError as error:
        state = str(getattr(error.orig, "sqlstate", None) or "")
        if error.connection_invalidated or state.startswith(_AWAY):
            raise _unavailable(error) from None
        raise


def _lost(engine: AsyncEngine) -> tuple[type[BaseException], ...]:
    # asyncpg's own confusion when a connection breaks at the wrong moment, which SQLAlchemy knows
    # nothing of; the driver is loaded where PostgreSQL is used.
    driver = getattr(engine.dialect.dbapi, "asyncpg", None)
    return () if driver is None else (driver.InternalClientError,)


def _unavailable(error: BaseException) -> StoreUnavailable:
    cause = getattr(error, "orig", None) or error
    return StoreUnavailable(
        f"The database cannot be used just now ({type(cause).__name__}); please try again."
    )
