"""Vertex AI's embeddings."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.deltas import Consumed
from pipelines.dialects.embeddings.vertex import VERTEX_EMBEDDINGS
from pipelines.dialects.losses import Losses
from pipelines.errors import Unsupported, UpstreamFailed
from pipelines.prompt import Image
from pipelines.usage import Usage
from pipelines.vectors import EmbeddingCall, Vector
from tests.builders import a_deployment

READ: Any = VERTEX_EMBEDDINGS.interpreter("Vertex")


def rendered(call: EmbeddingCall, losses: Losses | None = None) -> dict[str, object]:
    return VERTEX_EMBEDDINGS.render(call, a_deployment(), losses or Losses("Vertex"))


def test_each_input_is_an_instance() -> None:
    call = EmbeddingCall(
        "m", ["a", "b"], "openai", dimensions=64, purpose="query", rest={"title": "T"}
    )
    one = {"task_type": "RETRIEVAL_QUERY", "title": "T"}
    assert rendered(call) == {
        "instances": [{"content": "a", **one}, {"content": "b", **one}],
        "parameters": {"outputDimensionality": 64},
    }


def test_what_vertex_lacks_is_told() -> None:
    losses = Losses("Vertex")
    body = rendered(
        EmbeddingCall("m", ["a"], "openai", user="u", rest={"x": 1, "auto_truncate": False}), losses
    )
    assert body == {"instances": [{"content": "a"}], "parameters": {"autoTruncate": False}}
    assert losses.told == ["dropped:user", "dropped:x"]
    for one in ([1, 2], Image(data="A")):
        with pytest.raises(Unsupported):
            rendered(EmbeddingCall("m", [one], "openai"))
    with pytest.raises(Unsupported, match="'odd'"):
        rendered(EmbeddingCall("m", ["a"], "openai", purpose="odd"))


def test_vectors_and_their_tokens_are_read() -> None:
    one = {"embeddings": {"values": [0.5], "statistics": {"token_count": 3.0}}}
    assert READ.document({"predictions": [one, one]}) == [
        Vector(0, [0.5]),
        Vector(1, [0.5]),
        Consumed(Usage(prompt_tokens=6)),
    ]
    assert READ.document({"predictions": [{"embeddings": {"values": []}}]}) == [Vector(0, [])]


@pytest.mark.parametrize(
    "answer", [{}, {"predictions": [{}]}, {"predictions": [{"embeddings": 1}]}]
)
def test_anything_else_is_no_answer(answer: dict[str, object]) -> None:
    with pytest.raises(UpstreamFailed):
        READ.document(answer)
