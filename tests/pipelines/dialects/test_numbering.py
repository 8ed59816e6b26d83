"""Events are numbered alike, however they are cut into pieces."""

from __future__ import annotations

import pytest

from pipelines.dialects.numbering import Numbered
from pipelines.events import Data
from tests.builders import a_head

EVENTS = (b"data: 1\n\n", b"event: x\r\ndata: 2\r\n\r\n", b": ping\n\n", b"data: 3\n\n")


def body(change: Numbered, *pieces: bytes) -> bytes:
    return b"".join(
        event.raw for piece in pieces for event in change.take(Data(piece)) if type(event) is Data
    )


@pytest.mark.parametrize("seen", range(5))
@pytest.mark.parametrize("cut", range(1, 4))
def test_the_numbers_are_the_same_in_every_cut(seen: int, cut: int) -> None:
    pieces = (b"".join(EVENTS[:cut]), b"".join(EVENTS[cut:]))
    whole = b"".join(b"id: s:%d\n" % at + one for at, one in enumerate(EVENTS, 1) if at > seen)
    assert body(Numbered("s", seen), *pieces) == body(Numbered("s", seen), *EVENTS) == whole


def test_what_is_no_data_passes() -> None:
    head = a_head()
    assert [id(one) for one in Numbered("s").take(head)] == [id(head)]
