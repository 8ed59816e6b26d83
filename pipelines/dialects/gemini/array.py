"""Gemini's stream for clients that do not ask for events: one JSON array, element by element.

The rule: each element leaves as soon as it is there; an error is the last one, and the array is
closed behind it. Clients only. Source: https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.dialects.base import Gauge
from pipelines.dialects.bridge import Writer
from pipelines.dialects.gemini import faults
from pipelines.dialects.gemini.dialect import GeminiDialect
from pipelines.dialects.gemini.writer import GeminiWriter
from pipelines.errors import GatewayError, Unsupported
from pipelines.events import Media

BETWEEN = b",\r\n"


class GeminiArrayWriter(GeminiWriter):
    """Writes a reply as an array; `model` and `id` are as for events."""

    def __init__(self, model: str, id: str) -> None:
        super().__init__(model, id, streamed=True)
        self._begun = False

    def close(self) -> bytes:
        """The last element, and the array's end."""
        return super().close() + b"]"

    def framed(self, chunk: dict[str, Any]) -> bytes:
        """One more element."""
        mark = BETWEEN if self._begun else b"["
        self._begun = True
        return mark + orjson.dumps(chunk)


class GeminiArray(GeminiDialect):
    """streamGenerateContent without `alt=sse`."""

    name = "gemini-array"
    media = Media.ARRAY

    def forward(self, call: Call, deployment: Deployment) -> bytes:
        """Raises Unsupported: providers are asked for events."""
        raise Unsupported("streams as one array", deployment.provider.title)

    def gauge(self, call: Call, deployment: Deployment) -> Gauge:
        """Raises Unsupported."""
        raise Unsupported("streams as one array", deployment.provider.title)

    def writer(self, call: Call, id: str) -> Writer:
        """A writer for one reply, always streamed."""
        return GeminiArrayWriter(call.model, id)

    def error(self, error: GatewayError) -> bytes:
        """The body of an error reply."""
        return b"[" + orjson.dumps(faults.error_object(error)) + b"]"

    def error_events(self, error: GatewayError) -> bytes:
        """The element that ends a broken array; a stream has begun with its first element."""
        return BETWEEN + orjson.dumps(faults.error_object(error)) + b"]"


GEMINI_ARRAY = GeminiArray()
