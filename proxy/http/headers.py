"""The headers of a reply.

The rule: of the provider's headers only those on a list go on, under LiteLLM's prefix, and control
characters never do.
"""

from __future__ import annotations

import math
import time
from functools import lru_cache
from urllib.parse import urlsplit

from pipelines.deployment import Deployment
from pipelines.errors import GatewayError
from pipelines.events import Headers, Media
from pipelines.exchange import Exchange
from proxy import __version__

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
NANO = 10**9
_VERSION = (b"x-litellm-version", __version__.encode())
_CONTROL = bytes((*range(9), *range(10, 32), 127))


def call_headers(exchange: Exchange) -> Headers:
    """What every reply of a call carries: its id, and who answered after how many tries."""
    headers: Headers = [(CALL_ID, exchange.id.encode())]
    id_header = exchange.call.operation.id_header
    if id_header:
        headers.append((id_header, headers[0][1]))
    attempts = exchange.attempts
    if attempts:
        headers += _served_by(attempts[-1].deployment)
        headers += _tried(
            len(attempts) - 1 - exchange.fallbacks - sum(one.kind == "hedge" for one in attempts),
            exchange.fallbacks,
            exchange.effort,
        )
    headers.append(_VERSION)
    if exchange.cache != "bypass" or exchange.cache_key:
        headers.append((b"x-headgate-cache", exchange.cache.encode()))
    if exchange.cache_key:
        headers.append((b"x-litellm-cache-key", _safe(exchange.cache_key.encode())))
    if exchange.replayed:
        headers.append((b"x-headgate-idempotent-replay", b"true"))
    if exchange.stream_id:
        headers.append((b"x-headgate-stream-id", exchange.stream_id.encode()))
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


def _served_by(one: Deployment) -> tuple[tuple[bytes, bytes], ...]:
    return _names(one.id, one.group, f"{one.provider.name}/{one.model}", one.base_url)


@lru_cache(maxsize=1024)
def _names(id: str, group: str, model: str, address: str) -> tuple[tuple[bytes, bytes], ...]:
    names = (
        (b"x-litellm-model-id", id),
        (b"x-litellm-model-group", group),
        (b"x-litellm-model-name", model),
        (b"x-litellm-model-api-base", _host(address)),
    )
    return tuple((name, _safe(value.encode())) for name, value in names if value)


def _host(address: str) -> str:
    """Where a provider is; paths, parameters and names before an @ may be secret."""
    try:
        parts = urlsplit(address)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else ""


@lru_cache(maxsize=256)
def _tried(
    retries: int, fallbacks: int, allowed: tuple[int, float] | None
) -> tuple[tuple[bytes, bytes], ...]:
    found = (
        (b"x-litellm-attempted-retries", b"%d" % max(0, retries)),
        (b"x-litellm-attempted-fallbacks", b"%d" % fallbacks),
    )
    if allowed is None:
        return found
    most, seconds = allowed
    return (
        *found,
        (b"x-litellm-max-retries", b"%d" % most),
        (b"x-litellm-timeout", b"%g" % seconds),
    )


def _overhead(exchange: Exchange) -> Headers:
    """How many milliseconds passed here: before the first attempt, and since the first byte."""
    attempts = exchange.attempts
    if not attempts or attempts[-1].first_byte is None:
        return []
    begun = min(one.started for one in attempts)
    spent = begun - exchange.arrived + time.monotonic() - attempts[-1].first_byte
    return [(b"x-litellm-overhead-duration-ms", b"%.3f" % (max(0.0, spent) * 1000))]


def reply_headers(exchange: Exchange, media: Media, upstream: Headers) -> Headers:
    """The headers of a good reply, without its length."""
    headers = call_headers(exchange)
    headers += _overhead(exchange)
    if media.streams:
        headers.append((b"content-type", media.value.encode()))
        headers += _STREAM_HEADERS
    elif media is Media.JSON:
        headers.append(JSON_TYPE)
        cost = exchange.total_cost
        if cost is not None:
            headers.append((b"x-litellm-response-cost", str(cost / NANO).encode()))
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
    if error.hopeless:
        # The SDKs would send the same call twice more, in vain.
        headers.append((b"x-should-retry", b"false"))
    return headers


def _safe(value: bytes) -> bytes:
    return value.translate(None, _CONTROL)
