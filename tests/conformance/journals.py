"""Every database that the journal writes into."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from proxy.stores.database.engine import database_url, open_engine, sqlite_url
from proxy.stores.database.migrate import migrate
from tests.fakes.servers import postgres


@asynccontextmanager
async def in_sqlite() -> AsyncIterator[AsyncEngine]:
    """A file."""
    with TemporaryDirectory() as folder:
        async with _opened(sqlite_url(Path(folder) / "h.db")) as engine:
            yield engine


@asynccontextmanager
async def in_postgres() -> AsyncIterator[AsyncEngine]:
    """A real PostgreSQL."""
    async with _opened(database_url(postgres().new_database())) as engine:
        yield engine


@asynccontextmanager
async def _opened(url: URL) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(url)
    try:
        await migrate(engine)
        yield engine
    finally:
        await engine.dispose()


DATABASES: Mapping[str, Callable[[], AbstractAsyncContextManager[AsyncEngine]]] = MappingProxyType(
    {"sqlite": in_sqlite, "postgres": in_postgres}
)
