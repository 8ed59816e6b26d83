"""Embeddings, rankings and moderations: every provider's dialect, there and back, as it is kept."""

from __future__ import annotations

import json

import pytest

from pipelines.registry import DIALECTS
from tests.pipelines.dialects.small_golden import CASES, COMMAND, FOLDER, Case, whole

SMALL = {"embeddings", "rerank", "moderation"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_call_goes_there_and_back_as_its_golden_pair_says(case: Case) -> None:
    kept = json.loads((FOLDER / f"{case.name}.json").read_text("utf-8"))
    assert whole(case) == kept, f"if this is meant, run {COMMAND}"


def test_the_golden_pairs_are_those_of_the_cases() -> None:
    assert {DIALECTS[case.dialect].kind for case in CASES} == SMALL
    assert {file.stem for file in FOLDER.glob("*.json")} == {case.name for case in CASES}
