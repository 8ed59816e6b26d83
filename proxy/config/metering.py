"""Decides which metrics there are, with which labels, and who may read them.

The rule: LiteLLM's keys; a name that is not known is told, and never keeps the gateway from
starting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proxy.config.environment import first_set
from proxy.config.metric_catalog import LATENCY_BUCKETS, METRICS, Metric
from proxy.config.parts import Parts
from proxy.config.problems import Trail
from proxy.config.references import Reading
from proxy.config.storage import StorageSettings

# Where LiteLLM's workers meet, too.
FOLDERS = ("PROMETHEUS_MULTIPROC_DIR",)
FOLDER = "metrics"
MOST = 1000
# One of a histogram is as long as forty others.
MOST_HISTOGRAMS = 250
# Filled where the operator asks for them by name, for they tell apart nearly every client.
BY_WISH = frozenset({"client_ip", "user_agent"})

_OURS = ("headgate_", "process_")
_NO_LABEL = re.compile(r"[^a-zA-Z0-9_]")
_SECTION: Trail = ("litellm_settings",)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSettings:
    """What the operator wants of the metrics: `only` these (None: all), `labels` of single ones,
    nothing of what is `without`; `buckets` in seconds. `metadata` and `tags` are further labels,
    each with what it shows. At most `most` series a metric, `most_histograms`
    a histogram, and `most_end_users` of those with end
    users, who are told apart with `end_users` alone. They are read by everybody where `public`,
    else by admins and whoever has the `token`; several processes meet in the `folder`, if any."""

    only: frozenset[str] | None = None
    labels: Mapping[str, frozenset[str]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    without_labels: frozenset[str] = frozenset()
    buckets: tuple[float, ...] = LATENCY_BUCKETS
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    end_users: bool = False
    stream: bool = False
    most: int = MOST
    most_histograms: int = MOST_HISTOGRAMS
    most_end_users: int = MOST
    public: bool = False
    token: str | None = field(default=None, repr=False)
    folder: Path | None = None

    def shows(self, name: str) -> bool:
        """Whether this metric is wanted; the gateway's own always are, unless they are excluded."""
        chosen = self.only is None or name in self.only or name.startswith(_OURS)
        return chosen and name not in self.without

    def labels_of(self, metric: Metric) -> tuple[str, ...]:
        """The labels that the metric has."""
        labels = metric.labels
        if metric.kind != "gauge" and not metric.name.startswith(_OURS):
            more = [*self.metadata, *self.tags]
            if self.stream and metric.name == "litellm_proxy_total_requests_metric":
                more.append("stream")
            labels = (*labels, *(one for one in more if one not in labels))
        wanted = self.labels.get(metric.name)
        return tuple(
            one
            for one in labels
            if one not in self.without_labels and (wanted is None or one in wanted)
        )

    def fills(self, metric: Metric) -> frozenset[str]:
        """The labels of the metric that have values, and not just `None`."""
        left = BY_WISH - self.labels.get(metric.name, frozenset())
        if not self.end_users and metric.kind != "gauge":
            left |= {"end_user"}
        return frozenset(self.labels_of(metric)) - left


def metering(parts: Parts, reading: Reading, stored: StorageSettings) -> MetricSettings:
    """Which metrics there are."""
    litellm, own = parts.litellm, parts.own
    only, labels = _groups(litellm.prometheus_metrics_config, reading)
    reading.references.vault.keep(own.metrics_token or "")
    most = litellm.prometheus_metrics_max_series_per_metric
    end_users = litellm.enable_end_user_cost_tracking_prometheus_only is True
    return MetricSettings(
        only=only,
        labels=labels,
        without=frozenset(_known(litellm.prometheus_exclude_metrics, _NAMES, "metrics", reading)),
        without_labels=frozenset(
            _known(litellm.prometheus_exclude_labels, _LABELS, "labels", reading)
        ),
        buckets=_buckets(litellm.prometheus_latency_buckets, reading),
        metadata={
            label_name(name): name.removeprefix("metadata.")
            for name in litellm.custom_prometheus_metadata_labels or ()
        },
        tags={label_name(f"tag_{tag}"): tag for tag in litellm.custom_prometheus_tags or ()},
        end_users=end_users and litellm.disable_end_user_cost_tracking_prometheus_only is not True,
        stream=litellm.prometheus_emit_stream_label is True,
        most=most or MOST,
        most_histograms=most or MOST_HISTOGRAMS,
        most_end_users=litellm.prometheus_end_user_metrics_max_series_per_metric or MOST,
        public=litellm.require_auth_for_metrics_endpoint is False,
        token=own.metrics_token,
        folder=_folder(own.metrics_dir, reading, stored),
    )


def label_name(text: str) -> str:
    """A name that Prometheus takes for a label."""
    name = _NO_LABEL.sub("_", text)
    return name if name and not name[0].isdigit() else f"_{name}"


_NAMES = frozenset(METRICS)
_LABELS = frozenset(label for metric in METRICS.values() for label in metric.labels)


def _folder(named: str | None, reading: Reading, stored: StorageSettings) -> Path | None:
    found = first_set(reading.env, FOLDERS)
    given = named or (found[1] if found else None)
    if given is not None:
        return Path(given).expanduser()
    return stored.folder / FOLDER if stored.shared else None


def _groups(
    given: list[Any] | None, reading: Reading
) -> tuple[frozenset[str] | None, Mapping[str, frozenset[str]]]:
    if not given:
        return None, {}
    only: set[str] = set()
    labels: dict[str, frozenset[str]] = {}
    for index, group in enumerate(given):
        trail: Trail = (*_SECTION, "prometheus_metrics_config", index)
        if not isinstance(group, Mapping) or not isinstance(group.get("metrics"), list):
            reading.problems.warning(trail, "expected a group with a list of metrics; left out")
            continue
        names = list(_those(group["metrics"], _NAMES, (*trail, "metrics"), reading))
        only.update(names)
        wanted = group.get("include_labels")
        if isinstance(wanted, list):
            for name in names:
                labels[name] = labels.get(name, frozenset()) | frozenset(map(str, wanted))
    return frozenset(only), labels


def _known(
    given: list[Any] | None, names: frozenset[str], what: str, reading: Reading
) -> Iterator[str]:
    return _those(given or [], names, (*_SECTION, f"prometheus_exclude_{what}"), reading)


def _those(
    given: list[Any], names: frozenset[str], trail: Trail, reading: Reading
) -> Iterator[str]:
    for one in map(str, given):
        if one in names:
            yield one
        else:
            reading.problems.warning(trail, f"{one[:80]} is not shown here, and is left out")


def _buckets(given: list[Any] | None, reading: Reading) -> tuple[float, ...]:
    if not given:
        return LATENCY_BUCKETS
    try:
        found = tuple(sorted({float(one) for one in given} - {float("inf")}))
    except (TypeError, ValueError):
        found = ()
    if not found:
        trail = (*_SECTION, "prometheus_latency_buckets")
        reading.problems.warning(trail, "expected a list of seconds; the usual ones are used")
        return LATENCY_BUCKETS
    return found
