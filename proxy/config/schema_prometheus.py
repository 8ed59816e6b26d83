"""The active keys of `litellm_settings` that the metrics have.

The rule: as in `schema.py`, of whose section they are a part.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from proxy.config.fields import Flag, Names, Positive


class PrometheusKeys(BaseModel):
    """Which metrics there are, with which labels, and who may read them."""

    require_auth_for_metrics_endpoint: Flag | None = None
    enable_end_user_cost_tracking_prometheus_only: Flag | None = None
    disable_end_user_cost_tracking_prometheus_only: Flag | None = None
    custom_prometheus_metadata_labels: Names | None = None
    custom_prometheus_tags: Names | None = None
    prometheus_metrics_config: list[Any] | None = None
    prometheus_exclude_metrics: Names | None = None
    prometheus_exclude_labels: Names | None = None
    prometheus_latency_buckets: list[Any] | None = None
    prometheus_metrics_max_series_per_metric: Positive | None = None
    prometheus_end_user_metrics_max_series_per_metric: Positive | None = None
    prometheus_emit_stream_label: Flag | None = None
