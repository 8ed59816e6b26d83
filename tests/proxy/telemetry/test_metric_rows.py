"""The places of one kind of call."""

from __future__ import annotations

import pytest

from proxy.config.metering import MetricSettings
from proxy.config.metric_catalog import LATENCY_BUCKETS, METRICS
from proxy.telemetry.metric_cells import Cells
from proxy.telemetry.metric_families import Families
from proxy.telemetry.metric_rows import COUNTED, Row


def test_a_metric_gets_a_series_when_its_first_call_comes() -> None:
    families = Families(MetricSettings(), Cells())
    row = Row(families, {"model": "m"}, LATENCY_BUCKETS)
    assert not any(families.cells.own.places.values())
    place = row.hits
    assert place > 0
    assert row.hits == place
    assert [name for name, found in families.cells.own.places.items() if found] == [COUNTED["hits"]]


def test_only_metrics_that_there_are_can_be_counted() -> None:
    row = Row(Families(MetricSettings(), Cells()), {}, LATENCY_BUCKETS)
    assert set(COUNTED.values()) <= METRICS.keys()
    with pytest.raises(AttributeError):
        row.nonsense  # noqa: B018
