"""The series of each metric: which labels they have, and where their numbers stand.

The rule: a metric has a bounded number of series; what finds no room is put under `other`, counted,
and never lost.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping
from math import nan

from proxy.config.metering import MetricSettings
from proxy.config.metric_catalog import METRICS, Metric
from proxy.telemetry.metric_cells import Cells

NONE = "None"
OTHER = "other"
# So many series may be told apart by model and status alone, after all others are taken.
SPARE = 64
LONGEST_VALUE = 128
DROPPED = "headgate_dropped_labels_total"
# These are given out by clients and operators without a bound; all others are the configuration's.
LOOSE = frozenset(
    {
        *("end_user", "user", "user_email", "client_ip", "user_agent", "hashed_api_key"),
        *("api_key_alias", "requested_model", "route", "model_group", "litellm_model_name"),
    }
)
_ESCAPES = str.maketrans(
    {"\\": "\\\\", '"': '\\"', "\n": " ", "\r": None, "\u2028": None, "\u2029": None}
)


class Family:
    """One metric with its series."""

    def __init__(
        self,
        metric: Metric,
        choice: MetricSettings,
        cells: Cells,
        dropped: Callable[[str], None],
    ) -> None:
        self.metric = metric
        self.labels = choice.labels_of(metric)
        self.buckets = metric.buckets or choice.buckets
        self._fills = choice.fills(metric)
        self._cells = cells
        self._dropped = dropped
        self._size = len(self.buckets) + 2 if metric.kind == "histogram" else 1
        with_end_users = choice.end_users and "end_user" in self.labels
        most = choice.most_histograms if metric.kind == "histogram" else choice.most
        self._most = choice.most_end_users if with_end_users else most
        self._series: dict[tuple[str, ...], int] = {}

    def __len__(self) -> int:
        return len(self._series)

    def at(self, values: Mapping[str, str]) -> int:
        """Where the numbers of these labels stand; a label without a value is `None`."""
        fills = self._fills
        key = tuple([(one in fills and values.get(one)) or NONE for one in self.labels])
        found = self._series.get(key)
        if found is not None:
            return found
        text = self._text(key)
        # Those of a dead process, which this one goes on with, count too.
        known = self._cells.own.places.get(self.metric.name, {})
        if text not in known and len(known) >= self._most:
            self._dropped(self.metric.name)
            loose = [one in LOOSE or one not in self.metric.labels for one in self.labels]
            key = tuple([OTHER if a else b for a, b in zip(loose, key, strict=True)])
            text = self._text(key)
            if text not in known and len(known) >= self._most + SPARE:
                text = self._text((OTHER,) * len(self.labels))
            return self._cells.room(self.metric.name, text, self._size)
        found = self._series[key] = self._cells.room(self.metric.name, text, self._size)
        if not found:
            self._dropped(self.metric.name)
        return found

    def _text(self, key: tuple[str, ...]) -> str:
        return ",".join(f'{a}="{escaped(b)}"' for a, b in zip(self.labels, key, strict=True))


class Families:
    """All metrics that are wanted."""

    def __init__(self, choice: MetricSettings, cells: Cells) -> None:
        self.cells = cells
        self.numbers = cells.numbers
        self._families = {
            name: Family(metric, choice, cells, self._drop)
            for name, metric in METRICS.items()
            if choice.shows(name)
        }
        self.clear_all_but(())

    def get(self, name: str) -> Family | None:
        """The metric of this name, or None where it is not wanted."""
        return self._families.get(name)

    def at(self, name: str, values: Mapping[str, str]) -> int:
        """Where the numbers of these labels stand; a place that nobody reads where the metric is
        not wanted."""
        family = self._families.get(name)
        return 0 if family is None else family.at(values)

    def add(self, name: str, amount: float = 1.0, **values: str) -> None:
        """Count."""
        self.numbers[self.at(name, values)] += amount

    def clear(self, names: Collection[str]) -> None:
        """Have these gauges say nothing until they are set again."""
        for name in names:
            family = self._families.get(name)
            if family is not None and family.metric.kind == "gauge":
                for start, _ in self.cells.own.places.get(name, {}).values():
                    self.numbers[start] = nan

    def clear_all_but(self, names: Collection[str]) -> None:
        """Have all gauges but these say nothing until they are set again."""
        self.clear([name for name in self._families if name not in names])

    def __iter__(self) -> Iterator[Family]:
        return iter(self._families.values())

    def _drop(self, name: str) -> None:
        if name != DROPPED:
            self.add(DROPPED, metric=name)


def observe(
    numbers: memoryview[float], start: int, buckets: tuple[float, ...], value: float
) -> None:
    """Count a value: its sum stands first, then one number for each bucket and one for the rest."""
    numbers[start] += value
    numbers[start + 1 + bisect_left(buckets, value)] += 1


def escaped(value: str) -> str:
    """A label's value as it may be shown; lone surrogates and what is too long are left out."""
    return value[:LONGEST_VALUE].encode("utf-8", "replace").decode().translate(_ESCAPES)
