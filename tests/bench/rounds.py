"""The rounds: every case visits every server in turn, and the next round goes the other way.

The rule: what is compared ran within the same minute, and each has been first as often as last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.bench.cases import AGAINST_DIRECT, CASES, Bench, Figures
from tests.bench.process import NotStarted
from tests.bench.targets import Server

Say = Callable[[str], None]


@dataclass(slots=True)
class Results:
    """One dictionary of figures for each server and round, and what else must be told."""

    figures: dict[str, list[Figures]]
    others: list[float] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)


def run_rounds(
    bench: Bench,
    servers: Sequence[Server],
    direct: Server,
    cases: Sequence[str],
    rounds: int,
    say: Say,
) -> Results:
    """Measure; a case that fails leaves a gap and a trouble."""
    results = Results({server.target.name: [] for server in (*servers, direct)})
    for number in range(rounds):
        for rows in results.figures.values():
            rows.append({})
        for name in cases:
            visited = [*servers, *([direct] if name in AGAINST_DIRECT else [])]
            shown = {server.target.name: "–" for server in visited}
            for server in visited if number % 2 == 0 else visited[::-1]:
                figures = _visit(bench, server, name, results)
                results.figures[server.target.name][-1].update(figures)
                shown[server.target.name] = " ".join(f"{one:.1f}" for one in figures.values())
            brief = "   ".join(f"{who} {what}" for who, what in shown.items())
            say(f"round {number + 1} of {rounds}  {name:8} {brief}")
    return results


def _visit(bench: Bench, server: Server, name: str, results: Results) -> Figures:
    figures: Figures = {}
    try:
        figures = CASES[name](bench, server)
    except NotStarted as error:
        results.troubles[str(error)] += 1
    for whose, ran in bench.runs:
        if ran.others is not None:
            results.others.append(ran.others)
        for kind, count in ran.printed.get("errors", {}).items():
            results.troubles[f"{whose}, {name}: {kind}"] += count
    bench.runs.clear()
    return figures
