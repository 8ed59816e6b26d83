"""OpenAI's three oldest dialects: chat completions, completions and embeddings.

The rule: between two who speak the same one, bytes pass untouched.
Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.dialects import openai, upstream_errors
from pipelines.dialects.base import Gauge
from pipelines.dialects.openai_gauge import StreamGauge, WholeGauge
from pipelines.errors import GatewayError, UpstreamError
from pipelines.events import Headers

BYTES_PER_TOKEN = 4


class OpenAIDialect:
    """One of OpenAI's dialects: `holds` is the field that makes a JSON document an answer."""

    def __init__(self, name: str, holds: str) -> None:
        self.name = name
        self._holds = holds

    def forward(self, call: Call, deployment: Deployment) -> bytes:
        """The body for a provider that speaks this dialect too. Raises BadCall."""
        return openai.forwarded(call, deployment, _adds_usage(call, deployment))

    def gauge(self, call: Call, deployment: Deployment) -> Gauge:
        """A watcher for the reply to a forwarded call."""
        provider = deployment.provider.title
        prompt_tokens = len(call.raw) // BYTES_PER_TOKEN
        if call.streaming:
            return StreamGauge(provider, _adds_usage(call, deployment), prompt_tokens)
        return WholeGauge(provider, self._holds, prompt_tokens)

    def upstream_error(
        self, status: int, headers: Headers, body: bytes, deployment: Deployment
    ) -> UpstreamError:
        """What a provider's error reply means."""
        return upstream_errors.upstream_error(status, headers, body, deployment.provider.title)

    def error(self, error: GatewayError) -> bytes:
        """The body of an error reply."""
        return openai.error_body(error)

    def error_events(self, error: GatewayError) -> bytes:
        """The events that end a broken stream."""
        return openai.error_events(error)


def _wants_usage(call: Call) -> bool:
    options = call.json.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _adds_usage(call: Call, deployment: Deployment) -> bool:
    return call.streaming and deployment.provider.quirks.asks_usage and not _wants_usage(call)


OPENAI_CHAT = OpenAIDialect("openai-chat", "choices")
OPENAI_COMPLETIONS = OpenAIDialect("openai-completions", "choices")
OPENAI_EMBEDDINGS = OpenAIDialect("openai-embeddings", "data")
