"""What is decided of choosing is plain, and remembers only where it must."""

from __future__ import annotations

from pipelines.routing.affinity import Stickiness
from pipelines.routing.choosing import Choosing


def test_nothing_is_remembered_unless_calls_stay_together() -> None:
    assert Choosing().affinity() is None
    assert Choosing(stickiness=Stickiness(caller=True)).affinity() is not None
    assert Choosing().strategy == "simple-shuffle"
