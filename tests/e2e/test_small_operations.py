"""Embeddings, rankings, moderations and text completions, by official SDKs through a gateway."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cohere
import openai
import pytest

from tests.e2e.configs import config, entry
from tests.e2e.gateway import KEY, Gateway, running
from tests.e2e.sdk import client

RESULTS = [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.25}]
CHAT = {
    "id": "c1",
    "created": 5,
    "choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2},
}
REPLIES = MappingProxyType(
    {
        "/v2/embed": {
            "embeddings": {"float": [[0.5, -2.0]]},
            "meta": {"billed_units": {"input_tokens": 4}},
        },
        "/models/g:batchEmbedContents": {"embeddings": [{"values": [0.5, -2.0]}]},
        "/embeddings": {
            "data": [{"index": 0, "embedding": [0.5, -2.0]}],
            "usage": {"total_tokens": 4},
        },
        "/v2/rerank": {
            "id": "r1",
            "results": RESULTS,
            "meta": {"billed_units": {"search_units": 1}},
        },
        "/rerank": {"data": RESULTS, "usage": {"total_tokens": 9}},
        "/moderations": {
            "id": "m1",
            "model": "omni",
            "results": [{"flagged": True, "categories": {}, "category_scores": {}}],
        },
        "/mistral/moderations": {
            "id": "m2",
            "model": "mistral-moderation-2411",
            "results": [{"categories": {"selfharm": True}, "category_scores": {"selfharm": 0.9}}],
        },
        "/chat/completions": CHAT,
    }
)


class Answers(BaseHTTPRequestHandler):
    """A provider that has one answer a path."""

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps(REPLIES[self.path]).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the provider listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def small(address: str, folder: Path) -> Iterator[Gateway]:
    """A gateway in front of it."""
    models = (
        entry("cohere", "cohere/e", address),
        entry("gemini", "gemini/g", address),
        entry("voyage", "voyage/v", address),
        entry("jina", "jina_ai/j", address),
        entry("omni-moderation-latest", "openai/omni-moderation-latest", address),
        entry("judge", "mistral/mistral-moderation-latest", f"{address}/mistral"),
        entry("chatty", "groq/chatty", address),
    )
    with running(folder, config(*models)) as found:
        yield found


@pytest.fixture(scope="module")
def sdk(small: Gateway) -> Iterator[openai.OpenAI]:
    """OpenAI's client."""
    with client(small) as made:
        yield made


@pytest.fixture(scope="module")
def ranker(small: Gateway) -> Iterator[cohere.ClientV2]:
    """Cohere's client."""
    with cohere.ClientV2(api_key=KEY, base_url=small.url) as made:
        yield made


@pytest.mark.parametrize("model", ["cohere", "gemini", "voyage", "jina"])
def test_openais_sdk_reads_everybodys_embeddings(sdk: openai.OpenAI, model: str) -> None:
    # By default the SDK asks for base64 and decodes it.
    decoded = sdk.embeddings.create(model=model, input="a")
    assert decoded.data[0].embedding == [0.5, -2.0]
    floats = sdk.embeddings.create(model=model, input="a", encoding_format="float")
    assert floats.data[0].embedding == [0.5, -2.0]
    assert floats.usage.total_tokens > 0


@pytest.mark.parametrize("model", ["cohere", "voyage"])
def test_coheres_sdk_reads_everybodys_rankings(ranker: cohere.ClientV2, model: str) -> None:
    reply = ranker.rerank(model=model, query="q", documents=["a", "b"], top_n=2)
    assert [(one.index, one.relevance_score) for one in reply.results] == [(1, 0.75), (0, 0.25)]


def test_coheres_older_client_asks_at_another_address(small: Gateway) -> None:
    with cohere.Client(api_key=KEY, base_url=small.url) as old:
        reply = old.rerank(model="cohere", query="q", documents=["a", "b"], return_documents=True)
    assert [one.document.text for one in reply.results if one.document] == ["b", "a"]


def test_openais_sdk_moderates_without_naming_a_model(sdk: openai.OpenAI) -> None:
    assert sdk.moderations.create(input="a").results[0].flagged is True


def test_openais_sdk_reads_mistrals_moderations(sdk: openai.OpenAI) -> None:
    (result,) = sdk.moderations.create(model="judge", input="a").results
    assert result.flagged is True
    assert result.categories.self_harm is True
    assert result.category_scores.self_harm == 0.9


def test_a_chat_model_completes_a_text(sdk: openai.OpenAI, small: Gateway) -> None:
    reply = sdk.completions.create(model="chatty", prompt="Say")
    assert reply.choices[0].text == "Hello"
    assert reply.usage is not None
    assert reply.usage.total_tokens == 3


def test_a_chat_model_completes_a_text_as_a_stream(sdk: openai.OpenAI) -> None:
    chunks = list(sdk.completions.create(model="chatty", prompt="Say", stream=True))
    assert "".join(choice.text for one in chunks for choice in one.choices) == "Hello"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_what_no_chat_model_can_do_is_a_bad_request(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="suffix"):
        sdk.completions.create(model="chatty", prompt="Say", suffix="b")
