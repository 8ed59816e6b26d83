"""The models of embeddings at Amazon Bedrock: Titan's, Nova's and Cohere's, each in its own words.

The rule: the model's name tells the vendor, and a reply its shape; Titan and Nova take one input a
call, and more are refused rather than sent in turn.
Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html,
https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html and
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v3.html
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.bridge import Interpreter
from pipelines.dialects.embeddings.cohere import CohereReader, input_type
from pipelines.dialects.embeddings.openai import carry, consumed, image_url, purpose_in, texts
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import OneSided, WholeReader
from pipelines.errors import UpstreamFailed
from pipelines.prompt import Image
from pipelines.vectors import EmbeddingCall, Vector

_PURPOSES: Mapping[str, str] = MappingProxyType(
    {
        "document": "GENERIC_INDEX",
        "query": "GENERIC_RETRIEVAL",
        "classification": "CLASSIFICATION",
        "clustering": "CLUSTERING",
    }
)
_COHERE_KNOWN = frozenset({"truncate", "max_tokens"})
_TITAN_KNOWN = frozenset({"normalize"})
_NOTHING: frozenset[str] = frozenset()


class BedrockEmbeddings(OneSided):
    """`/model/{model}/invoke` with a model of embeddings."""

    def render(
        self, meaning: EmbeddingCall, deployment: Deployment, losses: Losses
    ) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        model = deployment.model
        if meaning.user is not None:
            losses.dropped("user")
        if "cohere." in model:
            body, known = _cohere(meaning, deployment, losses), _COHERE_KNOWN
        elif "nova" in model:
            body, known = _nova(meaning, deployment, losses), _NOTHING
        elif "titan" in model:
            body, known = _titan(meaning, model, losses), _TITAN_KNOWN
        else:
            raise losses.feature("embeddings of a model whose name does not tell its vendor")
        carry(body, meaning, deployment, losses, known)
        return body

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return BedrockReader(provider)


def _cohere(call: EmbeddingCall, deployment: Deployment, losses: Losses) -> dict[str, Any]:
    body: dict[str, Any]
    if all(isinstance(one, Image) for one in call.inputs):
        shown = [image_url(one) for one in call.inputs if isinstance(one, Image)]
        return {"images": shown, "input_type": "image"}
    body = {"texts": texts(call, losses), "input_type": input_type(call, deployment, losses)}
    if call.dimensions is not None:
        body["output_dimension"] = call.dimensions
    return body


def _titan(call: EmbeddingCall, model: str, losses: Losses) -> dict[str, Any]:
    if call.purpose is not None:
        losses.dropped("input_type")
    one = _only(call, losses)
    if isinstance(one, Image):
        body: dict[str, Any] = {"inputImage": _bytes(one, losses)}
    else:
        body = {"inputText": one}
    if call.dimensions is None:
        return body
    if "embed-image" in model:
        body["embeddingConfig"] = {"outputEmbeddingLength": call.dimensions}
    elif "text-v2" in model:
        body["dimensions"] = call.dimensions
    else:
        losses.knob("dimensions")
    return body


def _nova(call: EmbeddingCall, deployment: Deployment, losses: Losses) -> dict[str, Any]:
    purpose = call.purpose or purpose_in(deployment.defaults) or "document"
    if purpose not in _PURPOSES:
        raise losses.feature(f"the input type {purpose!r}")
    wanted: dict[str, Any] = {"embeddingPurpose": _PURPOSES[purpose]}
    if call.dimensions is not None:
        wanted["embeddingDimension"] = call.dimensions
    one = _only(call, losses)
    if isinstance(one, Image):
        kind = one.mime.rpartition("/")[2].replace("jpg", "jpeg") or "png"
        wanted["image"] = {"format": kind, "source": {"bytes": _bytes(one, losses)}}
    else:
        wanted["text"] = {"truncationMode": "END", "value": one}
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": wanted}


def _only(call: EmbeddingCall, losses: Losses) -> str | Image:
    if len(call.inputs) > 1:
        raise losses.feature("more than one input in a call")
    one = call.inputs[0]
    if isinstance(one, list):
        raise losses.feature("lists of tokens in embeddings")
    return one


def _bytes(image: Image, losses: Losses) -> str:
    if not image.data:
        raise losses.feature("images by address")
    return image.data


class BedrockReader(WholeReader):
    """Reads Titan's one vector, Nova's list of objects, or what Cohere sends."""

    def document(self, value: dict[str, Any]) -> list[Any]:
        """The vectors, and what they cost. Raises UpstreamError where it is no answer."""
        single, several = value.get("embedding"), value.get("embeddings")
        if isinstance(single, list):
            return [Vector(0, single), *consumed(value, "inputTextTokenCount")]
        if not isinstance(several, list) or not all(isinstance(one, Mapping) for one in several):
            return CohereReader(self.provider).document(value)
        found = [one.get("embedding") for one in several]
        if not all(isinstance(one, list) for one in found):
            raise UpstreamFailed(f"{self.provider} answered with an entry that is no vector.")
        return [Vector(at, one) for at, one in enumerate(found)]


BEDROCK_EMBEDDINGS = BedrockEmbeddings("bedrock-embeddings", "embeddings")
