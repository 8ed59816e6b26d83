"""What only the real stores can do wrong; their promises are in the conformance suite."""

from __future__ import annotations

import signal

import pytest

from pipelines.errors import StoreUnavailable
from proxy.stores.database.engine import database_url, open_engine
from proxy.stores.database.migrate import migrate
from proxy.stores.entities.kinds import Key
from proxy.stores.entities.notices import Notices, PostgresSource
from proxy.stores.entities.sql import SqlEntityStore
from proxy.stores.entities.store import Actor
from tests.fakes.servers import start_postgres


async def test_a_database_that_goes_away_is_told_and_used_again_when_it_is_back() -> None:
    server = start_postgres()
    url = database_url(server.new_database())
    engine = open_engine(url)
    await migrate(engine)
    store = SqlEntityStore(engine, Notices(PostgresSource(url)))
    await store.add(Key(id="k", digest="d"), Actor("me"))
    server.stop(signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await store.get(Key, "k")
    server.start()
    assert await store.get(Key, "k") is not None
    await store.close()
    server.stop()
