"""Embeddings of Vertex AI.

The rule: each input is an instance, and its tokens are counted beside its vector.
Source: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.deltas import Consumed
from pipelines.deployment import Deployment
from pipelines.dialects.bridge import Interpreter
from pipelines.dialects.embeddings.gemini import TASKS
from pipelines.dialects.embeddings.openai import purpose_in
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import OneSided, WholeReader
from pipelines.errors import UpstreamFailed
from pipelines.usage import Usage
from pipelines.vectors import EmbeddingCall, Input, Vector

# What a client may write into its body for Vertex.
_PARAMETERS = ("autoTruncate", "auto_truncate")


class VertexEmbeddings(OneSided):
    """`:predict`."""

    def render(
        self, meaning: EmbeddingCall, deployment: Deployment, losses: Losses
    ) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        common: dict[str, Any] = {}
        parameters: dict[str, Any] = {}
        purpose = meaning.purpose or purpose_in(deployment.defaults)
        if purpose is not None:
            if purpose not in TASKS:
                raise losses.feature(f"the input type {purpose!r}")
            common["task_type"] = TASKS[purpose]
        if meaning.dimensions is not None:
            parameters["outputDimensionality"] = meaning.dimensions
        if meaning.user is not None:
            losses.dropped("user")
        for key, value in meaning.rest.items():
            if key == "title":
                common[key] = value
            elif key in _PARAMETERS:
                parameters["autoTruncate"] = value
            else:
                losses.dropped(key)
        instances = [{"content": _text(one, losses), **common} for one in meaning.inputs]
        return {"instances": instances, **({"parameters": parameters} if parameters else {})}

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return VertexReader(provider)


def _text(one: Input, losses: Losses) -> str:
    if isinstance(one, list):
        raise losses.feature("lists of tokens in embeddings")
    if not isinstance(one, str):
        raise losses.feature("images in embeddings")
    return one


class VertexReader(WholeReader):
    """Reads `predictions[].embeddings`."""

    def document(self, value: dict[str, Any]) -> list[Any]:
        """The vectors and their tokens. Raises UpstreamError where it is no answer."""
        found = value.get("predictions")
        if not isinstance(found, list):
            raise self.no_answer(value)
        deltas: list[Any] = []
        tokens: list[int] = []
        for at, one in enumerate(found):
            held = one.get("embeddings") if isinstance(one, Mapping) else None
            vector = held.get("values") if isinstance(held, Mapping) else None
            if not isinstance(held, Mapping) or not isinstance(vector, list):
                raise UpstreamFailed(f"{self.provider} answered with an entry that is no vector.")
            deltas.append(Vector(at, vector))
            count = (held.get("statistics") or {}).get("token_count")
            if isinstance(count, int | float) and not isinstance(count, bool):
                tokens.append(int(count))
        return [*deltas, Consumed(Usage(prompt_tokens=sum(tokens)))] if tokens else deltas


VERTEX_EMBEDDINGS = VertexEmbeddings("vertex-embeddings", "embeddings")
