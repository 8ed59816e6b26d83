"""Embeddings as Gemini's clients ask for them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.deltas import Consumed
from pipelines.dialects.embeddings.gemini_clients import GEMINI_EMBED, GEMINI_EMBED_BATCH
from pipelines.dialects.losses import Losses
from pipelines.errors import BadCall, UnknownModel, Unsupported, UpstreamFailed
from pipelines.operations import EMBED_BATCH, EMBED_CONTENT
from pipelines.prompt import Image
from pipelines.usage import Usage
from pipelines.vectors import EmbeddingCall, Vector, packed
from tests.builders import a_call, a_deployment


def one(text: str, **fields: Any) -> dict[str, Any]:
    return {"model": "models/m", "content": {"parts": [{"text": text}]}, **fields}


def batch(*requests: Any) -> Call:
    return a_call(orjson.dumps({"requests": requests}), EMBED_BATCH, path_model="m")


def single(**body: Any) -> Call:
    return a_call(orjson.dumps(body), EMBED_CONTENT, path_model="m")


def test_a_batch_is_one_call_of_many_inputs() -> None:
    shared = {"taskType": "RETRIEVAL_QUERY", "outputDimensionality": 64}
    found = GEMINI_EMBED_BATCH.parse(batch(one("a", **shared), one("b", **shared)))
    assert found == EmbeddingCall("m", ["a", "b"], "gemini", dimensions=64, purpose="query")


def test_a_single_call_has_one_input() -> None:
    said = one("a", task_type="CODE_RETRIEVAL_QUERY", title="T")
    found = GEMINI_EMBED.parse(single(**said))
    assert (found.inputs, found.purpose) == (["a"], "code_retrieval_query")
    assert found.rest == {"title": "T"}


def test_settings_may_stand_in_a_config_of_their_own() -> None:
    config = {"taskType": "SEMANTIC_SIMILARITY", "outputDimensionality": 8}
    found = GEMINI_EMBED_BATCH.parse(batch(one("a", embedContentConfig=config)))
    assert (found.purpose, found.dimensions) == ("similarity", 8)


def test_a_picture_is_an_input_and_texts_are_joined() -> None:
    blob = {"inlineData": {"mimeType": "image/png", "data": "QQ=="}}
    assert GEMINI_EMBED.parse(single(content={"parts": [blob]})).inputs == [
        Image(data="QQ==", mime="image/png")
    ]
    parts = [{"text": "a"}, {"text": "b"}]
    assert GEMINI_EMBED.parse(single(content={"parts": parts})).inputs == ["a\nb"]


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [one("a"), one("b", taskType="CLUSTERING")],
        [{"content": {}}],
        [{"content": {"parts": [{}]}}],
    ],
)
def test_what_is_no_call_is_refused(requests: list[Any]) -> None:
    with pytest.raises(BadCall):
        GEMINI_EMBED_BATCH.parse(batch(*requests))


def test_vectors_are_written_in_the_order_of_the_inputs() -> None:
    writer = GEMINI_EMBED_BATCH.writer(batch(one("a")), "1")
    told: list[Any] = [Vector(1, packed([2.0])), Vector(0, [1.0]), Consumed(Usage(7))]
    assert writer.write(told) == b""
    assert orjson.loads(writer.close()) == {
        "embeddings": [{"values": [1.0]}, {"values": [2.0]}],
        "usageMetadata": {"promptTokenCount": 7},
    }


def test_one_vector_is_written_alone() -> None:
    writer = GEMINI_EMBED.writer(single(**one("a")), "1")
    vectors: list[Any] = [Vector(0, [1.0])]
    writer.write(vectors)
    assert orjson.loads(writer.close()) == {"embedding": {"values": [1.0]}}
    with pytest.raises(UpstreamFailed):
        GEMINI_EMBED.writer(single(**one("a")), "1").close()


def test_a_vector_that_cannot_be_read_is_an_error() -> None:
    writer = GEMINI_EMBED.writer(single(**one("a")), "1")
    vectors: list[Any] = [Vector(0, "no base64!")]
    writer.write(vectors)
    with pytest.raises(UpstreamFailed):
        writer.close()


def test_it_is_a_form_for_clients_only_with_googles_errors() -> None:
    call = EmbeddingCall("m", ["a"], "gemini")
    with pytest.raises(Unsupported):
        GEMINI_EMBED.render(call, a_deployment(), Losses("Acme"))
    with pytest.raises(Unsupported):
        GEMINI_EMBED.interpreter("Acme")
    assert orjson.loads(GEMINI_EMBED.error(UnknownModel("x")))["error"]["code"] == 404
