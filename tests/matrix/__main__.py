"""`python -m tests.matrix`: run the matrix, tell what failed, and write a report.

The rule: it ends with 1 where a cell did not pass.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from tests.fakes.recordings import fixtures_missing
from tests.matrix.run import CLIENTS, Result, cells_of, matrix
from tests.matrix.subjects import subjects


def main(arguments: list[str]) -> int:
    """Run what the arguments name."""
    options = _options(arguments)
    if fixtures_missing():
        print(fixtures_missing(), file=sys.stderr)
        return 2
    found, rest = subjects()
    chosen = tuple(one for one in found if fnmatch(one.recording.name, options.recording))
    clients = [one for one in CLIENTS if fnmatch(one, options.client)]
    with tempfile.TemporaryDirectory() as folder, matrix(Path(folder), chosen) as cells:
        results = list(cells.run(cells_of(clients, chosen, options.crossed)))
    failed = [one for one in results if one.told and not one.excuse]
    for one in failed:
        print(f"{one.cell.name} {one.cell.subject.recording.name}")
        for line in one.told:
            print(f"    {line}")
    text = report(results, rest)
    print(text.partition("\n## ")[0])
    if options.report:
        Path(options.report).write_text(text, "utf-8")
    return 1 if failed else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--client", default="*", help=f"one of {', '.join(CLIENTS)}, or a pattern")
    parser.add_argument("--recording", default="*", help="a pattern for folder/name")
    parser.add_argument("--report", help="the file for the report, in Markdown")
    parser.add_argument(
        "--crossed", action="store_true", help="ask for a stream where none was recorded, too"
    )
    return parser.parse_args(arguments)


def report(results: Iterable[Result], rest: Iterable[tuple[str, str, str]]) -> str:
    """The counts, every cell that failed, and every recording that could not be asked for."""
    results = list(results)
    protocols = sorted({one.cell.subject.protocol for one in results})
    passed: Counter[tuple[str, str]] = Counter()
    excused = sum(1 for one in results if one.excuse)
    failed = sum(1 for one in results if one.told) - excused
    asked: Counter[tuple[str, str]] = Counter()
    for one in results:
        place = (one.cell.client, one.cell.subject.protocol)
        asked[place] += 1
        passed[place] += not one.told
    counts = f"{sum(passed.values())} of {len(results)} cells passed, {excused} cannot"
    lines = ["# The matrix", "", f"{counts}, {failed} failed.", ""]
    lines += [f"| client | {' | '.join(protocols)} |", "| --- " * (len(protocols) + 1) + "|"]
    for client in dict.fromkeys(one.cell.client for one in results):
        row = [f"{passed[client, one]}/{asked[client, one]}" for one in protocols]
        lines.append(f"| {client} | {' | '.join(row)} |")
    lines += ["", "## Cells that did not pass", ""]
    lines += [_told(one) for one in results if one.told and not one.excuse]
    lines += ["", "## Cells that cannot pass", ""]
    lines += [_told(one) for one in results if one.excuse]
    lines += ["", "## Recordings that are no generation the gateway speaks", ""]
    lines += [f"- {name} ({endpoint}): {reason}" for name, endpoint, reason in rest]
    return "\n".join(lines) + "\n"


def _told(one: Result) -> str:
    name = f"{one.cell.name} ({one.cell.subject.recording.name})"
    return f"- {name}: {one.excuse or '; '.join(one.told)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
