"""What the parts of the gateway say of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from pipelines.errors import UpstreamFailed
from pipelines.record import Record
from pipelines.recordings import Recordings
from pipelines.routing.health import FEWEST
from pipelines.routing.routes import Routes
from proxy.background import Background
from proxy.config.metering import MetricSettings
from proxy.metering.meter import Meter
from proxy.metering.sources import Parts, Process, watch_all, watch_callbacks
from proxy.stores.ledger.breaker import FAILURES, Breaker
from proxy.stores.opening import Stores
from proxy.telemetry.callbacks import Callbacks
from proxy.telemetry.exporting import Exporter
from tests.builders import a_deployment
from tests.fakes.ports import FakeClock, fake_ports
from tests.proxy.metering.test_meter import shown
from tests.proxy.telemetry.test_metrics import OK

Shown = dict[str, list[tuple[dict[str, str], float]]]


class Spool:
    age, size = 2.5, 4096


class Journal:
    waiting, dropped, spool = 7, 1, Spool()


class FakeStores:
    journal = Journal()


class RedisLike:
    held = ("a", "b", "c")

    def __init__(self) -> None:
        self.breaker = Breaker(FakeClock().monotonic)
        for _ in range(FAILURES):
            self.breaker.failed()


async def of(stores: Any = None, **changes: Any) -> Shown:
    clock = FakeClock()
    given = fake_ports(routes=Routes((a_deployment("d1", rpm=60, tpm=1000),)))
    ports = replace(given, clock=clock, recordings=Recordings(), **changes)
    error = UpstreamFailed("no")
    for _ in range(FEWEST):
        ports.health.failed(ports.routes.deployments[0], error, clock.time(), False)
    ports.retry_budget.began("gpt", clock.monotonic())
    meter = Meter(MetricSettings(), ports.routes, clock)
    watch_all(meter, Parts(ports, cast(Stores | None, stores), Background(), clock))
    return await shown(meter)


async def test_a_deployments_state_limits_and_rests_are_shown() -> None:
    found = await of()
    ((labels, state),) = found["litellm_deployment_state"]
    assert state == 2.0
    assert labels == {
        "litellm_model_name": "gpt",
        "model_id": "d1",
        "api_base": "https://acme.example/v1",
        "api_provider": "acme",
    }
    assert [value for _, value in found["litellm_deployment_rpm_limit"]] == [60.0]
    assert [value for _, value in found["litellm_deployment_tpm_limit"]] == [1000.0]
    ((labels, count),) = found["litellm_deployment_cooled_down_total"]
    assert (labels["exception_status"], count) == (str(UpstreamFailed("no").status), 1.0)


async def test_memory_and_retries_are_shown() -> None:
    found = await of()
    for name in ("recordings", "recordings_bytes", "background_tasks", "holds"):
        assert found[f"headgate_{name}"] == [({}, 0.0)]
    ((labels, left),) = found["headgate_retry_budget_remaining"]
    assert labels == {"model_group": "gpt"}
    assert left == pytest.approx(10.2)


async def test_a_store_that_is_left_alone_is_shown() -> None:
    found = await of(ledger=RedisLike())
    assert found["headgate_holds"] == [({}, 3.0)]
    assert found["headgate_store_breaker_open"] == [({"store": "redis"}, 1.0)]


async def test_the_spool_is_shown_where_there_is_one() -> None:
    found = await of(stores=FakeStores())
    assert found["headgate_spool_depth"] == [({}, 7.0)]
    assert found["headgate_spool_age_seconds"] == [({}, 2.5)]
    assert found["headgate_spool_bytes"] == [({}, 4096.0)]
    assert found["headgate_records_lost_total"] == [({"sink": "database"}, 1.0)]
    assert "headgate_spool_depth" not in await of()


async def test_what_exporters_hand_over_lose_and_hold_is_shown() -> None:
    async def send(records: Sequence[Record]) -> int:
        return 0

    callbacks = Callbacks((), lambda callback: made[0], Background().spawn)
    made = [Exporter(name, send, FakeClock()) for name in ("langfuse", "langfuse", "s3")]
    made[0].counts.sent, made[0].counts.failed, made[0].counts.dropped = 5, 2, 1
    made[1].counts.sent = 4
    made[0].put(OK)
    callbacks.shared = tuple((one.name, one) for one in made)
    callbacks.dropped = 3
    meter = Meter(MetricSettings(), Routes(()), FakeClock())
    watch_callbacks(meter, callbacks)
    found = await shown(meter)
    langfuse, s3 = {"exporter": "langfuse"}, {"exporter": "s3"}
    assert found["headgate_exporter_queue"] == [(langfuse, 1.0), (s3, 0.0)]
    assert found["headgate_exported_total"] == [(langfuse, 9.0), (s3, 0.0)]
    assert found["headgate_records_lost_total"] == [
        ({"sink": "langfuse"}, 1.0),
        ({"sink": "s3"}, 0.0),
        ({"sink": "callbacks"}, 3.0),
    ]
    failed = found["litellm_callback_logging_failures_metric_total"]
    assert failed[0] == ({"callback_name": "langfuse"}, 2.0)


def test_what_the_system_does_not_tell_is_left_out(tmp_path: Path) -> None:
    names = [level.name for level in Process(tmp_path).levels()]
    assert names == [
        "headgate_build_info",
        "process_cpu_seconds_total",
        "process_start_time_seconds",
    ]
