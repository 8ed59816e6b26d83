"""The ledger of one process outlives it: nothing that was granted or settled is forgotten."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pipelines.errors import LedgerUnavailable
from pipelines.ledger import Account, Balance, Granted, Hold, Refused, Settlement, Slot
from proxy.stores.ledger.embedded import EmbeddedLedger
from proxy.stores.ledger.folding import LedgerInUse, segments
from proxy.stores.ledger.sqlite import SqliteLedger
from tests.conformance.ledgers import unique
from tests.conformance.worlds import end_embedded
from tests.fakes.ports import FakeClock

KEY = Account("key:1", 100)


def a_hold(amount: int = 60) -> Hold:
    return Hold(unique(), amount, (KEY,), (), (Slot("parallel:key:1", 5),))


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[EmbeddedLedger]:
    ledger = EmbeddedLedger(folder / "l.db", FakeClock())
    yield ledger
    await ledger.close()


async def balance(ledger: EmbeddedLedger) -> Balance:
    return (await ledger.balances(["key:1"]))["key:1"]


async def spend(ledger: EmbeddedLedger, cost: int) -> None:
    hold = a_hold(cost)
    assert isinstance(await ledger.reserve(hold), Granted)
    ledger.settle(Settlement(hold, cost))


async def test_after_a_clean_end_the_sums_are_there_and_no_lines(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await spend(ledger, 7)
    assert segments(tmp_path / "l.db") == []
    async with opened(tmp_path) as ledger:
        assert await balance(ledger) == Balance(7, 0)
        assert await ledger.total("key:1") == 7


async def test_after_a_crash_open_holds_are_spent_in_full_as_estimated(tmp_path: Path) -> None:
    ledger = EmbeddedLedger(tmp_path / "l.db", FakeClock())
    await spend(ledger, 7)
    hold = a_hold(20)
    await ledger.reserve(hold)
    await ledger.extend(hold, 5)
    assert list(ledger.held) == [hold.id]
    await end_embedded(ledger)
    async with opened(tmp_path) as again:
        assert await balance(again) == Balance(32, 0)
        assert await again.total("key:1") == 32
    rows = sqlite3.connect(tmp_path / "l.db")
    assert rows.execute("SELECT cost, state FROM entries ORDER BY cost").fetchall() == [
        (7, 0),
        (25, 1),
    ]
    rows.close()


async def test_a_hold_that_lives_through_a_folding_is_settled_once(tmp_path: Path) -> None:
    ledger = EmbeddedLedger(tmp_path / "l.db", FakeClock())
    hold, open_hold = a_hold(30), a_hold(20)
    await ledger.reserve(hold)
    await ledger.reserve(open_hold)
    assert await ledger.total("key:1") == 0
    await ledger.extend(hold, 10)
    await ledger.extend(open_hold, 3)
    assert await ledger.total("key:1") == 0
    ledger.settle(Settlement(hold, 11))
    assert await ledger.total("key:1") == 11
    await end_embedded(ledger)
    async with opened(tmp_path) as again:
        assert await balance(again) == Balance(34, 0)
        assert await again.total("key:1") == 34


async def test_a_line_that_was_cut_off_or_damaged_is_left_out(tmp_path: Path) -> None:
    ledger = EmbeddedLedger(tmp_path / "l.db", FakeClock())
    for cost in (1, 2, 4):
        await spend(ledger, cost)
    await end_embedded(ledger)
    (file,) = segments(tmp_path / "l.db")
    lines = file.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"end"', b'"enb"')
    file.write_bytes(b"".join(lines)[:-3])
    async with opened(tmp_path) as again:
        # The damaged ends leave their holds open, which are spent in full.
        assert await balance(again) == Balance(7, 0)


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(LedgerInUse, match="another process"):
            EmbeddedLedger(tmp_path / "l.db", FakeClock())
    async with opened(tmp_path):
        pass


async def test_several_processes_go_on_with_what_one_has_left(tmp_path: Path) -> None:
    alone = EmbeddedLedger(tmp_path / "l.db", FakeClock())
    await spend(alone, 7)
    await end_embedded(alone)
    shared = SqliteLedger(tmp_path / "l.db", FakeClock())
    assert (await shared.balances(["key:1"]))["key:1"] == Balance(7, 0)
    other = SqliteLedger(tmp_path / "l.db", FakeClock())
    with pytest.raises(LedgerInUse):
        EmbeddedLedger(tmp_path / "l.db", FakeClock())
    hold = a_hold(20)
    await other.reserve(hold)
    await shared.close()
    await other.close()
    async with opened(tmp_path) as again:
        assert await balance(again) == Balance(27, 0)


async def test_a_disk_that_is_full_refuses_and_loses_no_settlement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as ledger:
        hold = a_hold(30)
        await ledger.reserve(hold)
        write = os.write

        def half(file: int, data: bytes) -> int:
            return write(file, data[: len(data) // 2])

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", half)
            ledger.settle(Settlement(hold, 9))
            with pytest.raises(LedgerUnavailable):
                await ledger.reserve(a_hold(10))
            with pytest.raises(LedgerUnavailable):
                await ledger.flush()
            assert await balance(ledger) == Balance(9, 0)
        assert isinstance(await ledger.reserve(a_hold(91)), Granted)
        assert await ledger.total("key:1") == 9


async def test_a_disk_that_fails_is_not_believed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(file: int) -> None:
        raise OSError

    async with opened(tmp_path) as ledger:
        monkeypatch.setattr(os, "fdatasync", failing)
        await spend(ledger, 1)
        await asyncio.sleep(0.15)
        with pytest.raises(LedgerUnavailable):
            await ledger.reserve(a_hold(1))


async def test_tending_folds_what_has_grown(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        for _ in range(600):
            hold = Hold(unique(), 1, (Account("key:1"),))
            await ledger.reserve(hold)
            ledger.settle(Settlement(hold, 1))
        await ledger.tend()
        assert ledger._lines.size == 0
        assert await balance(ledger) == Balance(600, 0)
        assert await ledger.total("key:1") == 600
        assert isinstance(await ledger.reserve(a_hold()), Refused)


async def test_the_files_are_for_this_user_alone(tmp_path: Path) -> None:
    async with opened(tmp_path):
        assert _modes(tmp_path) == {0o600}


def _modes(folder: Path) -> set[int]:
    return {file.stat().st_mode & 0o777 for file in folder.iterdir()}
