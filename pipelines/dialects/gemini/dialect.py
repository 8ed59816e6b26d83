"""Gemini's generateContent, as AI Studio and Vertex speak it.

The rule: model and streaming stand in the address, never in the body.
Source: https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.dialects.base import Gauge
from pipelines.dialects.bridge import BYTES_PER_TOKEN, Interpreter, Writer
from pipelines.dialects.frames import Frames, SseFrames
from pipelines.dialects.gemini import faults
from pipelines.dialects.gemini.gauge import GeminiStreamGauge, GeminiWholeGauge
from pipelines.dialects.gemini.parse import parse
from pipelines.dialects.gemini.reader import GeminiInterpreter
from pipelines.dialects.gemini.render import render
from pipelines.dialects.gemini.writer import END, GeminiWriter
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai import CACHE_FIELDS
from pipelines.errors import GatewayError, UpstreamError
from pipelines.events import Headers, Media
from pipelines.prompt import Prompt


class GeminiDialect:
    """generateContent and streamGenerateContent."""

    name = "gemini-generate"
    kind = "generation"
    media = Media.SSE

    def forward(self, call: Call, deployment: Deployment) -> bytes:
        """The body as it came, without what was said to the cache."""
        body = call.json
        if CACHE_FIELDS.isdisjoint(body):
            return call.raw
        ours = CACHE_FIELDS | {"model"}
        return orjson.dumps({name: one for name, one in body.items() if name not in ours})

    def gauge(self, call: Call, deployment: Deployment) -> Gauge:
        """A watcher for the reply to a forwarded call."""
        title, tokens = deployment.provider.title, len(call.raw) // BYTES_PER_TOKEN
        if call.streaming:
            return GeminiStreamGauge(title, tokens)
        return GeminiWholeGauge(title, tokens)

    def parse(self, call: Call) -> Prompt:
        """What the call means. Raises BadCall and Unsupported."""
        return parse(call.json, call.streaming)

    def render(self, meaning: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        return render(meaning, deployment, losses)

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return GeminiInterpreter(provider)

    def frames(self, media: Media) -> Frames:
        """Server-sent events."""
        return SseFrames()

    def writer(self, call: Call, id: str) -> Writer:
        """A writer for one reply, as events or as one document."""
        return GeminiWriter(call.model, id, call.streaming)

    def upstream_error(
        self, status: int, headers: Headers, body: bytes, deployment: Deployment
    ) -> UpstreamError:
        """What a provider's error reply means."""
        return faults.upstream_error(status, headers, body, deployment.provider.title)

    def error(self, error: GatewayError) -> bytes:
        """The body of an error reply."""
        return orjson.dumps(faults.error_object(error))

    def error_events(self, error: GatewayError) -> bytes:
        """The event that ends a broken stream."""
        return b"data: " + orjson.dumps(faults.error_object(error)) + END


GEMINI_GENERATE = GeminiDialect()
