"""The database's address is read as LiteLLM's users write it, and its faults are told in words."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from pipelines.errors import StoreUnavailable
from proxy.stores.database.engine import (
    BadDatabaseUrl,
    database_url,
    driver_address,
    open_engine,
    reading,
    sqlite_url,
    writing,
)
from tests.fakes.servers import free_port, postgres


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_addresses_of_postgresql_lead_to_our_driver(scheme: str) -> None:
    url = database_url(f"{scheme}://u:p%40ss@db:5433/litellm?sslmode=require&connection_limit=10")
    assert url.drivername == "postgresql+asyncpg"
    assert (url.host, url.port, url.database, url.password) == ("db", 5433, "litellm", "p@ss")
    assert dict(url.query) == {"ssl": "require"}


def test_the_driver_itself_is_given_its_own_spelling() -> None:
    url = database_url("postgres://u:p%40ss@db:5433/litellm?sslmode=require")
    assert driver_address(url) == "postgresql://u:p%40ss@db:5433/litellm?sslmode=require"


@pytest.mark.parametrize(
    "text_", ["", "mysql://u:secret@h/d", "nonsense", "postgresql://u:secret@h:x/d"]
)
def test_what_is_no_address_is_refused_without_its_password(text_: str) -> None:
    with pytest.raises(BadDatabaseUrl) as no:
        database_url(text_)
    assert "secret" not in str(no.value)


async def test_a_file_is_for_this_user_alone(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "h.db"))
    async with writing(engine) as connection:
        await connection.execute(text("CREATE TABLE t(x)"))
    assert (tmp_path / "h.db").stat().st_mode & 0o777 == 0o600
    await engine.dispose()


async def test_a_database_that_is_not_there_is_told_in_our_words() -> None:
    engine = open_engine(database_url(f"postgresql://u:secret@127.0.0.1:{free_port()}/d"))
    with pytest.raises(StoreUnavailable, match="cannot be used just now") as no:
        async with reading(engine):
            pass
    assert "secret" not in no.value.message
    assert no.value.status == 503
    await engine.dispose()


async def test_a_driver_that_lost_its_place_when_the_connection_broke_is_told() -> None:
    engine = open_engine(database_url(postgres().new_database()))
    with pytest.raises(StoreUnavailable, match="InternalClientError"):
        async with reading(engine):
            raise asyncpg.InternalClientError("cannot switch to state 12")
    await engine.dispose()
