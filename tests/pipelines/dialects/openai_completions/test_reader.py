"""A text completion becomes deltas."""

from __future__ import annotations

from pipelines.deltas import Finish, TextDelta
from pipelines.dialects.openai_completions.reader import CompletionInterpreter


def test_a_choice_without_a_reason_is_finished_all_the_same() -> None:
    reply = {"choices": [{"text": "a"}]}
    assert CompletionInterpreter("Acme").document(reply)[1:] == [TextDelta("a"), Finish("stop")]
