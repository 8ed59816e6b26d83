"""Numbers that outlive their process, and are added up over several."""

from __future__ import annotations

import subprocess
import sys
from math import nan
from pathlib import Path

import pytest

from proxy.telemetry.metric_cells import CAPACITY, RESERVE, SCRATCH, Cells, merged
from tests.architecture.tree import ROOT

# A process that counts, says so, and waits to be killed.
COUNTS = """
import sys
from pathlib import Path
from proxy.telemetry.metric_cells import Cells
cells = Cells(Path(sys.argv[1]), "s")
cells.numbers[cells.room("calls", "", 1)] += float(sys.argv[2])
print("ready", flush=True)
sys.stdin.read()
"""


def counting(folder: Path, count: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", COUNTS, str(folder), str(count)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def total(cells: Cells, name: str = "calls", merge: str | None = None) -> dict[str, list[float]]:
    return dict(merged(list(cells.slots()), name, merge))


def test_numbers_are_given_out_once_for_each_name_and_labels() -> None:
    cells = Cells()
    first = cells.room("a", 'x="1"', 1)
    assert first >= SCRATCH
    assert cells.room("a", 'x="1"', 1) == first
    assert len({first, cells.room("a", 'x="2"', 1), cells.room("b", 'x="1"', 1)}) == 3


def test_where_all_is_taken_is_counted_where_nobody_reads() -> None:
    cells = Cells()
    most = CAPACITY - SCRATCH - RESERVE
    assert cells.room("a", "", most) == SCRATCH
    assert cells.room("a", "more", 2) == 0
    assert cells.room("a", "small", 1) == SCRATCH + most
    cells.numbers[0] += 1
    assert total(cells, "a")[""][0] == 0


def test_a_number_of_another_length_is_none_that_is_known() -> None:
    cells = Cells()
    cells.room("a", "", 2)
    assert cells.room("a", "", 3) == 0


def test_two_processes_are_added_up(tmp_path: Path) -> None:
    mine = Cells(tmp_path, "s")
    mine.numbers[mine.room("calls", "", 1)] += 4
    other = counting(tmp_path, 3)
    assert total(mine) == {"": [7.0]}
    killed(other)
    assert total(mine) == {"": [7.0]}
    mine.close()


def test_who_starts_next_goes_on_with_what_a_killed_process_counted(tmp_path: Path) -> None:
    mine = Cells(tmp_path, "s")
    mine.room("calls", "", 1)
    for _ in range(5):
        killed(counting(tmp_path, 3))
    assert total(mine) == {"": [15.0]}
    assert len(list(tmp_path.glob("*.cells"))) == 2
    mine.close()


def test_where_nobody_runs_any_more_all_begins_anew(tmp_path: Path) -> None:
    killed(counting(tmp_path, 3))
    mine = Cells(tmp_path, "s")
    assert total(mine) == {}
    mine.close()


def test_what_has_another_form_is_not_added(tmp_path: Path) -> None:
    other = counting(tmp_path, 3)
    mine = Cells(tmp_path, "other buckets")
    assert total(mine) == {}
    killed(other)
    third = Cells(tmp_path, "other buckets")
    third.numbers[third.room("calls", "", 1)] += 1
    assert total(mine) == {"": [1.0]}
    mine.close()
    third.close()


def test_a_line_that_was_not_ended_hides_no_later_one(tmp_path: Path) -> None:
    mine = Cells(tmp_path, "s")
    killed(counting(tmp_path, 3))
    with (tmp_path / "1.index").open("ab") as index:
        index.write(b'["calls","torn')
    other = counting(tmp_path, 2)
    assert total(mine) == {"": [5.0]}
    killed(other)
    mine.close()


@pytest.mark.parametrize(("merge", "value"), [("sum", 5.0), ("max", 3.0), ("min", 2.0)])
def test_gauges_are_those_of_the_living(tmp_path: Path, merge: str, value: float) -> None:
    mine = Cells(tmp_path, "s")
    mine.numbers[mine.room("calls", "", 1)] = 2
    other = counting(tmp_path, 3)
    assert total(mine, merge=merge) == {"": [value]}
    killed(other)
    assert total(mine, merge=merge) == {"": [2.0]}
    mine.numbers[mine.room("calls", "", 1)] = nan
    assert total(mine, merge=merge) == {}
    mine.close()


def test_the_files_of_a_process_that_ended_well_are_taken_over(tmp_path: Path) -> None:
    first, second = Cells(tmp_path, "s"), Cells(tmp_path, "s")
    second.numbers[second.room("calls", "", 1)] += 1
    second.close()
    third = Cells(tmp_path, "s")
    third.numbers[third.room("calls", "", 1)] += 1
    assert total(first) == {"": [2.0]}
    first.close()
    third.close()
