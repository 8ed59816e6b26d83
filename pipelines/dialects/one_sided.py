"""A dialect that only providers speak: no client of the gateway does.

The rule: it renders and reads; nobody calls in it, so nothing is ever forwarded, parsed or written.
"""

from __future__ import annotations

from typing import Any

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.dialects import openai, upstream_errors
from pipelines.dialects.base import Gauge
from pipelines.dialects.bridge import Interpreter, Writer
from pipelines.dialects.frames import Frames, SseFrames
from pipelines.dialects.losses import Losses
from pipelines.errors import GatewayError, Unsupported, UpstreamError
from pipelines.events import Headers, Media


class OneSided:
    """The base of such dialects: each adds `render` and `interpreter`."""

    media = Media.JSON

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind

    def forward(self, call: Call, deployment: Deployment) -> bytes:
        """Raises Unsupported."""
        raise self._refused()

    def gauge(self, call: Call, deployment: Deployment) -> Gauge:
        """Raises Unsupported."""
        raise self._refused()

    def parse(self, call: Call) -> Any:
        """Raises Unsupported."""
        raise self._refused()

    def render(self, meaning: Any, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        raise NotImplementedError

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        raise NotImplementedError

    def frames(self, media: Media) -> Frames:
        """Server-sent events, which no provider sends here."""
        return SseFrames()

    def writer(self, call: Call, id: str) -> Writer:
        """Raises Unsupported."""
        raise self._refused()

    def upstream_error(
        self, status: int, headers: Headers, body: bytes, deployment: Deployment
    ) -> UpstreamError:
        """What a provider's error reply means."""
        return upstream_errors.upstream_error(status, headers, body, deployment.provider.title)

    def error(self, error: GatewayError) -> bytes:
        """The body of an error reply, in OpenAI's shape."""
        return openai.error_body(error)

    def error_events(self, error: GatewayError) -> bytes:
        """The events that end a broken stream, in OpenAI's shape."""
        return openai.error_events(error)

    def _refused(self) -> Unsupported:
        return Unsupported("calls of clients", self.name)


class WholeReader:
    """The base of readers whose replies are always one document."""

    def __init__(self, provider: str) -> None:
        self.provider = provider

    def event(self, name: str, value: dict[str, Any]) -> list[Any]:
        """What the document means, should it come as an event."""
        return self.document(value)

    def document(self, value: dict[str, Any]) -> list[Any]:
        """What a whole reply means. Raises UpstreamError where it is no answer."""
        raise NotImplementedError

    def end(self, done: bool) -> list[Any]:
        """Nothing is left to say."""
        return []

    def no_answer(self, value: dict[str, Any]) -> UpstreamError:
        """The error of a document that holds no answer."""
        return upstream_errors.no_answer(value, self.provider)
