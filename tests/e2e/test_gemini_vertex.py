"""Vertex AI and Azure, each paid with tokens of a stand-in of its token service."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.configs import config, entry
from tests.e2e.gateway import running
from tests.e2e.plain import CHAT, ask
from tests.fakes.token_service import token_service
from tests.proxy.config.test_google_auth import service_account

GEMINI = {
    "candidates": [{"content": {"parts": [{"text": "Hello"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
}
CLAUDE = {
    "id": "msg_vrtx_1", "type": "message", "role": "assistant", "model": "claude",
    "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 2},
}  # fmt: skip
VECTORS = {"predictions": [{"embeddings": {"values": [0.5], "statistics": {"token_count": 2}}}]}
COMPLETION = {
    "id": "1", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop",
                 "message": {"role": "assistant", "content": "Hello"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}  # fmt: skip
ANSWERS = {
    "generateContent": GEMINI,
    "countTokens": {"totalTokens": 42},
    "rawPredict": CLAUDE,
    "predict": VECTORS,
    "completions": COMPLETION,
}


class Cloud(ThreadingHTTPServer):
    """Answers by the end of the path, and remembers who asked what."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Cloud

    def do_POST(self) -> None:
        """Answer one call."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = self.path.partition("?")[0]
        self.server.asked.append((path, self.headers["Authorization"], body))
        found = json.dumps(ANSWERS[path.replace("/", ":").rpartition(":")[2]]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(found)))
        self.end_headers()
        self.wfile.write(found)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def cloud() -> Iterator[Cloud]:
    """A cloud that runs inside the block."""
    with Cloud() as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,), name="cloud")
        thread.start()
        try:
            yield found
        finally:
            found.shutdown()
            thread.join()


def test_vertex_serves_all_its_kinds_of_models_with_one_token_each(tmp_path: Path) -> None:
    pytest.importorskip("google.auth")
    messages = [{"role": "user", "content": "Hi"}]
    with token_service() as tokens, cloud() as vertex:
        account = json.dumps(service_account(tokens.url))
        shared = {"api_base": vertex.url, "vertex_location": "eu", "vertex_credentials": account}
        models = ("gemini-2.5-pro", "claude-opus-4@20250514", "meta/llama-4", "text-embedding-005")
        served = config(
            *(entry(name, f"vertex_ai/{name}", **shared) for name in models),
            entry("*", "vertex_ai/*", **shared),
        )
        with running(tmp_path, served) as gateway:
            for name in (*models[:3], "claude-haiku-4"):
                reply = ask(gateway, CHAT, {"model": name, "messages": messages})
                assert reply.json["choices"][0]["message"]["content"] == "Hello", reply.body
            said = ask(gateway, "/v1/embeddings", {"model": models[3], "input": "Hi"}).json
            assert (said["data"][0]["embedding"], said["usage"]["prompt_tokens"]) == ([0.5], 2)
            counted = {"contents": [{"parts": [{"text": "Hi"}]}]}
            path = f"/v1beta/models/{models[0]}:countTokens"
            assert ask(gateway, path, counted).json == {"totalTokens": 42}
            other = ask(gateway, f"/v1beta/models/{models[1]}:countTokens", counted)
            assert other.headers["x-headgate-lossy"] == "emulated:countTokens"
    root = "/v1/projects/its-project/locations/eu"
    assert [path for path, _, _ in vertex.asked] == [
        f"{root}/publishers/google/models/gemini-2.5-pro:generateContent",
        f"{root}/publishers/anthropic/models/claude-opus-4@20250514:rawPredict",
        f"{root}/endpoints/openapi/chat/completions",
        f"{root}/publishers/anthropic/models/claude-haiku-4:rawPredict",
        f"{root}/publishers/google/models/text-embedding-005:predict",
        f"{root}/publishers/google/models/gemini-2.5-pro:countTokens",
    ]
    assert all(header.startswith("Bearer token-") for _, header, _ in vertex.asked)
    assert vertex.asked[1][2]["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in vertex.asked[1][2]


def test_azure_is_paid_with_a_token_of_entra(tmp_path: Path) -> None:
    who = {"tenant_id": "t", "client_id": "c", "client_secret": "very-secret-words"}
    with token_service() as tokens, cloud() as azure:
        served = config(entry("gpt", "azure/gpt", api_base=azure.url, **who))
        env = {"AZURE_AUTHORITY_HOST": tokens.url}
        with running(tmp_path, served, env=env) as gateway:
            for _ in range(3):
                body = {"model": "gpt", "messages": [{"role": "user", "content": "Hi"}]}
                assert ask(gateway, CHAT, body).status == 200
    assert [header for _, header, _ in azure.asked] == ["Bearer token-1"] * 3
    assert len(tokens.forms) == 1


def test_a_refusal_of_the_token_service_is_told_without_the_secret(tmp_path: Path) -> None:
    who = {"tenant_id": "t", "client_id": "c", "client_secret": "very-secret-words"}
    with token_service(401) as tokens, cloud() as azure:
        served = config(entry("gpt", "azure/gpt", api_base=azure.url, **who))
        with running(tmp_path, served, env={"AZURE_AUTHORITY_HOST": tokens.url}) as gateway:
            body = {"model": "gpt", "messages": [{"role": "user", "content": "Hi"}]}
            reply = ask(gateway, CHAT, body)
            assert reply.status == 502
            assert "client_secret" in reply.error["message"]
            assert all("very-secret-words" not in str(line) for line in gateway.lines)
    assert not azure.asked
