"""Whatever goes wrong with the database is told as LedgerUnavailable."""

from __future__ import annotations

import asyncpg
import pytest

from pipelines.errors import LedgerUnavailable
from proxy.stores.ledger import postgres_line
from proxy.stores.ledger.postgres_line import PostgresLine
from tests.fakes.servers import free_port, postgres


async def test_a_database_that_is_not_there_is_told() -> None:
    line = PostgresLine(f"postgresql://postgres@127.0.0.1:{free_port()}/none")
    with pytest.raises(LedgerUnavailable, match="cannot be used"):
        await line.row("SELECT 1")
    await line.close()


async def test_an_error_of_the_database_is_told_without_its_words() -> None:
    line = PostgresLine(postgres().new_database())
    with pytest.raises(LedgerUnavailable) as raised:
        await line.rows("SELECT secret FROM nothing")
    assert "secret" not in raised.value.message
    assert (await line.row("SELECT 1"))[0] == 1
    await line.close()


async def test_nobody_waits_longer_than_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_line, "PATIENCE", 0.3)
    line = PostgresLine(postgres().new_database())
    with pytest.raises(LedgerUnavailable):
        await line.row("SELECT pg_sleep(5)")
    await line.close()


async def test_a_driver_that_lost_its_place_when_the_connection_broke_is_told() -> None:
    line = PostgresLine(postgres().new_database())
    with pytest.raises(LedgerUnavailable, match="InternalClientError"):
        async with line.connection():
            raise asyncpg.InternalClientError("cannot switch to state 12")
    await line.close()
