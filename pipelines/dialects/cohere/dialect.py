"""Cohere's chat, version 2, as a dialect.

The rule: between two who speak it, bytes pass untouched.
Source: https://docs.cohere.com/v2/reference/chat
"""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.dialects import upstream_errors
from pipelines.dialects.base import Gauge
from pipelines.dialects.bridge import BYTES_PER_TOKEN, Interpreter, Writer
from pipelines.dialects.cohere.gauge import CohereStreamGauge, CohereWholeGauge
from pipelines.dialects.cohere.parse import parse
from pipelines.dialects.cohere.reader import CohereReader
from pipelines.dialects.cohere.render import render
from pipelines.dialects.cohere.writer import CohereStreamWriter, CohereWholeWriter
from pipelines.dialects.frames import Frames, SseFrames
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai import CACHE_FIELDS, with_model
from pipelines.errors import BadCall, GatewayError, UpstreamError
from pipelines.events import Headers, Media
from pipelines.prompt import Prompt


class CohereChat:
    """`/v2/chat`, whole and streamed."""

    name = "cohere-chat"
    kind = "generation"
    media = Media.SSE

    def forward(self, call: Call, deployment: Deployment) -> bytes:
        """The body for a provider that speaks this dialect too. Raises BadCall."""
        body = call.json
        missing = {key: one for key, one in deployment.defaults.items() if key not in body}
        refused = (deployment.provider.quirks.drop | CACHE_FIELDS).intersection(body)
        if not missing and not refused:
            raw = with_model(call, deployment.model)
            if raw is not None:
                return raw
        kept = {key: value for key, value in body.items() if key not in refused}
        try:
            return orjson.dumps({**kept, **missing, "model": deployment.model})
        except (orjson.JSONEncodeError, TypeError) as error:
            raise BadCall(f"The body cannot be passed on: {error}.") from None

    def gauge(self, call: Call, deployment: Deployment) -> Gauge:
        """A watcher for the reply to a forwarded call."""
        provider, tokens = deployment.provider.title, len(call.raw) // BYTES_PER_TOKEN
        if call.streaming:
            return CohereStreamGauge(provider, tokens)
        return CohereWholeGauge(provider, tokens)

    def parse(self, call: Call) -> Prompt:
        """What the call means. Raises BadCall."""
        return parse(call.json)

    def render(self, meaning: Any, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for Cohere. Raises Unsupported."""
        return render(meaning, deployment, losses)

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return CohereReader(provider)

    def frames(self, media: Media) -> Frames:
        """Server-sent events."""
        return SseFrames()

    def writer(self, call: Call, id: str) -> Writer:
        """A writer for one reply, as events or as one document."""
        return CohereStreamWriter(id) if call.streaming else CohereWholeWriter(id)

    def upstream_error(
        self, status: int, headers: Headers, body: bytes, deployment: Deployment
    ) -> UpstreamError:
        """What a provider's error reply means."""
        return upstream_errors.upstream_error(status, headers, body, deployment.provider.title)

    def error(self, error: GatewayError) -> bytes:
        """The body of an error reply."""
        return orjson.dumps({"message": error.message})

    def error_events(self, error: GatewayError) -> bytes:
        """The event that ends a broken stream: its reason says that it failed."""
        delta = {"finish_reason": "ERROR", "error": error.message}
        value = orjson.dumps({"type": "message-end", "delta": delta})
        return b"event: message-end\ndata: " + value + b"\n\n"


COHERE_CHAT = CohereChat()
