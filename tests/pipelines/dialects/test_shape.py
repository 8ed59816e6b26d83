"""What has not the shape of its format is noticed, and is somebody's error."""

from __future__ import annotations

from typing import Any, cast

import pytest

from pipelines.deltas import (
    AudioDelta,
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    ImageDelta,
    LogprobsDelta,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolBegin,
)
from pipelines.dialects.shape import MOST, check, misshapen
from pipelines.usage import Usage

ODD: Any = {"a": 1}
GOOD: tuple[Delta, ...] = (
    Begin("id", "m", 1), TextDelta("x"), ThoughtDelta("x", "s"), ToolBegin(0, "id", "n"),
    ImageDelta("x", "image/png"), AudioDelta({}), CitationDelta(start=1), RefusalDelta("x"),
    LogprobsDelta({}), Finish("stop"), Consumed(Usage(1, 2)),
)  # fmt: skip
BAD: tuple[Delta, ...] = (
    Begin(ODD), Begin(model=ODD), Begin(created=ODD), ThoughtDelta(ODD), ThoughtDelta(data=ODD),
    ToolBegin(0, ODD, "n"), ToolBegin(0, "id", ODD), ImageDelta(ODD, ""), AudioDelta(cast(Any, 1)),
    CitationDelta(url=ODD), CitationDelta(start=ODD), RefusalDelta(ODD),
    LogprobsDelta(cast(Any, 1)),
    Finish(ODD), Finish("stop", ODD), Consumed(Usage(MOST)), Consumed(Usage(1, -1)),
)  # fmt: skip


@pytest.mark.parametrize("delta", GOOD, ids=lambda one: type(one).__name__)
def test_what_is_well_shaped_passes(delta: Delta) -> None:
    check(delta)


@pytest.mark.parametrize("delta", BAD, ids=repr)
def test_a_field_of_another_type_is_noticed(delta: Delta) -> None:
    with pytest.raises(TypeError):
        check(delta)


def test_a_misshapen_call_is_its_callers_error() -> None:
    error = misshapen(TypeError("'int' object is not iterable"))
    assert error.status == 400
    assert "'int' object is not iterable" in error.message
