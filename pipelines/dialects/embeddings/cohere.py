"""Cohere's embeddings.

The rule: floats are asked for and turned into what the client wants; `input_type`, which Cohere
demands, is search_document unless the client or the operator says otherwise.
Source: https://docs.cohere.com/v2/reference/embed
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.bridge import Interpreter
from pipelines.dialects.embeddings.openai import carry, consumed, image_url, purpose_in, texts
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import OneSided, WholeReader
from pipelines.prompt import Image
from pipelines.vectors import EmbeddingCall, Vector

_INPUT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "document": "search_document",
        "query": "search_query",
        "classification": "classification",
        "clustering": "clustering",
        "image": "image",
    }
)
_KNOWN = frozenset({"truncate", "max_tokens", "priority"})


class CohereEmbeddings(OneSided):
    """`/v2/embed`."""

    def render(
        self, meaning: EmbeddingCall, deployment: Deployment, losses: Losses
    ) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        body: dict[str, Any] = {"model": deployment.model, "embedding_types": ["float"]}
        if any(isinstance(one, Image) for one in meaning.inputs):
            body["inputs"] = [{"content": [_part(one, losses)]} for one in meaning.inputs]
        else:
            body["texts"] = texts(meaning, losses)
        body["input_type"] = input_type(meaning, deployment, losses)
        if meaning.dimensions is not None:
            body["output_dimension"] = meaning.dimensions
        if meaning.user is not None:
            losses.dropped("user")
        carry(body, meaning, deployment, losses, _KNOWN)
        return body

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return CohereReader(provider)


def _part(one: object, losses: Losses) -> dict[str, Any]:
    if isinstance(one, Image):
        return {"type": "image_url", "image_url": {"url": image_url(one)}}
    if isinstance(one, list):
        raise losses.feature("lists of tokens in embeddings")
    return {"type": "text", "text": one}


def input_type(call: EmbeddingCall, deployment: Deployment, losses: Losses) -> str:
    """What the vectors are for, in Cohere's word. Raises Unsupported."""
    purpose = call.purpose or purpose_in(deployment.defaults)
    if purpose is None:
        losses.emulated("input_type")
        return "search_document"
    if purpose not in _INPUT_TYPES:
        raise losses.feature(f"the input type {purpose!r}")
    return _INPUT_TYPES[purpose]


class CohereReader(WholeReader):
    """Reads `embeddings` by type, or as the bare list that the older API sends."""

    def document(self, value: dict[str, Any]) -> list[Any]:
        """The vectors, and what is billed. Raises UpstreamError where it is no answer."""
        found = value.get("embeddings")
        if isinstance(found, Mapping):
            found = found.get("float")
        if not isinstance(found, list):
            raise self.no_answer(value)
        vectors: list[Any] = [Vector(at, one) for at, one in enumerate(found)]
        meta = value.get("meta")
        billed = meta.get("billed_units") if isinstance(meta, Mapping) else None
        return vectors + consumed(billed, "input_tokens")


COHERE_EMBEDDINGS = CohereEmbeddings("cohere-embeddings", "embeddings")
