"""Rankings at Bedrock: Amazon's and Cohere's models, by either spelling of a score."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.dialects.losses import Losses
from pipelines.dialects.rerank.bedrock import BEDROCK_RERANK
from pipelines.dialects.rerank.clients import RERANK
from tests.builders import a_deployment
from tests.pipelines.dialects.rerank.test_clients import answered, ranked

AMAZON = "arn:aws:bedrock:us-west-2::foundation-model/amazon.rerank-v1:0"


@pytest.mark.parametrize(
    ("model", "more"),
    [(AMAZON, {}), ("cohere.rerank-v3-5:0", {"api_version": 2, "max_tokens_per_doc": 9})],
)
def test_the_model_stands_in_the_address_alone(model: str, more: dict[str, Any]) -> None:
    losses = Losses("Bedrock")
    meaning = RERANK.parse(ranked(top_n=1, max_tokens_per_doc=9))
    body = BEDROCK_RERANK.render(meaning, a_deployment(model=model), losses)
    assert body == {"query": "q", "documents": ["red", "blue"], "top_n": 1, **more}
    assert losses.told == ([] if more else ["dropped:max_tokens_per_doc"])


@pytest.mark.parametrize("name", ["relevance_score", "relevanceScore"])
def test_a_score_is_read_by_either_name(name: str) -> None:
    reply = {"results": [{"index": 1, name: 0.9}, {"index": 0, name: 0.1}]}
    document, _ = answered(BEDROCK_RERANK, ranked(), orjson.dumps(reply))
    assert document["results"] == [
        {"index": 1, "relevance_score": 0.9},
        {"index": 0, "relevance_score": 0.1},
    ]
