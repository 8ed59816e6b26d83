"""Gemini's embeddings.

The rule: each input is a request of its own within one batch, and the model is named in each.
Source: https://ai.google.dev/api/embeddings
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.bridge import Interpreter
from pipelines.dialects.embeddings.openai import consumed, purpose_in
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import OneSided, WholeReader
from pipelines.errors import UpstreamFailed
from pipelines.prompt import Image
from pipelines.vectors import EmbeddingCall, Input, Vector

TASKS: Mapping[str, str] = MappingProxyType(
    {
        "document": "RETRIEVAL_DOCUMENT",
        "query": "RETRIEVAL_QUERY",
        "classification": "CLASSIFICATION",
        "clustering": "CLUSTERING",
        "similarity": "SEMANTIC_SIMILARITY",
        "question_answering": "QUESTION_ANSWERING",
        "fact_verification": "FACT_VERIFICATION",
        "code_retrieval_query": "CODE_RETRIEVAL_QUERY",
    }
)


class GeminiEmbeddings(OneSided):
    """`:batchEmbedContents`."""

    def render(
        self, meaning: EmbeddingCall, deployment: Deployment, losses: Losses
    ) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        common: dict[str, Any] = {"model": f"models/{deployment.model.removeprefix('models/')}"}
        purpose = meaning.purpose or purpose_in(deployment.defaults)
        if purpose is not None:
            if purpose not in TASKS:
                raise losses.feature(f"the input type {purpose!r}")
            common["taskType"] = TASKS[purpose]
        if meaning.dimensions is not None:
            common["outputDimensionality"] = meaning.dimensions
        if meaning.user is not None:
            losses.dropped("user")
        for key, value in meaning.rest.items():
            if key == "title":
                common[key] = value
            else:
                losses.dropped(key)
        return {
            "requests": [
                {**common, "content": {"parts": [_part(one, losses)]}} for one in meaning.inputs
            ]
        }

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return GeminiReader(provider)


def _part(one: Input, losses: Losses) -> dict[str, Any]:
    if isinstance(one, list):
        raise losses.feature("lists of tokens in embeddings")
    if isinstance(one, Image):
        if not one.data:
            raise losses.feature("images by address in embeddings")
        return {"inlineData": {"mimeType": one.mime or "image/png", "data": one.data}}
    return {"text": one}


class GeminiReader(WholeReader):
    """Reads `embeddings[].values`; usage is there with newer models only."""

    def document(self, value: dict[str, Any]) -> list[Any]:
        """The vectors, and their tokens if told. Raises UpstreamError where it is no answer."""
        found = value.get("embeddings")
        if not isinstance(found, list):
            raise self.no_answer(value)
        deltas: list[Any] = []
        for at, one in enumerate(found):
            vector = one.get("values") if isinstance(one, Mapping) else None
            if not isinstance(vector, list):
                raise UpstreamFailed(f"{self.provider} answered with an entry that is no vector.")
            deltas.append(Vector(at, vector))
        return deltas + consumed(value.get("usageMetadata"), "promptTokenCount", "totalTokenCount")


GEMINI_EMBEDDINGS = GeminiEmbeddings("gemini-embeddings", "embeddings")
