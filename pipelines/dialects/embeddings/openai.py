"""OpenAI's embeddings: the dialect of every client, and of most providers.

The rule: vectors go out in the order of their inputs and in the form that the client asked for.
Source: https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deltas import Consumed
from pipelines.deployment import Deployment
from pipelines.dialects.bridge import BYTES_PER_TOKEN
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import WholeReader
from pipelines.dialects.openai import GATEWAY_FIELDS
from pipelines.dialects.openai_chat.parse import split_data_url
from pipelines.errors import BadCall, UpstreamFailed
from pipelines.prompt import Image
from pipelines.usage import Usage
from pipelines.vectors import EmbeddingCall, Input, Vector, packed, unpacked

FAMILY = "openai-embeddings"

# The words by which providers' own clients name a purpose, in one.
_PURPOSES: Mapping[str, str] = MappingProxyType(
    {
        "search_document": "document",
        "retrieval_document": "document",
        "retrieval.passage": "document",
        "passage": "document",
        "search_query": "query",
        "retrieval_query": "query",
        "retrieval.query": "query",
        "separation": "clustering",
        "semantic_similarity": "similarity",
        "text-matching": "similarity",
    }
)
_PURPOSE_FIELDS = ("input_type", "task", "task_type", "taskType")
_UNDERSTOOD = frozenset(
    {"model", "input", "dimensions", "encoding_format", "user", "stream", *_PURPOSE_FIELDS}
)


def parse(call: Call) -> EmbeddingCall:
    """What a body means. Raises BadCall."""
    body = call.json
    dimensions = body.get("dimensions")
    if dimensions is not None and type(dimensions) is not int:
        raise BadCall("The field 'dimensions' must be an integer.", "dimensions")
    encoding = body.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise BadCall("The field 'encoding_format' must be float or base64.", "encoding_format")
    return EmbeddingCall(
        model=call.model,
        inputs=_inputs(body["input"]),
        family=FAMILY,
        dimensions=dimensions,
        encoding=encoding,
        user=body.get("user"),
        purpose=purpose_in(body),
        rest={
            key: value
            for key, value in body.items()
            if key not in _UNDERSTOOD and key not in GATEWAY_FIELDS
        },
    )


def purpose_in(fields: Mapping[str, Any]) -> str | None:
    """What the vectors are for, by whichever of the providers' fields says it."""
    for name in _PURPOSE_FIELDS:
        said = fields.get(name)
        if isinstance(said, str) and said:
            return _PURPOSES.get(said.lower(), said.lower())
    return None


def _inputs(value: object) -> list[Input]:
    if isinstance(value, list) and value and type(value[0]) is int:
        value = [value]
    items = value if isinstance(value, list) else [value]
    if not items:
        raise BadCall("The field 'input' is empty.", "input")
    return [_input(one, f"input[{at}]") for at, one in enumerate(items)]


def _input(one: object, where: str) -> Input:
    if isinstance(one, str):
        # LiteLLM's clients send pictures as bare data URLs.
        return _image(one) if one.startswith("data:image/") else one
    if isinstance(one, list) and one and all(type(token) is int for token in one):
        return one
    if isinstance(one, Mapping):
        if isinstance(one.get("text"), str):
            return str(one["text"])
        shown = one.get("image") or one.get("image_url")
        url = shown.get("url") if isinstance(shown, Mapping) else shown
        if isinstance(url, str) and url:
            return _image(url)
    raise BadCall(f"The field '{where}' is no text, no list of tokens and no picture.", where)


def _image(url: str) -> Image:
    mime, data = split_data_url(url)
    return Image(data=data, mime=mime) if data else Image(url=url)


def image_url(image: Image) -> str:
    """The picture as an address that holds it, or leads to it."""
    return image.url or f"data:{image.mime or 'image/png'};base64,{image.data}"


def render(call: EmbeddingCall, deployment: Deployment, losses: Losses) -> dict[str, Any]:
    """The body for a provider. Raises Unsupported."""
    body: dict[str, Any] = {"model": deployment.model, "input": texts(call, losses, tokens=True)}
    if call.dimensions is not None:
        body["dimensions"] = call.dimensions
    if call.user is not None:
        body["user"] = call.user
    if call.purpose is not None and call.family != FAMILY:
        losses.dropped("input_type")
    ours = call.family == FAMILY
    known = frozenset(call.with_defaults(deployment.defaults)) if ours else frozenset[str]()
    carry(body, call, deployment, losses, known)
    return body


def texts(call: EmbeddingCall, losses: Losses, tokens: bool = False) -> list[Any]:
    """The inputs for a provider of words, and with `tokens` of token lists. Raises Unsupported."""
    for one in call.inputs:
        if isinstance(one, Image):
            raise losses.feature("images in embeddings")
        if isinstance(one, list) and not tokens:
            raise losses.feature("lists of tokens in embeddings")
    return list(call.inputs)


def carry(
    body: dict[str, Any],
    call: EmbeddingCall,
    deployment: Deployment,
    losses: Losses,
    known: frozenset[str],
) -> None:
    """Put into the body what rides along, where the provider knows it; tell the rest as lost."""
    for key, value in call.with_defaults(deployment.defaults).items():
        if key in known:
            body.setdefault(key, value)
        elif key in call.rest:
            losses.dropped(key)


class OpenAIReader(WholeReader):
    """Reads a reply in OpenAI's shape, which Voyage and Jina send too."""

    def document(self, value: dict[str, Any]) -> list[Any]:
        """The vectors, and what they cost. Raises UpstreamError where it is no answer."""
        data = value.get("data")
        if not isinstance(data, list):
            raise self.no_answer(value)
        deltas: list[Any] = []
        for at, one in enumerate(data):
            vector = one.get("embedding") if isinstance(one, Mapping) else None
            if not isinstance(vector, list | str):
                raise UpstreamFailed(f"{self.provider} answered with an entry that is no vector.")
            index = one.get("index")
            deltas.append(Vector(index if type(index) is int else at, vector))
        usage = value.get("usage")
        return deltas + consumed(usage, "prompt_tokens", "total_tokens")


def consumed(usage: object, *names: str) -> list[Any]:
    """The tokens of the inputs by the first of the fields that counts them, if any does."""
    for name in names if isinstance(usage, Mapping) else ():
        count = usage.get(name)  # type: ignore[attr-defined]
        if isinstance(count, int | float) and not isinstance(count, bool):
            return [Consumed(Usage(prompt_tokens=int(count)))]
    return []


class OpenAIWriter:
    """Collects a reply and writes it as one document."""

    def __init__(self, call: Call) -> None:
        self._model = call.model
        self._encoding = call.json.get("encoding_format") or "float"
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
        """The document. Raises UpstreamFailed where a vector cannot be written as was asked."""
        self._vectors.sort(key=lambda one: one.index)
        return orjson.dumps(
            {
                "object": "list",
                "data": [
                    {"object": "embedding", "index": one.index, "embedding": self._form(one)}
                    for one in self._vectors
                ],
                "model": self._model,
                "usage": {"prompt_tokens": self._tokens, "total_tokens": self._tokens},
            }
        )

    def _form(self, one: Vector) -> list[float] | str:
        try:
            if self._encoding == "base64":
                return one.values if isinstance(one.values, str) else packed(one.values)
            return unpacked(one.values) if isinstance(one.values, str) else one.values
        except ValueError as error:
            raise UpstreamFailed(f"The provider answered with a bad vector: {error}.") from None
