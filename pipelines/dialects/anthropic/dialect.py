"""Anthropic's Messages: what its clients send and what its providers answer.

The rule: between two who speak it, bytes pass untouched.
Source: https://docs.anthropic.com/en/api/messages
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.dialects.anthropic import errors
from pipelines.dialects.anthropic.gauge import MessagesStreamGauge, MessagesWholeGauge
from pipelines.dialects.anthropic.parse import parse
from pipelines.dialects.anthropic.reader import MessagesInterpreter
from pipelines.dialects.anthropic.render import render
from pipelines.dialects.anthropic.whole import MessagesWholeWriter
from pipelines.dialects.anthropic.writer import MessagesStreamWriter
from pipelines.dialects.base import Gauge
from pipelines.dialects.bridge import BYTES_PER_TOKEN, Interpreter, Writer
from pipelines.dialects.frames import Frames, SseFrames
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai import CACHE_FIELDS, with_model
from pipelines.errors import BadCall, GatewayError, UpstreamError
from pipelines.events import Headers, Media
from pipelines.prompt import Prompt

BETA = "anthropic-beta"


class AnthropicMessages:
    """Messages, which every other dialect of generation can be translated from and into."""

    name = "anthropic-messages"
    kind = "generation"
    media = Media.SSE

    def headers(self, call: Call) -> Mapping[str, str]:
        """What of the call's own headers a provider of this dialect needs: its wished betas."""
        betas = call.header(BETA.encode())
        return {} if betas is None else {BETA: betas}

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
            return MessagesStreamGauge(provider, tokens)
        return MessagesWholeGauge(provider, tokens)

    def parse(self, call: Call) -> Prompt:
        """What the call means. Raises BadCall."""
        return parse(call.json)

    def render(self, meaning: Any, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        return render(meaning, deployment, losses)

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return MessagesInterpreter(provider)

    def frames(self, media: Media) -> Frames:
        """Server-sent events."""
        return SseFrames()

    def writer(self, call: Call, id: str) -> Writer:
        """A writer for one reply, as events or as one document."""
        thoughts = _wants_thoughts(call.json)
        if call.streaming:
            tokens = len(call.raw) // BYTES_PER_TOKEN
            return MessagesStreamWriter(call.model, f"msg_{id}", tokens, thoughts)
        return MessagesWholeWriter(call.model, f"msg_{id}", thoughts)

    def upstream_error(
        self, status: int, headers: Headers, body: bytes, deployment: Deployment
    ) -> UpstreamError:
        """What a provider's error reply means."""
        return errors.upstream_error(status, headers, body, deployment.provider.title)

    def error(self, error: GatewayError) -> bytes:
        """The body of an error reply."""
        return errors.error_body(error)

    def status(self, error: GatewayError) -> int:
        """The status of the reply that tells an error."""
        return errors.status(error)

    def error_events(self, error: GatewayError) -> bytes:
        """The event that ends a broken stream."""
        return errors.error_events(error)


def _wants_thoughts(body: Mapping[str, Any]) -> bool:
    thinking = body.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") not in (None, "disabled")


ANTHROPIC_MESSAGES = AnthropicMessages()
