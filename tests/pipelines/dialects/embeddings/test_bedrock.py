"""Embeddings at Bedrock: each vendor is asked in its own words, and its vectors come back."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.dialects.embeddings.bedrock import BEDROCK_EMBEDDINGS
from pipelines.dialects.losses import Losses
from pipelines.errors import Unsupported, UpstreamFailed
from pipelines.usage import Usage
from tests.fakes.recordings import needs_fixtures, recordings
from tests.pipelines.dialects.embeddings.translating import answered, called, rendered

TITAN = "amazon.titan-embed-text-v2:0"
SHOWN = "amazon.titan-embed-image-v1"
NOVA = "amazon.nova-2-multimodal-embeddings-v1:0"
COHERE = "us.cohere.embed-v4:0"
PICTURE = "data:image/png;base64,AAAA"


def nova(**wanted: Any) -> dict[str, Any]:
    """Nova's body."""
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": wanted}


@pytest.mark.parametrize(
    ("model", "given", "fields", "body"),
    [
        (TITAN, "a", {}, {"inputText": "a"}),
        (TITAN, "a", {"dimensions": 256, "normalize": False},
         {"inputText": "a", "dimensions": 256, "normalize": False}),
        (SHOWN, PICTURE, {"dimensions": 256},
         {"inputImage": "AAAA", "embeddingConfig": {"outputEmbeddingLength": 256}}),
        (NOVA, "a", {"dimensions": 256},
         nova(embeddingPurpose="GENERIC_INDEX", embeddingDimension=256,
              text={"truncationMode": "END", "value": "a"})),
        (NOVA, PICTURE, {"input_type": "query"},
         nova(embeddingPurpose="GENERIC_RETRIEVAL",
              image={"format": "png", "source": {"bytes": "AAAA"}})),
        (COHERE, "a", {"input_type": "query", "dimensions": 512, "truncate": "END"},
         {"texts": ["a"], "input_type": "search_query", "output_dimension": 512,
          "truncate": "END"}),
        (COHERE, PICTURE, {}, {"images": [PICTURE], "input_type": "image"}),
    ],
)  # fmt: skip
def test_each_vendor_is_asked_in_its_own_words(
    model: str, given: str, fields: dict[str, Any], body: dict[str, Any]
) -> None:
    losses = Losses("Bedrock", strict=True)
    assert rendered(BEDROCK_EMBEDDINGS, called(given, **fields), losses, model=model) == body


@pytest.mark.parametrize(
    ("model", "inputs", "fields", "words"),
    [
        (TITAN, ["a", "b"], {}, "more than one input"),
        (NOVA, ["a", "b"], {}, "more than one input"),
        (TITAN, [[1, 2]], {}, "lists of tokens"),
        (SHOWN, ["https://x.example/a.png", {"image_url": "https://x.example/a.png"}], {}, "more"),
        (SHOWN, [{"image_url": "https://x.example/a.png"}], {}, "by address"),
        (NOVA, ["a"], {"input_type": "separating"}, "separating"),
        ("amazon.titan-embed-text-v1", ["a"], {"dimensions": 5}, "dimensions"),
        ("arn:aws:bedrock:eu-west-1:1:provisioned-model/x", ["a"], {}, "its vendor"),
    ],
)
def test_what_a_vendor_lacks_is_refused(
    model: str, inputs: list[Any], fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(Unsupported, match=words):
        rendered(BEDROCK_EMBEDDINGS, called(*inputs, **fields), model=model)


def test_what_has_no_weight_is_told_as_dropped() -> None:
    losses = Losses("Bedrock")
    rendered(BEDROCK_EMBEDDINGS, called("a", input_type="query", user="u"), losses, model=TITAN)
    assert losses.told == ["dropped:user", "dropped:input_type"]
    losses = Losses("Bedrock")
    rendered(BEDROCK_EMBEDDINGS, called("a", "b"), losses, model=COHERE)
    assert losses.told == ["emulated:input_type"]


@pytest.mark.parametrize(
    ("reply", "vectors", "usage"),
    [
        ({"embedding": [0.5], "inputTextTokenCount": 3}, [[0.5]], Usage(3)),
        ({"embeddings": [[0.5], [1.0]], "id": "1", "texts": ["a", "b"]}, [[0.5], [1.0]], None),
        ({"embeddings": {"float": [[0.5]]}}, [[0.5]], None),
        ({"embeddings": [{"embeddingType": "TEXT", "embedding": [0.5]}]}, [[0.5]], None),
    ],
)
def test_every_vendors_vectors_come_back(
    reply: dict[str, Any], vectors: list[list[float]], usage: Usage | None
) -> None:
    document, bridge = answered(BEDROCK_EMBEDDINGS, called("a", "b"), orjson.dumps(reply))
    assert [one["embedding"] for one in document["data"]] == vectors
    assert bridge.usage.estimated if usage is None else bridge.usage == usage


@pytest.mark.parametrize("reply", [{}, {"embeddings": [{}]}, {"embedding": 7}])
def test_what_holds_no_vector_is_the_providers_failure(reply: dict[str, Any]) -> None:
    with pytest.raises(UpstreamFailed):
        answered(BEDROCK_EMBEDDINGS, called("a"), orjson.dumps(reply))


@needs_fixtures()
def test_the_recorded_call_is_the_one_that_we_would_send() -> None:
    (recording,) = [one for one in recordings() if "nova-2-multimodal" in one.name]
    assert recording.request is not None
    wanted = recording.request["singleEmbeddingParams"]
    call = called(wanted["text"]["value"], dimensions=wanted["embeddingDimension"])
    losses = Losses("Bedrock", strict=True)
    assert rendered(BEDROCK_EMBEDDINGS, call, losses, model=NOVA) == recording.request
    document, _ = answered(BEDROCK_EMBEDDINGS, call, recording.whole)
    held = orjson.loads(recording.whole)["embeddings"][0]["embedding"]
    assert document["data"][0]["embedding"] == held
