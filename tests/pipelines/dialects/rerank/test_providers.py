"""What only providers speak: Voyage calls the results data."""

from __future__ import annotations

from pipelines.dialects.rerank.providers import VoyageReader
from pipelines.ranking import Billed, Ranked


def test_voyages_data_are_results() -> None:
    reply = {"data": [{"index": 1, "relevance_score": 0.5}]}
    assert VoyageReader("Voyage").document(reply) == [Billed(), Ranked(1, 0.5)]
