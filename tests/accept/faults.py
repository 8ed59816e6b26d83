"""`make accept-faults`: every fault of a provider under every strategy, streamed and whole.

The rule: no call fails while a healthy deployment is there, and none is later than its deadline.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.failover import DEADLINE, STRATEGIES, Outcome, faulty, met
from tests.e2e.gateway import running
from tests.e2e.provider import provider_thread


def head(strategies: Sequence[str]) -> str:
    """The first lines of the table."""
    return f"| fault | form | {' | '.join(strategies)} |\n|---|---|{'---|' * len(strategies)}"


def row(outcomes: list[Outcome]) -> str:
    """One line of the table: of each strategy, answered / calls, tries of the faulty one, and the
    slowest call in seconds."""
    fault = outcomes[0].fault
    cells = (
        f"{one.calls - len(one.failures)}/{one.calls}, {one.asked}, {one.slowest:.2f}"
        + ("" if one.good else " !")
        for one in outcomes
    )
    form = "stream" if fault.stream else "whole"
    return f"| {fault.words} | {form} | {' | '.join(cells)} |"


def main() -> int:
    """Print the table; the exit code says whether all of it is good."""
    columns: list[list[Outcome]] = []
    strategies = sys.argv[1:] or STRATEGIES
    for strategy in strategies:
        with (
            provider_thread() as provider,
            tempfile.TemporaryDirectory() as folder,
            running(Path(folder), faulty(provider, strategy)) as gateway,
        ):
            columns.append(met(gateway, provider))
    print(f"answered / calls, tries of the faulty one, slowest (s); the deadline is {DEADLINE:g} s")
    print(head(strategies), *(row(list(line)) for line in zip(*columns, strict=True)), sep="\n")
    bad = [one for column in columns for one in column if not one.good]
    for one in bad:
        print(f"{one.fault.group}: {one.asked} asked, {one.slowest:.2f} s, {one.failures[:2]}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
