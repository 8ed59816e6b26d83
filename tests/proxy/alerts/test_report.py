"""Once a day it is told what was spent."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from proxy.alerts.report import NANO, daily_report
from proxy.stores.journal.sums import Rollups
from tests.conformance.journals import DATABASES
from tests.fakes.later import Later
from tests.proxy.stores.journal.test_batches import rows_of, written


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest) -> Later:
    """Each kind of database in turn."""
    return Later(DATABASES[request.param])


async def test_the_report_has_the_total_the_teams_and_the_models(engine: AsyncEngine) -> None:
    await written(engine, rows_of(21))
    alert = await daily_report(Rollups(engine), 20_001)
    assert (alert.kind, alert.cause) == ("daily_reports", "report:2024-10-05")
    assert alert.about["calls"] == 7
    assert alert.about["spend"] == (1007 + 1001 + 1016 + 1010 + 1004 + 1019 + 1013) / NANO
    assert "Spend Report for `2024-10-05`" in alert.message
    assert "Team: `" in alert.message
    assert "Model: `" in alert.message


async def test_a_day_without_calls_has_a_report_too(engine: AsyncEngine) -> None:
    alert = await daily_report(Rollups(engine), 20_001, "spend_reports")
    assert (alert.kind, alert.about["calls"]) == ("spend_reports", 0)
