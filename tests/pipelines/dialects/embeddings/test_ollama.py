"""The embeddings of Ollama, there and back; the tables stand in test_providers.py."""

from __future__ import annotations

from pipelines.dialects.embeddings.ollama import OLLAMA_EMBEDDINGS
from tests.pipelines.dialects.embeddings.translating import answered, called, rendered


def test_every_input_is_sent_and_its_vector_comes_back() -> None:
    assert "hello" in str(rendered(OLLAMA_EMBEDDINGS, called("hello")))
    document, _ = answered(OLLAMA_EMBEDDINGS, called("hello"), b'{"embeddings":[[1.0]]}')
    assert document["data"][0]["embedding"] == [1.0]
