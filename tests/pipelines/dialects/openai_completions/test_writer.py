"""Deltas become a text completion."""

from __future__ import annotations

from pipelines.dialects.openai_completions.writer import scores_object


def test_a_token_knows_its_place_in_the_text() -> None:
    scores = scores_object({"content": [{"token": "ab"}, {"token": "c"}]}, 3)
    assert scores["text_offset"] == [3, 5]
