"""The source: calls the provider and hands on its reply as it arrives.

The rule: one `Data` a read; leaving early closes the provider's connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipelines.dialects.base import Dialect
from pipelines.errors import UpstreamError, UpstreamFailed
from pipelines.events import Data, End, Flow, Head, Headers, Media, Proceed
from pipelines.exchange import Exchange
from pipelines.ports import Transport, UpstreamReply
from pipelines.usage import NO_USAGE

MAX_ERROR_BODY = 64 * 1024
MAX_WHOLE_BODY = 64 * 1024 * 1024
_KNOWN: Mapping[str, Media] = MappingProxyType(
    {media.value: media for media in (Media.JSON, Media.SSE, Media.NDJSON, Media.AWS)}
)


class Stream:
    """Sends the request of this attempt and yields what comes back."""

    name = "stream"
    needs = frozenset({"deployment", "upstream"})
    gives: frozenset[str] = frozenset()

    def __init__(self, transport: Transport, dialects: Mapping[str, Dialect]) -> None:
        self._transport = transport
        self._dialects = dialects

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """Raises UpstreamError of every kind."""
        deployment, request = exchange.deployment, exchange.upstream
        await deployment.credential.sign(request)
        async with self._transport.open(request) as reply:
            exchange.attempts[-1].heard = reply.headers
            if reply.status >= 300:
                body = await _error_body(reply)
                dialect = self._dialects[request.dialect]
                raise dialect.upstream_error(reply.status, reply.headers, body, deployment)
            media = media_of(reply.headers, request.streaming)
            if media is Media.BINARY:
                raise UpstreamFailed(
                    f"{deployment.provider.title} answered with {_type_of(reply.headers)!r}, which "
                    "is neither JSON nor a stream."
                )
            yield Head(reply.status, reply.headers, media)
            if media is Media.JSON:
                yield Data(await reply.body(MAX_WHOLE_BODY))
            else:
                async for raw in reply.reads():
                    yield Data(raw)
            yield End(NO_USAGE)


async def _error_body(reply: UpstreamReply) -> bytes:
    # The status says enough where the body breaks off or is too long (FastAPI's 422 repeats the
    # whole prompt).
    try:
        return await reply.body(MAX_ERROR_BODY)
    except UpstreamError:
        return b""


def media_of(headers: Headers, streaming: bool) -> Media:
    """The form of a body by its content type; one that is not named is what was asked for."""
    kind = _type_of(headers)
    known = _KNOWN.get(kind)
    if known is not None:
        return known
    if kind.endswith("+json"):
        return Media.JSON
    if kind in ("", "text/plain", "application/octet-stream"):
        return Media.SSE if streaming else Media.JSON
    return Media.BINARY


def _type_of(headers: Headers) -> str:
    for name, value in headers:
        if name == b"content-type":
            return value.partition(b";")[0].strip().lower().decode("latin-1")
    return ""
