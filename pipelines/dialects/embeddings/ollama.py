"""Ollama's embeddings: the endpoint for many inputs, and the older one for a single prompt.

The rule: words only; a prompt's count that is missing is not made up here.
Sources: https://docs.ollama.com/api/embed, https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deltas import Consumed
from pipelines.deployment import Deployment
from pipelines.dialects import upstream_errors
from pipelines.dialects.base import Gauge
from pipelines.dialects.bridge import BYTES_PER_TOKEN, Interpreter, Writer
from pipelines.dialects.embeddings.openai import carry, consumed, texts
from pipelines.dialects.frames import Frames, LineFrames
from pipelines.dialects.losses import Losses
from pipelines.dialects.ollama.dialect import error_body, forwarded
from pipelines.dialects.ollama.fields import FAMILY, OPTIONS, place
from pipelines.dialects.ollama.gauge import OllamaWholeGauge
from pipelines.dialects.one_sided import WholeReader
from pipelines.errors import BadCall, GatewayError, UpstreamError, UpstreamFailed
from pipelines.events import Headers, Media
from pipelines.vectors import EmbeddingCall, Vector, unpacked

_UNDERSTOOD = frozenset({"model", "input", "prompt", "dimensions", "options", "stream"})
_KNOWN = frozenset({"truncate", "options", "keep_alive"})


class OllamaEmbeddings:
    """One of the two: `holds` is the reply's field, `asks` the call's."""

    kind = "embeddings"
    media = Media.JSON

    def __init__(self, name: str, asks: str, holds: str) -> None:
        self.name = name
        self._asks = asks
        self._holds = holds

    def forward(self, call: Call, deployment: Deployment) -> bytes:
        """The body for a provider that speaks this dialect too. Raises BadCall."""
        return forwarded(call, deployment)

    def gauge(self, call: Call, deployment: Deployment) -> Gauge:
        """A watcher for the reply to a forwarded call."""
        tokens = len(call.raw) // BYTES_PER_TOKEN
        return OllamaWholeGauge(deployment.provider.title, tokens, (self._holds,))

    def parse(self, call: Call) -> EmbeddingCall:
        """What the call means. Raises BadCall."""
        body = call.json
        given = body[self._asks]
        inputs = given if isinstance(given, list) else [given]
        if not inputs or not all(isinstance(one, str) for one in inputs):
            raise BadCall(f"The field {self._asks!r} must be a text or a list of them.", self._asks)
        dimensions = body.get("dimensions")
        if dimensions is not None and type(dimensions) is not int:
            raise BadCall("The field 'dimensions' must be an integer.", "dimensions")
        options = body.get("options") or {}
        if not isinstance(options, dict):
            raise BadCall("The field 'options' must be an object.", "options")
        fields = {**{key: body[key] for key in body.keys() - _UNDERSTOOD}, **options}
        rest = {key: value for key, value in fields.items() if value is not None}
        return EmbeddingCall(call.model, list(inputs), FAMILY, dimensions=dimensions, rest=rest)

    def render(
        self, meaning: EmbeddingCall, deployment: Deployment, losses: Losses
    ) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        inputs = texts(meaning, losses)
        if self._asks == "prompt" and len(inputs) > 1:
            raise losses.feature("several inputs in one call")
        body: dict[str, Any] = {"model": deployment.model, self._asks: inputs}
        if self._asks == "prompt":
            body["prompt"] = inputs[0]
        if meaning.dimensions is not None:
            body["dimensions"] = meaning.dimensions
        for name, value in (("user", meaning.user), ("input_type", meaning.purpose)):
            if value is not None:
                losses.dropped(name)
        carry(body, meaning, deployment, losses, _KNOWN | OPTIONS)
        options = {key: body.pop(key) for key in OPTIONS & body.keys()}
        place(body, options)
        return body

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return OllamaReader(provider)

    def frames(self, media: Media) -> Frames:
        """Lines, which no provider sends here."""
        return LineFrames()

    def writer(self, call: Call, id: str) -> Writer:
        """A writer for one reply."""
        return OllamaWriter(call, self._holds)

    def upstream_error(
        self, status: int, headers: Headers, body: bytes, deployment: Deployment
    ) -> UpstreamError:
        """What a provider's error reply means."""
        return upstream_errors.upstream_error(status, headers, body, deployment.provider.title)

    def error(self, error: GatewayError) -> bytes:
        """The body of an error reply."""
        return error_body(error)

    def error_events(self, error: GatewayError) -> bytes:
        """The line that would end a broken stream."""
        return error_body(error) + b"\n"


class OllamaReader(WholeReader):
    """Reads `embeddings`, or the older one's `embedding`."""

    def document(self, value: dict[str, Any]) -> list[Any]:
        """The vectors, and their tokens. Raises UpstreamError where it is no answer."""
        found = value.get("embeddings")
        if found is None and isinstance(value.get("embedding"), list):
            found = [value["embedding"]]
        if not isinstance(found, list):
            raise self.no_answer(value)
        vectors: list[Any] = [Vector(at, one) for at, one in enumerate(found)]
        return vectors + consumed(value, "prompt_eval_count")


class OllamaWriter:
    """Collects a reply and writes it as one document."""

    def __init__(self, call: Call, holds: str) -> None:
        self._model = call.model
        self._holds = holds
        self._tokens = len(call.raw) // BYTES_PER_TOKEN
        self._vectors: list[Vector] = []

    def write(self, deltas: Sequence[Any]) -> bytes:
        """Nothing yet: the document is written at the end."""
        for one in deltas:
            if type(one) is Vector:
                self._vectors.append(one)
            elif type(one) is Consumed:
                self._tokens = one.usage.prompt_tokens
        return b""

    def close(self) -> bytes:
        """The document. Raises UpstreamFailed where a vector is none."""
        self._vectors.sort(key=lambda one: one.index)
        try:
            vectors = [
                unpacked(one.values) if isinstance(one.values, str) else one.values
                for one in self._vectors
            ]
        except ValueError as error:
            raise UpstreamFailed(f"The provider answered with a bad vector: {error}.") from None
        if self._holds == "embedding":
            return orjson.dumps({"embedding": vectors[0] if vectors else []})
        return orjson.dumps(
            {
                "model": self._model,
                "embeddings": vectors,
                "total_duration": 0,
                "load_duration": 0,
                "prompt_eval_count": self._tokens,
            }
        )


OLLAMA_EMBED = OllamaEmbeddings("ollama-embed", "input", "embeddings")
OLLAMA_EMBEDDINGS = OllamaEmbeddings("ollama-embeddings", "prompt", "embedding")
