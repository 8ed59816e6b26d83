"""The embeddings of Voyage, there and back; the tables stand in test_providers.py."""

from __future__ import annotations

from pipelines.dialects.embeddings.voyage import VOYAGE_EMBEDDINGS
from tests.pipelines.dialects.embeddings.translating import answered, called, rendered


def test_every_input_is_sent_and_its_vector_comes_back() -> None:
    assert "hello" in str(rendered(VOYAGE_EMBEDDINGS, called("hello")))
    document, _ = answered(VOYAGE_EMBEDDINGS, called("hello"), b'{"data":[{"embedding":[1.0]}]}')
    assert document["data"][0]["embedding"] == [1.0]
