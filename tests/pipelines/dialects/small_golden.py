"""The small operations in full: call, request, reply and answer, one file a dialect of providers.

Written anew with `python -m tests.pipelines.dialects.small_golden`, after a look at what has
changed; the calls and the providers' replies stand here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from pipelines.dialects.bridge import Bridge
from pipelines.dialects.losses import Losses
from pipelines.operations import EMBEDDINGS, MODERATIONS, RERANK, Operation
from pipelines.registry import DIALECTS
from tests.builders import a_call, a_deployment

FOLDER = Path(__file__).parents[2] / "golden" / "small"
COMMAND = "python -m tests.pipelines.dialects.small_golden"
VECTOR = [0.5, -2.0]
ASKED = {"input": ["日本語?"], "dimensions": 2, "input_type": "query", "encoding_format": "float"}
RANKED = [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.25}]
WANTED = {"query": "q", "documents": ["red", {"text": "blue"}], "top_n": 2}
JUDGED = {"input": ["a", "b"]}
KINDS: dict[str, dict[str, Any]] = {
    EMBEDDINGS.name: ASKED,
    RERANK.name: WANTED,
    MODERATIONS.name: JUDGED,
}


@dataclass(frozen=True)
class Case:
    """One dialect of providers, a model of it, and what it answers."""

    name: str
    operation: Operation
    dialect: str
    reply: dict[str, Any]
    model: str = "m"


CASES = (
    Case(
        "openai-embeddings", EMBEDDINGS, "openai-embeddings",
        {"data": [{"index": 0, "embedding": VECTOR}], "usage": {"prompt_tokens": 4}},
    ),
    Case(
        "cohere-embeddings", EMBEDDINGS, "cohere-embeddings",
        {"embeddings": {"float": [VECTOR]}, "meta": {"billed_units": {"input_tokens": 4}}},
    ),
    Case(
        "gemini-embeddings", EMBEDDINGS, "gemini-embeddings",
        {"embeddings": [{"values": VECTOR}]},
    ),
    Case(
        "voyage-embeddings", EMBEDDINGS, "voyage-embeddings",
        {"data": [{"index": 0, "embedding": VECTOR}], "usage": {"total_tokens": 4}},
    ),
    Case(
        "jina-embeddings", EMBEDDINGS, "jina-embeddings",
        {"data": [{"index": 0, "embedding": VECTOR}], "usage": {"total_tokens": 4}},
    ),
    Case(
        "ollama-embed", EMBEDDINGS, "ollama-embed",
        {"embeddings": [VECTOR], "prompt_eval_count": 4},
    ),
    Case(
        "bedrock-titan", EMBEDDINGS, "bedrock-embeddings",
        {"embedding": VECTOR, "inputTextTokenCount": 4}, "amazon.titan-embed-text-v2:0",
    ),
    Case(
        "bedrock-nova", EMBEDDINGS, "bedrock-embeddings",
        {"embeddings": [{"embeddingType": "TEXT", "embedding": VECTOR}]},
        "amazon.nova-2-multimodal-embeddings-v1:0",
    ),
    Case(
        "bedrock-cohere", EMBEDDINGS, "bedrock-embeddings",
        {"embeddings": [VECTOR], "id": "1", "texts": ["日本語?"]}, "cohere.embed-v4:0",
    ),
    Case(
        "rerank", RERANK, "rerank",
        {"model": "m", "results": RANKED, "usage": {"total_tokens": 9}},
    ),
    Case(
        "cohere-rerank", RERANK, "cohere-rerank",
        {"id": "r1", "results": RANKED, "meta": {"billed_units": {"search_units": 1}}},
    ),
    Case(
        "voyage-rerank", RERANK, "voyage-rerank",
        {"object": "list", "data": RANKED, "usage": {"total_tokens": 9}},
    ),
    Case("bedrock-rerank", RERANK, "bedrock-rerank", {"results": RANKED}, "cohere.rerank-v3-5:0"),
    Case(
        "openai-moderations", MODERATIONS, "openai-moderations",
        {"id": "m1", "model": "omni", "results": [
            {"flagged": True, "categories": {"hate": True}, "category_scores": {"hate": 0.9},
             "category_applied_input_types": {"hate": ["text"]}},
            {"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.1}},
        ]},
    ),
    Case(
        "mistral-moderations", MODERATIONS, "mistral-moderations",
        {"id": "m1", "model": "mistral-moderation-2411", "results": [
            {"categories": {"selfharm": True}, "category_scores": {"selfharm": 0.9}},
            {"categories": {"selfharm": False}, "category_scores": {"selfharm": 0.1}},
        ]},
    ),
)  # fmt: skip


def whole(case: Case) -> dict[str, Any]:
    """The client's call, the provider's request and reply, and the client's answer."""
    heard, spoken = DIALECTS[case.operation.dialect], DIALECTS[case.dialect]
    body = {"model": "public", **KINDS[case.operation.name]}
    call = a_call(orjson.dumps(body), case.operation)
    losses = Losses("Acme")
    deployment = a_deployment(model=case.model, drop_params=True)
    request = spoken.render(heard.parse(call), deployment, losses)
    bridge = Bridge("Acme", spoken.interpreter("Acme"), None, heard.writer(call, "1"), 7)
    answer = bridge.watch(orjson.dumps(case.reply)) + bridge.close()
    return {
        "operation": case.operation.name,
        "model": case.model,
        "call": body,
        "request": json.loads(orjson.dumps(request)),
        "lossy": losses.told,
        "reply": case.reply,
        "answer": json.loads(answer),
    }


def write() -> None:
    """Write every file anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        text = json.dumps(whole(case), ensure_ascii=False, indent=2)
        (FOLDER / f"{case.name}.json").write_text(f"{text}\n", "utf-8")


if __name__ == "__main__":
    write()
