"""Ollama's chat and generate, as its clients and its servers speak them.

The rule: between two who speak the same one, bytes pass untouched; the operator's defaults go where
Ollama reads them.
Sources: https://docs.ollama.com/api/chat, https://docs.ollama.com/api/generate
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.dialects import openai, upstream_errors
from pipelines.dialects.base import Gauge
from pipelines.dialects.bridge import BYTES_PER_TOKEN, Interpreter, Writer
from pipelines.dialects.frames import Frames, LineFrames
from pipelines.dialects.losses import Losses
from pipelines.dialects.ollama.fields import place
from pipelines.dialects.ollama.gauge import OllamaStreamGauge, OllamaWholeGauge
from pipelines.dialects.ollama.parse import parse_chat, parse_generate
from pipelines.dialects.ollama.reader import OllamaInterpreter
from pipelines.dialects.ollama.render import render_chat, render_generate
from pipelines.dialects.ollama.whole import OllamaWholeWriter
from pipelines.dialects.ollama.writer import OllamaStreamWriter, idle
from pipelines.errors import GatewayError, UpstreamError
from pipelines.events import Headers, Media
from pipelines.prompt import Prompt

# How long a model is to be kept that is to be unloaded.
_AT_ONCE = (0, "0", "0s")


def forwarded(call: Call, deployment: Deployment) -> bytes:
    """The body for a provider of the same dialect: untouched but for the model's name, unless the
    operator has set defaults. Raises BadCall."""
    if not deployment.defaults:
        return openai.forwarded(call, deployment, ask_usage=False)
    body = dict(call.json)
    place(body, deployment.defaults)
    if body != call.json:
        call = call.rewritten(orjson.dumps(body))
    return openai.forwarded(call, replace(deployment, defaults={}), ask_usage=False)


def error_body(error: GatewayError) -> bytes:
    """The body of an error reply (https://docs.ollama.com/api/errors)."""
    return orjson.dumps({"error": error.message})


class OllamaDialect:
    """One of the two; `chat` says which."""

    kind = "generation"
    media = Media.NDJSON

    def __init__(self, name: str, chat: bool) -> None:
        self.name = name
        self._chat = chat

    def forward(self, call: Call, deployment: Deployment) -> bytes:
        """The body for a provider that speaks this dialect too. Raises BadCall."""
        return forwarded(call, deployment)

    def gauge(self, call: Call, deployment: Deployment) -> Gauge:
        """A watcher for the reply to a forwarded call."""
        title, tokens = deployment.provider.title, len(call.raw) // BYTES_PER_TOKEN
        if call.streaming:
            return OllamaStreamGauge(title, tokens)
        return OllamaWholeGauge(title, tokens, ("message", "response", "done"))

    def answer(self, call: Call, losses: Losses) -> bytes | None:
        """The reply to a call that says nothing: it loads a model or unloads it, and others than
        Ollama's servers have none to load."""
        body = call.json
        said = ("messages",) if self._chat else ("prompt", "images")
        if any(body.get(name) for name in said):
            return None
        return idle(call.model, self._chat, body.get("keep_alive") in _AT_ONCE)

    def parse(self, call: Call) -> Prompt:
        """What the call means. Raises BadCall and Unsupported."""
        return (parse_chat if self._chat else parse_generate)(call.json, call.streaming)

    def render(self, meaning: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        return (render_chat if self._chat else render_generate)(meaning, deployment, losses)

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return OllamaInterpreter(provider)

    def frames(self, media: Media) -> Frames:
        """One JSON object a line, whatever the reply's type calls it."""
        return LineFrames()

    def writer(self, call: Call, id: str) -> Writer:
        """A writer for one reply, as lines or as one document."""
        if call.streaming:
            return OllamaStreamWriter(call.model, self._chat)
        return OllamaWholeWriter(call.model, self._chat)

    def upstream_error(
        self, status: int, headers: Headers, body: bytes, deployment: Deployment
    ) -> UpstreamError:
        """What a provider's error reply means."""
        return upstream_errors.upstream_error(status, headers, body, deployment.provider.title)

    def error(self, error: GatewayError) -> bytes:
        """The body of an error reply."""
        return error_body(error)

    def error_events(self, error: GatewayError) -> bytes:
        """The line that ends a broken stream."""
        return error_body(error) + b"\n"


OLLAMA_CHAT = OllamaDialect("ollama-chat", chat=True)
OLLAMA_GENERATE = OllamaDialect("ollama-generate", chat=False)
