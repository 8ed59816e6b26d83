"""Gemini's count of a prompt's tokens.

The rule: a provider that counts is asked; for all others the count is an estimate, and is told to
be one. Source: https://ai.google.dev/api/tokens
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.dialects.base import Gauge
from pipelines.dialects.bridge import Interpreter
from pipelines.dialects.gemini import faults
from pipelines.dialects.gemini.names import camelised
from pipelines.dialects.gemini.parse import parse
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import OneSided
from pipelines.errors import BadCall, GatewayError, UpstreamError, UpstreamFailed
from pipelines.estimate import estimate_prompt_tokens
from pipelines.events import Headers
from pipelines.usage import NO_USAGE, Usage

WHOLE = "generateContentRequest"
# Vertex takes the request's own fields; AI Studio takes a request within the request.
VERTEX = "vertex_ai"
_COUNTED = frozenset({"contents", "systemInstruction", "tools", "generationConfig"})


class CountGauge:
    """Looks whether the reply is a count; counting itself costs nothing."""

    fault: UpstreamError | None = None
    usage: Usage = NO_USAGE

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def watch(self, raw: bytes) -> bytes:
        """The document as it is. Raises UpstreamError where it is no count."""
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise UpstreamFailed(f"{self._provider} answered with broken JSON.") from None
        if isinstance(body, dict) and body.get("error"):
            raise faults.fault_in(body, self._provider)
        if not isinstance(body, dict) or "error" in body:
            raise UpstreamFailed(f"{self._provider} answered with something that is no count.")
        return raw

    def close(self) -> bytes:
        """Nothing is left over."""
        return b""


class GeminiCount(OneSided):
    """`:countTokens`."""

    def forward(self, call: Call, deployment: Deployment) -> bytes:
        """The body for a provider that counts. Raises BadCall."""
        said = camelised(call.json)
        said.pop("model", None)
        inner = said.get(WHOLE)
        if deployment.provider.name.startswith(VERTEX):
            if isinstance(inner, Mapping):
                said = {key: one for key, one in camelised(inner).items() if key in _COUNTED}
        else:
            if inner is None and said.keys() & (_COUNTED - {"contents"}):
                inner = said
            if isinstance(inner, Mapping):
                said = {WHOLE: {**inner, "model": f"models/{deployment.model}"}}
        try:
            return orjson.dumps(said)
        except (orjson.JSONEncodeError, TypeError) as error:
            raise BadCall(f"The body cannot be passed on: {error}.") from None

    def gauge(self, call: Call, deployment: Deployment) -> Gauge:
        """A watcher for the reply to a forwarded call."""
        return CountGauge(deployment.provider.title)

    def answer(self, call: Call, losses: Losses) -> bytes:
        """The estimate, where the provider does not count. Raises BadCall, and Unsupported where
        strict."""
        losses.emulated("countTokens")
        said: Mapping[str, Any] = camelised(call.json)
        inner = said.get(WHOLE)
        if isinstance(inner, Mapping):
            said = {**camelised(inner), "model": call.model}
        count = estimate_prompt_tokens(parse(said, False))
        return orjson.dumps({"totalTokens": count})

    def interpreter(self, provider: str) -> Interpreter:
        """Raises Unsupported."""
        raise self._refused()

    def upstream_error(
        self, status: int, headers: Headers, body: bytes, deployment: Deployment
    ) -> UpstreamError:
        """What a provider's error reply means."""
        return faults.upstream_error(status, headers, body, deployment.provider.title)

    def error(self, error: GatewayError) -> bytes:
        """The body of an error reply."""
        return orjson.dumps(faults.error_object(error))


GEMINI_COUNT = GeminiCount("gemini-count", "count")
