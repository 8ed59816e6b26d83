"""Every store of entities, for the suite that runs over all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from sqlalchemy.engine import URL

from proxy.stores.database.engine import database_url, open_engine, sqlite_url
from proxy.stores.database.migrate import migrate
from proxy.stores.entities.notices import Notices, PostgresSource, SqliteSource
from proxy.stores.entities.sql import SqlEntityStore
from proxy.stores.entities.store import EntityStore
from tests.fakes.entities import FakeEntities
from tests.fakes.servers import postgres

Pair = tuple[EntityStore, EntityStore]


@asynccontextmanager
async def in_memory() -> AsyncIterator[Pair]:
    """The fake of the tests."""
    store = FakeEntities()
    yield store, store


@asynccontextmanager
async def in_sqlite() -> AsyncIterator[Pair]:
    """One file, opened by two."""
    with TemporaryDirectory() as folder:
        async with _opened(sqlite_url(Path(folder) / "h.db")) as pair:
            yield pair


@asynccontextmanager
async def in_postgres() -> AsyncIterator[Pair]:
    """One database, opened by two."""
    async with _opened(database_url(postgres().new_database())) as pair:
        yield pair


@asynccontextmanager
async def _opened(url: URL) -> AsyncIterator[Pair]:
    stores, listeners = [], []
    for _ in range(2):
        engine = open_engine(url)
        await migrate(engine)
        sqlite = url.get_backend_name() == "sqlite"
        notices = Notices(SqliteSource(engine) if sqlite else PostgresSource(url))
        listeners.append(asyncio.get_running_loop().create_task(notices.run()))
        stores.append(SqlEntityStore(engine, notices))
    yield stores[0], stores[1]
    for task in listeners:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    for store in stores:
        await store.close()


ENTITY_STORES: Mapping[str, Callable[[], AbstractAsyncContextManager[Pair]]] = MappingProxyType(
    {"memory": in_memory, "sqlite": in_sqlite, "postgres": in_postgres}
)
