"""Nobody spends more than his budget, however many call at once through however many gateways."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.crowd import BACKENDS, Crowd, gateways


async def one_call_costs(crowd: Crowd, model: str = "quick") -> int:
    await crowd.make_key()
    await crowd.run(1, model)
    for _ in range(40):
        if spent := await crowd.spent():
            return spent
        await asyncio.sleep(0.05)
    raise AssertionError("nothing was booked")


@pytest.mark.parametrize("backend", BACKENDS)
async def test_five_hundred_at_once_get_what_the_budget_pays_for(
    backend: str, tmp_path: Path
) -> None:
    with gateways(tmp_path, backend, 2) as found:
        crowd = Crowd(found)
        price = await one_call_costs(crowd)
        budget = 37 * price
        crowd.ends.clear()
        await crowd.make_key(max_budget=budget / 1e9)
        await crowd.run(500)
        await asyncio.sleep(0.5)
        spent = await crowd.spent()
        # Their money comes back as they end, so that others may have it.
        assert 35 * price <= spent <= budget, (crowd.ends, spent / price)
        assert crowd.ends["ok"] >= 35, crowd.ends
        assert set(crowd.ends) <= {"ok", "400"}, crowd.ends
        assert all(one["error"]["type"] == "budget_exceeded" for one in crowd.refusals)
        # Nothing stays held: what is left can be spent to the last call that fits.
        for _ in range(60):
            await crowd.run(1)
        await asyncio.sleep(0.3)
        assert 35 * price <= await crowd.spent() <= budget


@pytest.mark.parametrize("backend", ["embedded", "redis"])
async def test_streams_and_clients_that_leave_are_booked_too(backend: str, tmp_path: Path) -> None:
    with gateways(tmp_path, backend, 2) as found:
        crowd = Crowd(found)
        price = await one_call_costs(crowd, "slow")
        budget = 200 * price
        crowd.ends.clear()
        await crowd.make_key(max_budget=budget / 1e9)
        await crowd.run(200, "slow", manner="mixed")
        await asyncio.sleep(0.5)
        spent = await crowd.spent()
        assert 0 < spent <= budget
        assert set(crowd.ends) <= {"ok", "left", "400", "cut"}, crowd.ends
        assert crowd.ends["left"] > 0
