"""OpenAI's Responses.

The rule: between two who speak it, bytes pass untouched; a reply that fails after its first byte
ends in `response.failed`, whose words clients show, and never in a bare error or an end mark.
Source: https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

from typing import Any

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.dialects import openai, upstream_errors
from pipelines.dialects.base import Gauge
from pipelines.dialects.bridge import BYTES_PER_TOKEN, Interpreter, Writer
from pipelines.dialects.frames import Frames, SseFrames
from pipelines.dialects.losses import Losses
from pipelines.dialects.responses.emulate import as_functions
from pipelines.dialects.responses.gauge import (
    ResponsesStreamGauge,
    ResponsesWholeGauge,
    failed_event,
)
from pipelines.dialects.responses.history import resumed, resumed_at
from pipelines.dialects.responses.parse import parse
from pipelines.dialects.responses.reader import ResponsesInterpreter
from pipelines.dialects.responses.render import render
from pipelines.dialects.responses.writer import ResponsesWriter
from pipelines.errors import GatewayError, UpstreamError
from pipelines.events import Headers, Media
from pipelines.prompt import Prompt


class ResponsesDialect:
    """The Responses API, whole and streamed."""

    name = "openai-responses"
    kind = "generation"
    media = Media.SSE

    def forward(self, call: Call, deployment: Deployment) -> bytes:
        """The body for a provider that speaks this dialect too. Raises BadCall."""
        return openai.forwarded(resumed_at(call, deployment), deployment, False)

    def gauge(self, call: Call, deployment: Deployment) -> Gauge:
        """A watcher for the reply to a forwarded call."""
        provider, prompt_tokens = deployment.provider.title, len(call.raw) // BYTES_PER_TOKEN
        kind = ResponsesStreamGauge if call.streaming else ResponsesWholeGauge
        return kind(provider, prompt_tokens, call.conversation, deployment.id)

    def keeping_gauge(self, call: Call, deployment: Deployment) -> Gauge:
        """A watcher for the reply to a forwarded stream that may be cut short."""
        provider, prompt_tokens = deployment.provider.title, len(call.raw) // BYTES_PER_TOKEN
        return ResponsesStreamGauge(
            provider, prompt_tokens, call.conversation, deployment.id, keeps=True
        )

    def parse(self, call: Call) -> Prompt:
        """What the call means. Raises BadCall."""
        return parse(as_functions(resumed(call)))

    def render(self, meaning: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        return render(meaning, deployment, losses)

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return ResponsesInterpreter(provider)

    def frames(self, media: Media) -> Frames:
        """Server-sent events."""
        return SseFrames()

    def writer(self, call: Call, id: str) -> Writer:
        """A writer for one reply, as events or as one document."""
        told = call.conversation
        return ResponsesWriter(call.json, call.model, told.id if told else id, call.streaming, told)

    def upstream_error(
        self, status: int, headers: Headers, body: bytes, deployment: Deployment
    ) -> UpstreamError:
        """What a provider's error reply means."""
        return upstream_errors.upstream_error(status, headers, body, deployment.provider.title)

    def error(self, error: GatewayError) -> bytes:
        """The body of an error reply."""
        return openai.error_body(error)

    def error_events(self, error: GatewayError) -> bytes:
        """The event that ends a broken stream of which nothing is known."""
        return failed_event(error, {}, 0)

    def call_error_events(self, error: GatewayError, call: Call) -> bytes:
        """The event that ends the broken stream of this call, under its own id and number."""
        told = call.conversation
        if told is None or told.fails is None:
            return self.error_events(error)
        return told.fails(error)


OPENAI_RESPONSES = ResponsesDialect()
