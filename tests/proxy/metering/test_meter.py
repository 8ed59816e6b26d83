"""The gauges, and the text of a scrape."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipelines.routing.routes import Routes
from proxy.clock import SystemClock
from proxy.config.metering import MetricSettings
from proxy.metering import meter as meters
from proxy.metering.meter import ASKED_EVERY, SHOWN_FOR, TURN, TURNS, Level, Meter
from tests.fakes.ports import FakeClock
from tests.proxy.telemetry.test_metrics import OK

LEFT = "litellm_remaining_user_budget_metric"


def a_meter(clock: FakeClock | None = None, **settings: Any) -> Meter:
    return Meter(MetricSettings(**settings), Routes(()), clock or FakeClock())


async def shown(meter: Meter) -> dict[str, list[tuple[dict[str, str], float]]]:
    text = b"".join([piece async for piece in meter.text()]).decode()
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found.setdefault(one.name, []).append((one.labels, one.value))
    return found


async def test_calls_and_what_others_say_are_shown() -> None:
    meter = a_meter()
    meter.put(OK)
    levels = [Level("headgate_holds", 3.0), Level("headgate_nonsense", 1.0)]
    meter.watch(lambda: levels)
    found = await shown(meter)
    assert found["headgate_holds"] == [({}, 3.0)]
    assert found["headgate_workers"] == [({}, 1.0)]
    assert len(found["litellm_proxy_total_requests_metric_total"]) == 1
    assert "headgate_nonsense" not in found
    levels.clear()
    assert "headgate_holds" not in await shown(meter)


async def test_a_counter_of_somebody_elses_goes_on_from_where_others_left_it() -> None:
    meter, other = a_meter(), Level("headgate_records_lost_total", 4.0, {"sink": "s"})
    levels = [other]
    meter.watch(lambda: levels)
    await shown(meter)
    assert (await shown(meter))["headgate_records_lost_total"] == [({"sink": "s"}, 4.0)]
    levels[0] = Level("headgate_records_lost_total", 6.0, {"sink": "s"})
    assert (await shown(meter))["headgate_records_lost_total"] == [({"sink": "s"}, 6.0)]


async def test_the_event_loops_lag_is_the_longest_of_late() -> None:
    class Slow(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            self.now += 0.25 if len(self.sleeps) == 2 else 0.0
            if len(self.sleeps) > TURNS:
                await asyncio.sleep(3600)

    clock = Slow()
    meter = a_meter(clock)
    task = asyncio.create_task(meter.run())
    for _ in range(10):
        await asyncio.sleep(0)
    task.cancel()
    assert clock.sleeps[0] == TURN
    ((_, lag),) = (await shown(meter))["headgate_event_loop_lag_seconds"]
    assert lag == pytest.approx(0.25)


async def test_stores_are_asked_at_a_scrape_and_not_at_each() -> None:
    clock, asked = FakeClock(), []
    meter = a_meter(clock)

    async def ask() -> Iterable[Level]:
        asked.append(clock.now)
        return [Level(LEFT, 5.0 - len(asked), {"user": f"u{len(asked)}"})]

    meter.ask(ask)
    assert (await shown(meter))[LEFT] == [({"user": "u1"}, 4.0)]
    assert (await shown(meter))[LEFT] == [({"user": "u1"}, 4.0)]
    clock.now += ASKED_EVERY
    assert (await shown(meter))[LEFT] == [({"user": "u2"}, 3.0)]
    assert len(asked) == 2


async def test_a_store_that_does_not_answer_holds_no_scrape_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(meters, "PATIENCE", 0.01)
    meter = a_meter()

    async def ask() -> Iterable[Level]:
        await asyncio.sleep(3600)
        return []

    meter.ask(ask)
    assert "headgate_workers" in await shown(meter)


async def test_a_budget_that_is_not_asked_for_again_is_shown_no_more() -> None:
    clock = FakeClock()
    meter = a_meter(clock)

    async def ask() -> Iterable[Level]:
        return [Level(LEFT, 1.0, {"user": "u"})]

    meter.ask(ask)
    await shown(meter)
    clock.now += SHOWN_FOR + 1
    meter.refresh()
    place = meter.families.at(LEFT, {"user": "u"})
    assert meter.families.numbers[place] != meter.families.numbers[place]


async def test_two_of_one_folder_are_one(tmp_path: Path) -> None:
    settings = MetricSettings(folder=tmp_path)
    one, two = (Meter(settings, Routes(()), SystemClock()) for _ in range(2))
    one.put(OK)
    two.put(OK)
    two.refresh()
    found = await shown(one)
    assert found["headgate_workers"] == [({}, 2.0)]
    ((_, calls),) = found["litellm_proxy_total_requests_metric_total"]
    assert calls == 2
    two.close()
    assert (await shown(one))["headgate_workers"] == [({}, 1.0)]
    one.close()


async def test_a_folder_that_cannot_be_used_keeps_no_gateway_from_starting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    meter = a_meter(folder=tmp_path / "file" / "metrics")
    assert (await shown(meter))["headgate_workers"] == [({}, 1.0)]
