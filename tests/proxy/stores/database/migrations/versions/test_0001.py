"""The first step stays as it was released."""

from __future__ import annotations

from pathlib import Path

from proxy.stores.database.migrate import FOLDER

STEPS = Path(FOLDER) / "versions"


def test_the_steps_follow_each_other_by_number() -> None:
    names = sorted(path.stem for path in STEPS.glob("0*.py"))
    assert names == [f"{number:04d}" for number in range(1, len(names) + 1)]
