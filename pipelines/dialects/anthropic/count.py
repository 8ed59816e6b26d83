"""Anthropic's count of a prompt's tokens.

The rule: a provider that counts is asked; for all others the count is an estimate, and is told to
be one. Source: https://docs.anthropic.com/en/api/messages-count-tokens
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.dialects.anthropic import errors
from pipelines.dialects.anthropic.dialect import BETA
from pipelines.dialects.anthropic.errors import error_in
from pipelines.dialects.anthropic.parse import parse
from pipelines.dialects.base import Gauge
from pipelines.dialects.bridge import Interpreter
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import OneSided
from pipelines.dialects.openai import with_model
from pipelines.errors import BadCall, GatewayError, UpstreamError, UpstreamFailed
from pipelines.estimate import estimate_prompt_tokens
from pipelines.events import Headers
from pipelines.usage import NO_USAGE, Usage


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
        if not isinstance(body, dict):
            raise UpstreamFailed(f"{self._provider} answered with JSON that is no object.")
        if type(body.get("input_tokens")) is not int:
            raise error_in(body, self._provider)
        return raw

    def close(self) -> bytes:
        """Nothing is left over."""
        return b""


class AnthropicCount(OneSided):
    """The count of tokens, which has no other form than this one."""

    def headers(self, call: Call) -> Mapping[str, str]:
        """What of the call's own headers a provider of this dialect needs: its wished betas."""
        betas = call.header(BETA.encode())
        return {} if betas is None else {BETA: betas}

    def forward(self, call: Call, deployment: Deployment) -> bytes:
        """The body for a provider that counts; the operator's defaults are none of a count's
        fields. Raises BadCall."""
        raw = with_model(call, deployment.model)
        if raw is not None:
            return raw
        try:
            return orjson.dumps({**call.json, "model": deployment.model})
        except (orjson.JSONEncodeError, TypeError) as error:
            raise BadCall(f"The body cannot be passed on: {error}.") from None

    def gauge(self, call: Call, deployment: Deployment) -> Gauge:
        """A watcher for the reply to a forwarded call."""
        return CountGauge(deployment.provider.title)

    def answer(self, call: Call, losses: Losses) -> bytes:
        """The estimate, where the provider does not count. Raises BadCall, and Unsupported where
        strict."""
        losses.emulated("count_tokens")
        return orjson.dumps({"input_tokens": estimate_prompt_tokens(parse(call.json))})

    def interpreter(self, provider: str) -> Interpreter:
        """Raises Unsupported."""
        raise self._refused()

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


ANTHROPIC_COUNT = AnthropicCount("anthropic-count", "count")
