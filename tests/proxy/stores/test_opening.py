"""The stores that are opened are those that the configuration names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import structlog

from pipelines.errors import LedgerUnavailable
from proxy.background import Background
from proxy.clock import SystemClock
from proxy.config.storage import StorageSettings
from proxy.stores import opening
from proxy.stores.journal.memory import MemorySpool
from proxy.stores.journal.spool import Spool
from proxy.stores.ledger.embedded import EmbeddedLedger
from proxy.stores.ledger.postgres import PostgresLedger
from proxy.stores.ledger.sqlite import SqliteLedger
from proxy.stores.opening import CannotOpen, Stores, open_stores
from tests.fakes.servers import free_port, postgres


def opened(**settings: object) -> Stores:
    return open_stores(StorageSettings(**settings), SystemClock(), Background())  # type: ignore[arg-type]


async def test_files_for_one_process_are_the_default(tmp_path: Path) -> None:
    stores = opened(folder=tmp_path / "a" / "b")
    await stores.prepare()
    assert isinstance(stores.ledger, EmbeddedLedger)
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    with pytest.raises(CannotOpen, match=r"another gateway has .* for itself; give each its own"):
        opened(folder=tmp_path / "a" / "b")
    await stores.close()


async def test_files_can_be_shared_by_all_processes_of_a_machine(tmp_path: Path) -> None:
    both = [opened(folder=tmp_path, shared=True) for _ in range(2)]
    for one in both:
        await one.prepare()
        assert isinstance(one.ledger, SqliteLedger)
    for one in both:
        await one.close()


async def test_a_postgresql_is_used_where_one_is_named(tmp_path: Path) -> None:
    stores = opened(folder=tmp_path, database=postgres().new_database())
    with pytest.raises(CannotOpen, match="no tables yet; run `headgate migrate`"):
        await stores.prepare(may_migrate=False)
    await stores.prepare()
    assert isinstance(stores.ledger, PostgresLedger)
    await stores.close()


async def test_records_wait_in_a_folder_for_each_database(tmp_path: Path) -> None:
    found = []
    for database in (None, *(postgres().new_database() for _ in range(2))):
        stores = opened(folder=tmp_path, database=database, spool_bytes=5 * 2**20)
        assert isinstance(stores.journal.spool, Spool)
        found.append({path.name for path in (tmp_path / "spool").iterdir()})
        await stores.close()
    assert [len(names) for names in found] == [1, 2, 3]
    assert found[0] == {"files"}


async def test_without_a_folder_records_wait_in_memory_for_a_database(tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(b"no folder")
    with structlog.testing.capture_logs() as lines:
        stores = opened(folder=tmp_path, database=postgres().new_database())
    assert isinstance(stores.journal.spool, MemorySpool)
    assert "wait in memory" in lines[0]["event"]
    await stores.close()


@contextmanager
def refusal(words: str) -> Iterator[None]:
    with pytest.raises(CannotOpen, match=words) as no:
        yield
    assert "marked" not in str(no.value)


async def test_what_cannot_be_opened_is_told_without_its_password(tmp_path: Path) -> None:
    address = f"postgresql://u:marked@127.0.0.1:{free_port()}/d"
    stores = opened(folder=tmp_path, database=address)
    with refusal("cannot be used just now .* Is the address in general_settings.database_url"):
        await stores.prepare()
    await stores.close()
    with refusal("is no database that is known here"):
        opened(folder=tmp_path, database="mysql://u:marked@h/d")
    (tmp_path / "file").write_text("")
    with refusal("set headgate_settings.data_dir or HEADGATE_DATA_DIR"):
        opened(folder=tmp_path / "file")


async def test_an_address_of_redis_that_is_none_is_told(tmp_path: Path) -> None:
    with refusal("the address of Redis cannot be read"):
        opened(folder=tmp_path, database="postgresql://h/d", redis="http://:marked@h")


@pytest.mark.parametrize("name", ["headgate.db", "ledger.db"])
async def test_a_damaged_file_is_named_with_what_to_do(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("nonsense " * 100)
    with refusal(f"this file is damaged, or no database; restore it .*{name}"):
        stores = opened(folder=tmp_path)
        try:
            await stores.prepare()
        finally:
            await stores.close()


async def test_a_database_answers_until_it_is_gone(tmp_path: Path) -> None:
    stores = opened(folder=tmp_path)
    await stores.prepare()
    assert await stores.answers()
    await stores.close()
    address = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    gone = opened(folder=tmp_path, database=address)
    assert not await gone.answers()
    gone.journal.spool.close()
    await gone.engine.dispose()


async def test_what_is_old_is_added_up_from_time_to_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "TEND_EVERY", 0.01)
    monkeypatch.setattr(opening, "PRUNE_EVERY", 0.05)
    stores = opened(folder=tmp_path)
    pruned: list[float] = []

    async def prune(older: float) -> None:
        pruned.append(older)
        if len(pruned) == 2:
            raise LedgerUnavailable("not now")

    monkeypatch.setattr(stores.ledger, "prune", prune)
    with suppress(TimeoutError):
        await asyncio.wait_for(stores.tend(), 0.6)
    assert len(pruned) > 2
    assert set(pruned) == {opening.ENTRIES_KEPT}
    await stores.close()
