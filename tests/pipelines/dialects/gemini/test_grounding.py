"""Grounding metadata and citations."""

from __future__ import annotations

from pipelines.deltas import CitationDelta
from pipelines.dialects.gemini.grounding import citations, grounding_of


def test_bytes_become_characters_and_bytes_again() -> None:
    text = "Grüße. Paris."
    cited = [CitationDelta("https://a.example", "A", "Paris.", 7, 13)]
    grounding = grounding_of(cited, text)
    assert grounding["groundingSupports"][0]["segment"]["startIndex"] == 9
    assert citations(grounding, text, 0) == cited


def test_sources_without_passages_are_kept() -> None:
    found = citations({"groundingChunks": [{"web": {"uri": "u", "title": "t"}}]}, "", 1)
    assert found == [CitationDelta("u", "t", choice=1)]
