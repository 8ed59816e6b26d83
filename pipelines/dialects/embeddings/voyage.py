"""Voyage's and Jina's embeddings, which are OpenAI's with names of their own.

The rule: a purpose that the provider has no word for is an error, none at all is none.
Sources: https://docs.voyageai.com/reference/embeddings-api and https://jina.ai/embeddings/
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.bridge import Interpreter
from pipelines.dialects.embeddings.openai import (
    OpenAIReader,
    carry,
    image_url,
    purpose_in,
    texts,
)
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import OneSided
from pipelines.prompt import Image
from pipelines.vectors import EmbeddingCall, Input

_VOYAGE_TYPES = MappingProxyType({"document": "document", "query": "query"})
_VOYAGE_KNOWN = frozenset({"truncation", "output_dtype"})
_JINA_TASKS = MappingProxyType(
    {
        "document": "retrieval.passage",
        "query": "retrieval.query",
        "classification": "classification",
        "clustering": "separation",
        "similarity": "text-matching",
        "code.query": "code.query",
        "code.passage": "code.passage",
        "nl2code.query": "nl2code.query",
        "nl2code.passage": "nl2code.passage",
    }
)
_JINA_KNOWN = frozenset({"late_chunking", "truncate", "normalized", "return_multivector"})


class VoyageEmbeddings(OneSided):
    """`/v1/embeddings` of Voyage."""

    def render(
        self, meaning: EmbeddingCall, deployment: Deployment, losses: Losses
    ) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        body: dict[str, Any] = {"model": deployment.model, "input": texts(meaning, losses)}
        _add(body, "input_type", _word(meaning, deployment, losses, _VOYAGE_TYPES))
        _add(body, "output_dimension", meaning.dimensions)
        if meaning.user is not None:
            losses.dropped("user")
        carry(body, meaning, deployment, losses, _VOYAGE_KNOWN)
        return body

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return OpenAIReader(provider)


class JinaEmbeddings(OneSided):
    """`/v1/embeddings` of Jina."""

    def render(
        self, meaning: EmbeddingCall, deployment: Deployment, losses: Losses
    ) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        mixed = any(isinstance(one, Image) for one in meaning.inputs)
        inputs = (
            [_jina_input(one, losses) for one in meaning.inputs]
            if mixed
            else texts(meaning, losses)
        )
        body: dict[str, Any] = {"model": deployment.model, "input": inputs}
        _add(body, "task", _word(meaning, deployment, losses, _JINA_TASKS))
        _add(body, "dimensions", meaning.dimensions)
        if meaning.user is not None:
            losses.dropped("user")
        carry(body, meaning, deployment, losses, _JINA_KNOWN)
        return body

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return OpenAIReader(provider)


def _jina_input(one: Input, losses: Losses) -> dict[str, str]:
    if isinstance(one, Image):
        return {"image": one.data or image_url(one)}
    if isinstance(one, list):
        raise losses.feature("lists of tokens in embeddings")
    return {"text": one}


def _word(
    call: EmbeddingCall, deployment: Deployment, losses: Losses, words: Mapping[str, str]
) -> str | None:
    purpose = call.purpose or purpose_in(deployment.defaults)
    if purpose is not None and purpose not in words:
        raise losses.feature(f"the input type {purpose!r}")
    return None if purpose is None else words[purpose]


def _add(body: dict[str, Any], name: str, value: object) -> None:
    if value is not None:
        body[name] = value


VOYAGE_EMBEDDINGS = VoyageEmbeddings("voyage-embeddings", "embeddings")
JINA_EMBEDDINGS = JinaEmbeddings("jina-embeddings", "embeddings")
