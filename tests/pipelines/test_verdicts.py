"""The hub of moderations."""

from __future__ import annotations

from pipelines.verdicts import Judged, ModerationCall, Verdict


def test_nothing_is_shared_between_two_of_a_kind() -> None:
    calls = [ModerationCall("m", [], "f"), ModerationCall("m", [], "f")]
    assert calls[0].rest is not calls[1].rest
    assert Verdict(True, {}, {}).rest == {}
    assert Judged() == Judged("", "")
