"""The headers of a reply.

The rule: of the provider's headers only those on a list go on, under LiteLLM's prefix, and control
characters never do.
"""

from __future__ import annotations

import math
from functools import lru_cache

from pipelines.errors import Denied, GatewayError
from pipelines.events import Headers, Media
from pipelines.exchange import Exchange

CALL_ID = b"x-litellm-call-id"

JSON_TYPE = (b"content-type", b"application/json")
_STREAM_HEADERS = (
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
_PASSED_ON = frozenset(
    {
        b"x-request-id", b"request-id", b"openai-processing-ms", b"openai-version",
        b"x-ratelimit-limit-requests", b"x-ratelimit-limit-tokens",
        b"x-ratelimit-remaining-requests", b"x-ratelimit-remaining-tokens",
        b"x-ratelimit-reset-requests", b"x-ratelimit-reset-tokens",
    }
)  # fmt: skip
_CONTROL = bytes((*range(9), *range(10, 32), 127))


def call_headers(exchange: Exchange) -> Headers:
    """What every reply of a call carries: its id, and who answered after how many tries."""
    headers: Headers = [(CALL_ID, exchange.id.encode())]
    id_header = exchange.call.operation.id_header
    if id_header:
        headers.append((id_header, headers[0][1]))
    attempts = exchange.attempts
    if attempts:
        deployment = attempts[-1].deployment
        headers += _served_by(deployment.id, deployment.group)
        headers += _tried(len(attempts) - 1 - exchange.fallbacks, exchange.fallbacks)
    for kind, state in ((b"requests", exchange.requests), (b"tokens", exchange.tokens)):
        if state is not None:
            headers += (
                (b"x-ratelimit-limit-" + kind, b"%d" % state.limit),
                (b"x-ratelimit-remaining-" + kind, b"%d" % state.remaining),
                (b"x-ratelimit-reset-" + kind, b"%ds" % state.reset),
            )
    if exchange.losses:
        headers.append((b"x-headgate-lossy", _safe(", ".join(exchange.losses).encode())))
    return headers


@lru_cache(maxsize=1024)
def _served_by(deployment: str, group: str) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"x-litellm-model-id", _safe(deployment.encode())),
        (b"x-litellm-model-group", _safe(group.encode())),
    )


@lru_cache(maxsize=64)
def _tried(retries: int, fallbacks: int) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"x-litellm-attempted-retries", b"%d" % max(0, retries)),
        (b"x-litellm-attempted-fallbacks", b"%d" % fallbacks),
    )


def reply_headers(exchange: Exchange, media: Media, upstream: Headers) -> Headers:
    """The headers of a good reply, without its length."""
    headers = call_headers(exchange)
    if media.streams:
        headers.append((b"content-type", media.value.encode()))
        headers += _STREAM_HEADERS
    elif media is Media.JSON:
        headers.append(JSON_TYPE)
    for name, value in upstream:
        if name in _PASSED_ON:
            headers.append((b"llm_provider-" + name, _safe(value)))
        elif name == b"content-type" and media is Media.BINARY:
            headers.append((name, _safe(value)))
    return headers


def error_headers(error: GatewayError) -> Headers:
    """The headers of an error reply, without its length."""
    headers: Headers = [JSON_TYPE]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % math.ceil(error.retry_after)))
    if isinstance(error, Denied):
        # The SDKs would send the same call twice more, in vain.
        headers.append((b"x-should-retry", b"false"))
    return headers


def _safe(value: bytes) -> bytes:
    return value.translate(None, _CONTROL)
