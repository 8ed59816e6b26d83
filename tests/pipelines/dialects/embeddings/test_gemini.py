"""The embeddings of Gemini, there and back; the tables stand in test_providers.py."""

from __future__ import annotations

from pipelines.dialects.embeddings.gemini import GEMINI_EMBEDDINGS
from tests.pipelines.dialects.embeddings.translating import answered, called, rendered


def test_every_input_is_sent_and_its_vector_comes_back() -> None:
    assert "hello" in str(rendered(GEMINI_EMBEDDINGS, called("hello")))
    document, _ = answered(GEMINI_EMBEDDINGS, called("hello"), b'{"embeddings":[{"values":[1.0]}]}')
    assert document["data"][0]["embedding"] == [1.0]
