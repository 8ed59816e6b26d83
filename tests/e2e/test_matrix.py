"""A sample of the matrix: every client's SDK against recordings of every protocol.

The rule: the sample is fixed, so that a failure can be found again; `make matrix` runs all cells.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.fakes.recordings import needs_fixtures
from tests.matrix.run import CLIENTS, Cell, cells_of, matrix
from tests.matrix.subjects import subjects

# No multiple of the number of clients, so that each meets other recordings.
STEP = 31


def sample() -> list[Cell]:
    """Every so many cells, so chosen that each client meets each protocol."""
    found, _ = subjects()
    by_protocol = sorted(found, key=lambda one: (one.protocol, one.streamed, one.id))
    cells = list(cells_of(CLIENTS, by_protocol, crossed=False))
    return cells[::STEP]


@needs_fixtures()
def test_the_sdk_of_every_client_reads_what_the_recordings_hold(tmp_path: Path) -> None:
    cells = sample()
    with matrix(tmp_path, tuple({one.subject.id: one.subject for one in cells}.values())) as ours:
        results = list(ours.run(cells))
    failed = [(one.cell.name, one.told) for one in results if one.told and not one.excuse]
    assert failed == []
    assert set(Counter(one.client for one in cells)) == set(CLIENTS)
