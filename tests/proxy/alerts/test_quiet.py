"""A cause is told once in its time, whichever process comes first."""

from __future__ import annotations

from pathlib import Path

from pipelines.errors import LedgerUnavailable
from pipelines.ledger import Granted, Hold, Refused
from proxy.alerts.quiet import MOST, Quiet
from proxy.stores.ledger.memory import MemoryLedger
from proxy.stores.ledger.sqlite import SqliteLedger
from tests.fakes.ports import FakeClock


async def test_a_cause_is_quiet_for_its_time() -> None:
    clock = FakeClock()
    quiet = Quiet(clock)
    assert await quiet.claim("a", 60.0)
    assert not await quiet.claim("a", 60.0)
    assert await quiet.claim("b", 60.0)
    clock.now += 60.0
    assert await quiet.claim("a", 60.0)


async def test_of_two_processes_one_tells() -> None:
    clock = FakeClock()
    ledger = MemoryLedger(clock)
    one, two = Quiet(clock, ledger), Quiet(clock, ledger)
    assert await one.claim("a", 600.0)
    assert not await two.claim("a", 600.0)
    assert await two.claim("b", 600.0)
    assert not await one.claim("b", 600.0)
    clock.now += 610.0
    assert await two.claim("a", 600.0)


async def test_a_ledger_in_a_file_remembers_it_as_well(tmp_path: Path) -> None:
    clock = FakeClock()
    ledger = SqliteLedger(tmp_path / "ledger.db", clock)
    assert await Quiet(clock, ledger).claim("a", 86_400.0)
    assert not await Quiet(clock, ledger).claim("a", 86_400.0)
    await ledger.close()


class Away(MemoryLedger):
    async def reserve(self, hold: Hold) -> Granted | Refused:
        raise LedgerUnavailable("away")


async def test_while_the_ledger_is_away_each_decides_by_itself() -> None:
    clock = FakeClock()
    quiet = Quiet(clock, Away(clock))
    assert await quiet.claim("a", 60.0)
    assert not await quiet.claim("a", 60.0)


async def test_what_is_remembered_is_bounded() -> None:
    clock = FakeClock()
    quiet = Quiet(clock)
    for number in range(MOST + 10):
        assert await quiet.claim(str(number), 60.0)
    assert await quiet.claim("0", 60.0)
