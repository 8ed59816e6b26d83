"""Embeddings as Gemini's clients ask for them, one by one or in a batch.

The rule: the requests of a batch are for one purpose and of one size, since they are one call; what
says otherwise is an error. Source: https://ai.google.dev/api/embeddings
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deltas import Consumed
from pipelines.deployment import Deployment
from pipelines.dialects.bridge import Interpreter, Writer
from pipelines.dialects.gemini.faults import error_object
from pipelines.dialects.gemini.names import FAMILY, camelised
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import OneSided
from pipelines.errors import BadCall, GatewayError, UpstreamFailed
from pipelines.prompt import Image
from pipelines.vectors import EmbeddingCall, Input, Vector, unpacked

PURPOSES: Mapping[str, str] = MappingProxyType(
    {
        "RETRIEVAL_DOCUMENT": "document",
        "RETRIEVAL_QUERY": "query",
        "SEMANTIC_SIMILARITY": "similarity",
    }
)
_SHARED = ("taskType", "outputDimensionality", "title")


def parse(call: Call) -> EmbeddingCall:
    """What a call means. Raises BadCall."""
    said = camelised(call.json)
    requests = said.get("requests", [said])
    if not isinstance(requests, list) or not requests:
        raise BadCall("The field 'requests' must be a list of requests.", "requests")
    each = [_flat(one) for one in requests]
    first = each[0]
    for at, one in enumerate(each):
        if any(one.get(name) != first.get(name) for name in _SHARED):
            raise BadCall(f"The field 'requests[{at}]' asks for other vectors.", "requests")
    task, size = first.get("taskType"), first.get("outputDimensionality")
    known = isinstance(task, str) and task != "TASK_TYPE_UNSPECIFIED"
    return EmbeddingCall(
        model=call.model,
        inputs=[_input(one.get("content"), f"requests[{at}]") for at, one in enumerate(each)],
        family=FAMILY,
        dimensions=size if type(size) is int else None,
        purpose=PURPOSES.get(task, task.lower()) if known and isinstance(task, str) else None,
        rest={"title": first["title"]} if first.get("title") else {},
    )


def _flat(value: object) -> dict[str, Any]:
    request = camelised(value)
    return {**request, **camelised(request.pop("embedContentConfig", None))}


def _input(value: object, where: str) -> Input:
    parts = [{"text": value}] if isinstance(value, str) else camelised(value).get("parts")
    texts: list[str] = []
    for one in [parts] if isinstance(parts, Mapping) else parts or ():
        part = camelised(one)
        blob = camelised(part.get("inlineData"))
        if blob.get("data") and len(parts or ()) == 1:
            return Image(data=blob["data"], mime=blob.get("mimeType") or "")
        if not isinstance(part.get("text"), str):
            raise BadCall(f"The field '{where}.content' is neither text nor one picture.", where)
        texts.append(part["text"])
    if not texts:
        raise BadCall(f"The field '{where}.content' has no parts.", where)
    return "\n".join(texts)


class GeminiEmbeddingsWriter:
    """Collects vectors and writes them as one document; `single` where one was asked for."""

    def __init__(self, single: bool) -> None:
        self._single = single
        self._vectors: list[Vector] = []
        self._tokens: int | None = None

    def write(self, deltas: Sequence[Any]) -> bytes:
        """Nothing yet: the document is written at the end."""
        for one in deltas:
            if type(one) is Vector:
                self._vectors.append(one)
            elif type(one) is Consumed:
                self._tokens = one.usage.prompt_tokens
        return b""

    def close(self) -> bytes:
        """The document. Raises UpstreamFailed where a vector cannot be read."""
        self._vectors.sort(key=lambda one: one.index)
        found = [{"values": _floats(one)} for one in self._vectors]
        if self._single and not found:
            raise UpstreamFailed("The provider answered without a vector.")
        said: dict[str, Any] = {"embedding": found[0]} if self._single else {"embeddings": found}
        if self._tokens is not None:
            said["usageMetadata"] = {"promptTokenCount": self._tokens}
        return orjson.dumps(said)


def _floats(one: Vector) -> list[float]:
    try:
        return unpacked(one.values) if isinstance(one.values, str) else one.values
    except ValueError as error:
        raise UpstreamFailed(f"The provider answered with a bad vector: {error}.") from None


class GeminiEmbeddingCalls(OneSided):
    """`:embedContent` and `:batchEmbedContents`; `single` tells the first from the second."""

    def __init__(self, name: str, single: bool) -> None:
        super().__init__(name, "embeddings")
        self._single = single

    def parse(self, call: Call) -> EmbeddingCall:
        """What the call means. Raises BadCall."""
        return parse(call)

    def render(self, meaning: Any, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """Raises Unsupported: providers are asked in their own batches."""
        raise losses.feature("calls of Gemini's clients")

    def interpreter(self, provider: str) -> Interpreter:
        """Raises Unsupported."""
        raise self._refused()

    def writer(self, call: Call, id: str) -> Writer:
        """A writer for one reply."""
        return GeminiEmbeddingsWriter(self._single)

    def error(self, error: GatewayError) -> bytes:
        """The body of an error reply."""
        return orjson.dumps(error_object(error))


GEMINI_EMBED = GeminiEmbeddingCalls("gemini-embed", single=True)
GEMINI_EMBED_BATCH = GeminiEmbeddingCalls("gemini-embed-batch", single=False)
