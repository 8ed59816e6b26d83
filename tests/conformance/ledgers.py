"""Every backend of the ledger, for the suites that run over all of them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from pipelines.ledger import Ledger
from proxy.background import Background
from proxy.clock import SystemClock
from proxy.stores.database.engine import database_url, open_engine
from proxy.stores.database.migrate import migrate
from proxy.stores.ledger.embedded import EmbeddedLedger
from proxy.stores.ledger.memory import MemoryLedger
from proxy.stores.ledger.postgres import PostgresLedger
from proxy.stores.ledger.redis import RedisLedger, RedisOptions
from proxy.stores.ledger.sqlite import SqliteLedger
from tests.fakes.ports import FakeClock
from tests.fakes.servers import postgres, redis


def unique() -> str:
    """An id that no hold had before."""
    return uuid.uuid4().hex


@asynccontextmanager
async def in_memory() -> AsyncIterator[Ledger]:
    """The ledger of one process."""
    yield MemoryLedger(FakeClock())


@asynccontextmanager
async def embedded() -> AsyncIterator[Ledger]:
    """The ledger of one process, which outlives it."""
    with TemporaryDirectory() as folder:
        made = EmbeddedLedger(Path(folder) / "ledger.db", SystemClock())
        yield made
        await made.close()


@asynccontextmanager
async def in_sqlite() -> AsyncIterator[Ledger]:
    """The ledger of several processes on one machine."""
    with TemporaryDirectory() as folder:
        made = SqliteLedger(Path(folder) / "ledger.db", SystemClock())
        yield made
        await made.close()


async def migrated() -> str:
    """The address of a PostgreSQL database that has our tables and nothing in them."""
    address = postgres().new_database()
    engine = open_engine(database_url(address))
    await migrate(engine)
    await engine.dispose()
    return address


@asynccontextmanager
async def in_postgres() -> AsyncIterator[Ledger]:
    """The ledger of replicas without Redis."""
    background = Background()
    made = PostgresLedger(await migrated(), background)
    yield made
    await made.close()
    await background.close()


@asynccontextmanager
async def in_redis() -> AsyncIterator[Ledger]:
    """The ledger of replicas with Redis, and PostgreSQL behind it."""
    background = Background()
    options = RedisOptions(prefix=f"{{{unique()}}}", deadline=2.0, grace=0.2)
    made = RedisLedger(redis().url, await migrated(), background, SystemClock(), options)
    await made.open()
    yield made
    await made.close()
    await background.close()


LEDGERS: Mapping[str, Callable[[], AbstractAsyncContextManager[Ledger]]] = MappingProxyType(
    {
        "memory": in_memory,
        "embedded": embedded,
        "sqlite": in_sqlite,
        "postgres": in_postgres,
        "redis": in_redis,
    }
)
