"""The table: medians and ranges, ratios paired by round, and the targets beside them.

The rule: a figure is never better than what was measured; a mark whose range reaches across the
target says so with a `?`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.cases import Figures
from tests.bench.rounds import Results

HERE, FLOOR, BASE, DIRECT = "here", "floor", "base", "direct"
NONE = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: its figure, how it is shown, and what it is to reach."""

    title: str
    figure: str
    digits: int = 0
    limit: float | None = None
    over_floor: float | None = None
    added: bool = False
    by_load: bool = True


ROWS = (
    Row("CPU per request, 16 connections, µs", "request_us", 0, 205, 1.35),
    Row("CPU per chunk, 16 streams in bursts, µs", "burst_us", 2, 8, 1.35),
    Row("the same, for a client of Anthropic's, µs", "messages_us", 2, 12),
    Row("CPU per chunk, 100 streams × 50/s, µs", "paced_us", 1, 66, 1.35),
    Row("added to a call, one connection, p50 µs", "latency_p50_us", 0, 600, added=True),
    Row("added to a call, one connection, p99 µs", "latency_p99_us", 0, added=True),
    Row("added to the first chunk, p50 µs", "first_us", 0, added=True),
    Row("memory per open stream of 1,000, KB", "stream_kb", 1, 40),
    Row("start to the first healthy answer, s", "start_s", 2, 1.0, by_load=False),
    Row("idle resident memory, MB", "idle_mb", 1, 90, by_load=False),
)
WITHOUT = (
    ("a call p50", "latency_p50_us", 0),
    ("p99", "latency_p99_us", 0),
    ("first chunk p50", "first_us", 0),
)
Values = Sequence[float | None]


def values(row: Row, results: Results, name: str) -> list[float | None]:
    """A row's figure of one server, round by round; None where there is none."""
    rounds = results.figures.get(name, [])
    if not row.added:
        return [one.get(row.figure) for one in rounds]
    return [
        _less(one, without, row)
        for one, without in zip(rounds, results.figures[DIRECT], strict=True)
    ]


def _less(one: Figures, without: Figures, row: Row) -> float | None:
    if row.figure in one and row.figure in without:
        return one[row.figure] - without[row.figure]
    return None


def ratios(these: Values, those: Values) -> list[float]:
    """The ones over the others, paired by round."""
    return [
        a / b
        for a, b in zip(these, those, strict=True)
        if a is not None and b is not None and b > 0
    ]


def spread(found: Values, digits: int) -> str:
    """The median, and the range where there is more than one."""
    known = [one for one in found if one is not None]
    if not known:
        return NONE
    middle = f"{median(known):.{digits}f}"
    if len(known) == 1:
        return middle
    return f"{middle} ({min(known):.{digits}f}–{max(known):.{digits}f})"


def mark(found: Values, limit: float) -> str:
    """`ok` or `over` by the median, with a `?` where some rounds say the other."""
    known = [one for one in found if one is not None]
    if not known:
        return NONE
    verdict = "ok" if median(known) <= limit else "over"
    return verdict + ("?" if min(known) <= limit < max(known) else "")


def target(row: Row, here: Values, over_floor: Values, comparable: bool) -> str:
    """What a row is to reach, each with its mark."""
    parts = []
    if row.over_floor is not None:
        parts.append(f"{row.over_floor:g} × floor {mark(over_floor, row.over_floor)}")
    if row.limit is not None:
        counts = comparable or not row.by_load
        parts.append(f"{row.limit:g} {mark(here, row.limit) if counts else NONE}")
    return ", ".join(parts) or NONE


def table(results: Results, titles: Mapping[str, str], comparable: bool) -> str:
    """The whole table; `titles` are the heads of the servers that were measured."""
    heads = ["", titles[HERE]]
    others = [name for name in (FLOOR, BASE) if name in titles]
    for name in others:
        heads += [titles[name], f"over {name}"]
    lines = [[*heads, "target"]]
    for row in ROWS:
        here = values(row, results, HERE)
        cells = [row.title, spread(here, row.digits)]
        over_floor: Values = []
        for name in others:
            theirs = values(row, results, name)
            over = ratios(here, theirs)
            over_floor = over if name == FLOOR else over_floor
            cells += [spread(theirs, row.digits), spread(over, 2)]
        if any(cell != NONE for cell in cells[1:]):
            lines.append([*cells, target(row, here, over_floor, comparable)])
    return _aligned(lines)


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    left: Callable[[str, int], str] = str.ljust
    right: Callable[[str, int], str] = str.rjust
    ways = [left, *[right] * (len(widths) - 2), left]
    shown = [
        "| "
        + " | ".join(way(cell, width) for way, cell, width in zip(ways, line, widths, strict=True))
        + " |"
        for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([shown[0], rule, *shown[1:]])


def notes(results: Results, load_before: float, load_after: float) -> list[str]:
    """How far the figures can be believed."""
    said = []
    alone = [
        f"{words} {cell}"
        for words, figure, digits in WITHOUT
        if (cell := spread([one.get(figure) for one in results.figures[DIRECT]], digits)) != NONE
    ]
    if alone:
        said.append("without a gateway, µs: " + ", ".join(alone))
    if any("stream_kb" in one for one in results.figures[HERE]):
        said.append(
            "memory per stream is that of a fresh process; the rig's own figures are growth over "
            "what earlier cases left, and lower"
        )
    if results.others:
        middle, most = median(results.others), max(results.others)
        said.append(
            f"noise: other programs kept {middle:.2f} cores busy meanwhile (median of "
            f"{len(results.others)} runs; {most:.2f} at worst); load average "
            f"{load_before:.1f} before, {load_after:.1f} after"
        )
    said += [f"trouble: {what} ({count} times)" for what, count in results.troubles.items()]
    return said
