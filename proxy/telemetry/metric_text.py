"""The metrics as the text that Prometheus reads.

The rule: it is made in short pieces, so that no call waits for a scrape.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proxy.telemetry.metric_cells import Slot, merged
from proxy.telemetry.metric_families import Families, Family

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# A millisecond's work.
LINES = 500


def pieces(families: Families, slots: Sequence[Slot]) -> Iterator[str]:
    """The text of all metrics that have any series, in pieces of a millisecond or two each."""
    for family in families:
        metric = family.metric
        merge = metric.merge if metric.kind == "gauge" else None
        text: list[str] = []
        lines, begun = 0, False
        for labels, numbers in merged(slots, metric.name, merge):
            if not begun:
                begun = True
                text.append(f"# HELP {metric.shown} {metric.help}.\n")
                text.append(f"# TYPE {metric.shown} {metric.kind}\n")
            if metric.kind == "histogram":
                text += _buckets(family, labels, numbers)
                lines += len(numbers)
            else:
                text.append(
                    f"{_series(metric.shown, labels)} {_number(numbers[0] / metric.unit)}\n"
                )
                lines += 1
            if lines >= LINES:
                yield "".join(text)
                text, lines = [], 0
        yield "".join(text)


def _buckets(family: Family, labels: str, numbers: Sequence[float]) -> Iterator[str]:
    name = family.metric.name
    start = f"{labels}," if labels else ""
    count = 0.0
    for bound, value in zip((*map(repr, family.buckets), "+Inf"), numbers[1:], strict=True):
        count += value
        yield f'{name}_bucket{{{start}le="{bound}"}} {_number(count)}\n'
    yield f"{_series(f'{name}_count', labels)} {_number(count)}\n"
    yield f"{_series(f'{name}_sum', labels)} {_number(numbers[0])}\n"


def _series(name: str, labels: str) -> str:
    return f"{name}{{{labels}}}" if labels else name


def _number(value: float) -> str:
    return repr(value)
