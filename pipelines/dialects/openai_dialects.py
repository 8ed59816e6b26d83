"""OpenAI's older dialects: chat completions, completions, embeddings and moderations.

The rule: between two who speak the same one, bytes pass untouched.
Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from typing import Any

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.dialects import openai, upstream_errors
from pipelines.dialects.base import Gauge
from pipelines.dialects.bridge import Interpreter, Writer
from pipelines.dialects.embeddings import openai as vectors
from pipelines.dialects.frames import Frames, SseFrames
from pipelines.dialects.losses import Losses
from pipelines.dialects.moderations import openai as verdicts
from pipelines.dialects.openai_chat.parse import parse
from pipelines.dialects.openai_chat.reader import ChatInterpreter
from pipelines.dialects.openai_chat.render import render
from pipelines.dialects.openai_chat.whole import ChatWholeWriter
from pipelines.dialects.openai_chat.writer import ChatStreamWriter
from pipelines.dialects.openai_completions.parse import parse as parse_completion
from pipelines.dialects.openai_completions.reader import CompletionInterpreter
from pipelines.dialects.openai_completions.render import render as render_completion
from pipelines.dialects.openai_completions.writer import (
    CompletionStreamWriter,
    CompletionWholeWriter,
)
from pipelines.dialects.openai_gauge import StreamGauge, WholeGauge
from pipelines.errors import GatewayError, Unsupported, UpstreamError
from pipelines.events import Headers, Media
from pipelines.prompt import Prompt
from pipelines.vectors import EmbeddingCall
from pipelines.verdicts import ModerationCall

BYTES_PER_TOKEN = 4


class OpenAIDialect:
    """One of OpenAI's dialects: `holds` is the field that makes a JSON document an answer."""

    media = Media.SSE

    def __init__(self, name: str, kind: str, holds: str) -> None:
        self.name = name
        self.kind = kind
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

    def parse(self, call: Call) -> Any:
        """Raises Unsupported: nothing but its own dialect is translated into this one yet."""
        raise Unsupported("translation into other dialects", self.name)

    def render(self, meaning: Any, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """Raises Unsupported, as `parse` does."""
        raise losses.feature("translation from other dialects")

    def interpreter(self, provider: str) -> Interpreter:
        """Raises Unsupported, as `parse` does."""
        raise Unsupported("translation into other dialects", provider)

    def frames(self, media: Media) -> Frames:
        """Server-sent events."""
        return SseFrames()

    def writer(self, call: Call, id: str) -> Writer:
        """Raises Unsupported, as `parse` does."""
        raise Unsupported("translation from other dialects", self.name)

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


def _adds_usage(call: Call, deployment: Deployment) -> bool:
    return call.streaming and deployment.provider.quirks.asks_usage and not openai.wants_usage(call)


class OpenAIChat(OpenAIDialect):
    """Chat completions, which every other dialect of generation can be translated from and into."""

    def parse(self, call: Call) -> Prompt:
        """What the call means. Raises BadCall."""
        return parse(call.json)

    def render(self, meaning: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        return render(meaning, deployment, losses)

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return ChatInterpreter(provider)

    def writer(self, call: Call, id: str) -> Writer:
        """A writer for one reply, as chunks or as one document."""
        if call.streaming:
            return ChatStreamWriter(call.model, f"chatcmpl-{id}", openai.wants_usage(call))
        return ChatWholeWriter(call.model, f"chatcmpl-{id}")


class OpenAICompletions(OpenAIDialect):
    """Text completions, which a chat model can answer too."""

    def parse(self, call: Call) -> Prompt:
        """What the call means. Raises BadCall, and Unsupported for what no chat model does."""
        return parse_completion(call.json)

    def render(self, meaning: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        return render_completion(meaning, deployment, losses)

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return CompletionInterpreter(provider)

    def writer(self, call: Call, id: str) -> Writer:
        """A writer for one reply, as chunks or as one document."""
        if call.streaming:
            return CompletionStreamWriter(call.model, f"cmpl-{id}", openai.wants_usage(call))
        return CompletionWholeWriter(call.model, f"cmpl-{id}")


class OpenAIEmbeddings(OpenAIDialect):
    """Embeddings, which are translated into every other dialect of embeddings."""

    def parse(self, call: Call) -> EmbeddingCall:
        """What the call means. Raises BadCall."""
        return vectors.parse(call)

    def render(
        self, meaning: EmbeddingCall, deployment: Deployment, losses: Losses
    ) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        return vectors.render(meaning, deployment, losses)

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return vectors.OpenAIReader(provider)

    def writer(self, call: Call, id: str) -> Writer:
        """A writer for one reply."""
        return vectors.OpenAIWriter(call)


class OpenAIModerations(OpenAIDialect):
    """Moderations, which other providers of them can answer too."""

    def parse(self, call: Call) -> ModerationCall:
        """What the call means. Raises BadCall."""
        return verdicts.parse(call)

    def render(
        self, meaning: ModerationCall, deployment: Deployment, losses: Losses
    ) -> dict[str, Any]:
        """The body for a provider."""
        return verdicts.render(meaning, deployment, losses)

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return verdicts.ModerationReader(provider)

    def writer(self, call: Call, id: str) -> Writer:
        """A writer for one reply."""
        return verdicts.ModerationWriter(call, f"modr-{id}")


OPENAI_CHAT = OpenAIChat("openai-chat", "generation", "choices")
OPENAI_COMPLETIONS = OpenAICompletions("openai-completions", "generation", "choices")
OPENAI_EMBEDDINGS = OpenAIEmbeddings("openai-embeddings", "embeddings", "data")
OPENAI_MODERATIONS = OpenAIModerations("openai-moderations", "moderation", "results")
