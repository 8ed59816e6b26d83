"""Ollama's embeddings.

The rule: words only; a prompt's count that is missing is not made up here.
Source: https://docs.ollama.com/api/embed
"""

from __future__ import annotations

from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.bridge import Interpreter
from pipelines.dialects.embeddings.openai import carry, consumed, texts
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import OneSided, WholeReader
from pipelines.vectors import EmbeddingCall, Vector

_KNOWN = frozenset({"truncate", "options", "keep_alive"})


class OllamaEmbeddings(OneSided):
    """`/api/embed`."""

    def render(
        self, meaning: EmbeddingCall, deployment: Deployment, losses: Losses
    ) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        body: dict[str, Any] = {"model": deployment.model, "input": texts(meaning, losses)}
        if meaning.dimensions is not None:
            body["dimensions"] = meaning.dimensions
        for name, value in (("user", meaning.user), ("input_type", meaning.purpose)):
            if value is not None:
                losses.dropped(name)
        carry(body, meaning, deployment, losses, _KNOWN)
        return body

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return OllamaReader(provider)


class OllamaReader(WholeReader):
    """Reads `embeddings`."""

    def document(self, value: dict[str, Any]) -> list[Any]:
        """The vectors, and their tokens. Raises UpstreamError where it is no answer."""
        found = value.get("embeddings")
        if not isinstance(found, list):
            raise self.no_answer(value)
        vectors: list[Any] = [Vector(at, one) for at, one in enumerate(found)]
        return vectors + consumed(value, "prompt_eval_count")


OLLAMA_EMBEDDINGS = OllamaEmbeddings("ollama-embeddings", "embeddings")
