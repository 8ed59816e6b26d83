"""The catalogue of metrics."""

from __future__ import annotations

import re

from proxy.config.metric_catalog import HEADGATE, LATENCY_BUCKETS, LITELLM, METRICS, Metric


def test_every_name_is_listed_once() -> None:
    assert len(METRICS) == len(LITELLM) + len(HEADGATE)


def test_counters_end_in_total_where_they_are_shown() -> None:
    assert Metric("calls", "counter", "").shown == "calls_total"
    assert Metric("calls_total", "counter", "").shown == "calls_total"
    assert Metric("calls", "gauge", "").shown == "calls"


def test_names_labels_and_buckets_are_good_ones() -> None:
    for metric in METRICS.values():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name)
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", label) for label in metric.labels)
        assert len(set(metric.labels)) == len(metric.labels)
        assert list(metric.buckets) == sorted(set(metric.buckets))
        assert metric.help
        assert "\n" not in metric.help
    assert list(LATENCY_BUCKETS) == sorted(set(LATENCY_BUCKETS))
