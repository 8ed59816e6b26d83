"""Writes the reply of one call.

The rule: before the first byte an error is a status and a JSON body; after it, it is an event of
the client's dialect and a clean end. This is one of the places where any exception is caught.
"""

from __future__ import annotations

import time
from contextlib import suppress

from pipelines.chain import Chain
from pipelines.dialects.base import Dialect, EndsCalls, OwnStatuses
from pipelines.errors import GatewayError, InternalError, ShuttingDown
from pipelines.events import Data, Event, Head, Media
from pipelines.exchange import Exchange
from proxy.background import Background
from proxy.http.asgi import Send
from proxy.http.guard import ClientGuard
from proxy.http.headers import call_headers, error_headers, reply_headers
from proxy.http.keepalive import KeepAlive
from proxy.telemetry.logging import BoundLogger, get_logger


class Reply:
    """The reply of one exchange to its client."""

    __slots__ = (
        "_background",
        "_dialect",
        "_ended",
        "_exchange",
        "_head",
        "_keep_alive",
        "_parts",
        "_ping_interval",
        "_send",
        "_started",
    )

    def __init__(
        self,
        exchange: Exchange,
        dialect: Dialect,
        send: Send,
        background: Background,
        ping_interval: float = 0.0,
    ) -> None:
        self._exchange = exchange
        self._dialect = dialect
        self._send = send
        self._head: Head | None = None
        self._parts: list[bytes] = []
        self._background = background
        self._ping_interval = ping_interval
        self._keep_alive: KeepAlive | None = None
        self._started = False
        # None: it goes on, and nothing was sent since somebody looked.
        self._ended: bool | None = False

    async def run(self, chain: Chain, guard: ClientGuard) -> None:
        """Run the chain and write what it yields, whatever happens."""
        try:
            async with guard, chain.run(self._exchange) as events:
                async for event in events:
                    if guard.cancelled:
                        break  # a stage swallowed the cancel
                    await self._take(event, guard)
            if guard.shutting_down:
                raise ShuttingDown
            if not self._ended and not guard.cancelled:
                raise InternalError("the flow ended without its End")
        except ShuttingDown as error:
            await self._fail(error)
        except InternalError as error:
            self._logger().error("internal error", error=error.message)
            await self._fail(InternalError())
        except GatewayError as error:
            await self._fail(error)
        except Exception:
            self._logger().exception("unexpected error")
            await self._fail(InternalError())
        finally:
            if self._keep_alive is not None:
                self._keep_alive.end()

    def silent(self) -> bool:
        """Whether nothing was sent since this was last asked."""
        if self._ended is None:
            return True
        if not self._ended:
            self._ended = None
        return False

    async def ping(self) -> None:
        """Send what says nothing, unless the stream has ended."""
        if not self._ended and not self._exchange.client_gone:
            raw = self._exchange.call.operation.ping
            with suppress(OSError):
                await self._send({"type": "http.response.body", "body": raw, "more_body": True})

    async def _take(self, event: Event, guard: ClientGuard) -> None:
        if type(event) is Data:
            if self._started:
                await self._body(event.raw, more=True)
            else:
                self._parts.append(event.raw)
        elif type(event) is Head:
            self._head = event
            if event.media is not Media.JSON:
                await self._start(
                    event.status, reply_headers(self._exchange, event.media, event.headers)
                )
                self._look_after(event.media)
        else:
            # Before the last piece: a server says that the client left as soon as it is sent.
            guard.release()
            if self._started:
                await self._body(b"", more=False)
            elif self._head is not None:
                await self._whole(self._head)

    def _look_after(self, media: Media) -> None:
        if self._ping_interval and media is Media.SSE and self._exchange.call.operation.ping:
            self._keep_alive = KeepAlive(self._background, self._ping_interval, self)
            self._keep_alive.begin()

    async def _whole(self, head: Head) -> None:
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        headers = reply_headers(self._exchange, head.media, head.headers)
        headers.append((b"content-length", b"%d" % len(body)))
        await self._start(head.status, headers)
        await self._body(body, more=False)

    async def _fail(self, error: GatewayError) -> None:
        if self._ended or self._exchange.client_gone:
            return
        error.call_id = self._exchange.id
        if self._started:
            if self._head is not None and not self._head.media.streams:
                # A cut body without a last chunk is the only sign that such a client understands.
                raise error
            await self._body(self._error_events(error), more=False)
            return
        body = self._dialect.error(error)
        headers = [
            *call_headers(self._exchange),
            *error_headers(error),
            (b"content-length", b"%d" % len(body)),
        ]
        await self._start(self._status(error), headers)
        await self._body(body, more=False)

    def _error_events(self, error: GatewayError) -> bytes:
        if isinstance(self._dialect, EndsCalls):
            return self._dialect.call_error_events(error, self._exchange.call)
        return self._dialect.error_events(error)

    def _status(self, error: GatewayError) -> int:
        if isinstance(self._dialect, OwnStatuses):
            return self._dialect.status(error)
        return error.status

    async def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self._started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _body(self, raw: bytes, more: bool) -> None:
        if self._exchange.first_byte is None and raw:
            self._exchange.first_byte = time.monotonic()
        self._ended = not more
        await self._send({"type": "http.response.body", "body": raw, "more_body": more})

    def _logger(self) -> BoundLogger:
        return get_logger(__name__).bind(id=self._exchange.id)
