"""The transport over HTTP; the only importer of aiohttp.

The rule: one session a provider, no total time-out, no redirect, no cookie, no decompression, and
a reply that is left early has its connection closed.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from io import BytesIO
from types import TracebackType

import aiohttp

from pipelines.errors import (
    ConnectFailed,
    FirstByteTimeout,
    StreamBroken,
    UpstreamError,
    UpstreamFailed,
)
from pipelines.events import Headers
from pipelines.ports import UpstreamReply
from pipelines.upstream import UpstreamRequest
from proxy.transport.watchdog import Watchdog

HOP_BY_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization",
        b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip
KEEP_ALIVE = 30.0
MAX_LINE = 32 * 1024
READ_BUFFER = 64 * 1024
LARGE_BODY = 1024 * 1024


class HttpTransport:
    """Carries requests to providers over HTTP/1.1; times in seconds."""

    def __init__(self, connect_timeout: float, verify: bool | ssl.SSLContext = True) -> None:
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout)
        self._verify = verify
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self, request: UpstreamRequest) -> AbstractAsyncContextManager[UpstreamReply]:
        """Send, and wait for the head. Raises ConnectFailed, FirstByteTimeout, UpstreamFailed."""
        if self._loop is None:
            # Asked for once: on Python 3.11 it costs a system call.
            self._loop = asyncio.get_running_loop()
        dog = Watchdog(self._loop)
        return _Opening(self._session(request.pool), request, self._timeout, dog)

    def _session(self, pool: str) -> aiohttp.ClientSession:
        session = self._sessions.get(pool)
        if session is None:
            session = aiohttp.ClientSession(
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(
                    limit=0, keepalive_timeout=KEEP_ALIVE, ssl=self._verify
                ),
                headers={"Accept-Encoding": "identity", "User-Agent": "headgate"},
                max_line_size=MAX_LINE,
                max_field_size=MAX_LINE,
                read_bufsize=READ_BUFFER,
                skip_auto_headers=("Accept",),
            )
            self._sessions[pool] = session
        return session

    async def close(self) -> None:
        """Close every connection."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()


class _Opening:
    """One exchange with a provider: entered when the head is there, left when nothing more is
    wanted. A reply that was read to its end has given its connection back by then."""

    __slots__ = ("_dog", "_request", "_response", "_session", "_timeout")

    def __init__(
        self,
        session: aiohttp.ClientSession,
        request: UpstreamRequest,
        timeout: aiohttp.ClientTimeout,
        dog: Watchdog,
    ) -> None:
        self._session = session
        self._request = request
        self._timeout = timeout
        self._dog = dog
        self._response: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> UpstreamReply:
        request = self._request
        dog = self._dog.within(request.first_byte)
        try:
            with dog:
                self._response = await self._session.request(
                    request.method,
                    request.url,
                    data=_payload(request.body),
                    headers=request.headers,
                    allow_redirects=False,
                    timeout=self._timeout,
                )
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise _failure(request, error) from None
        finally:
            if self._response is None:
                self._dog.close()
        return HttpReply(self._response, request, dog, dog.deadline)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._dog.close()
        if self._response is not None:
            self._response.close()


class HttpReply:
    """A reply whose head has arrived."""

    __slots__ = ("_content", "_deadline", "_dog", "_request", "headers", "status")

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        request: UpstreamRequest,
        dog: Watchdog,
        deadline: float,
    ) -> None:
        self._content = response.content
        self._request = request
        self._dog = dog
        self._deadline = deadline
        self.status = response.status
        self.headers: Headers = [
            (lowered, value)
            for name, value in response.raw_headers
            if (lowered := name.lower()) not in HOP_BY_HOP
        ]

    def reads(self) -> AsyncIterator[bytes]:
        """The body, one item a read. Raises FirstByteTimeout, UpstreamFailed, StreamBroken."""
        return _Reads(self._content, self._request, self._dog, self._deadline)

    async def body(self, limit: int) -> bytes:
        """The whole body, which must arrive before the deadline. Raises FirstByteTimeout,
        UpstreamFailed."""
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                with self._dog.until(self._deadline):
                    part = await self._content.readany()
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise UpstreamFailed(f"{self._request.pool} sent a body over {limit} bytes.")
                if self._content.at_eof():
                    return parts[0] if len(parts) == 1 else b"".join(parts)
        except TimeoutError:
            raise _silent(self._request) from None
        except aiohttp.ClientError as error:
            raise UpstreamFailed(_broke_off(self._request, error)) from None


class _Reads:
    """The reads of a body; the first one has the first-byte deadline, the others the idle limit."""

    __slots__ = ("_content", "_deadline", "_dog", "_request")

    def __init__(
        self,
        content: aiohttp.StreamReader,
        request: UpstreamRequest,
        dog: Watchdog,
        deadline: float,
    ) -> None:
        self._content = content
        self._request = request
        self._dog = dog
        self._deadline: float | None = deadline

    def __aiter__(self) -> _Reads:
        return self

    async def __anext__(self) -> bytes:
        dog, deadline = self._dog, self._deadline
        bounded = dog.within(self._request.idle) if deadline is None else dog.until(deadline)
        try:
            with bounded:
                raw = await self._content.readany()
        except (TimeoutError, aiohttp.ClientError) as error:
            raise self._failure(error) from None
        if not raw:
            raise StopAsyncIteration
        self._deadline = None
        return raw

    def _failure(self, error: Exception) -> UpstreamError:
        begun = self._deadline is None
        if not isinstance(error, aiohttp.ClientError):
            return _stalled(self._request) if begun else _silent(self._request)
        words = _broke_off(self._request, error)
        return StreamBroken(words) if begun else UpstreamFailed(words)


def _payload(body: bytes) -> bytes | BytesIO | None:
    # aiohttp warns of larger bytes: it writes them in one go while all the others wait.
    return BytesIO(body) if len(body) > LARGE_BODY else body or None


def _failure(request: UpstreamRequest, error: Exception) -> UpstreamError:
    pool = request.pool
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return ConnectFailed(f"{pool} could not be reached in time.")
    if isinstance(error, TimeoutError):
        return _silent(request)
    if isinstance(error, aiohttp.ClientConnectorError):
        return ConnectFailed(f"{pool} could not be reached: {_why(error)}.")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return UpstreamFailed(f"{pool} closed the connection without an answer.")
    return UpstreamFailed(f"{pool} gave no valid answer: {_why(error)}.")


def _silent(request: UpstreamRequest) -> FirstByteTimeout:
    what = "did not begin to answer" if request.streaming else "did not answer"
    return FirstByteTimeout(f"{request.pool} {what} within {request.first_byte:g} s.")


def _stalled(request: UpstreamRequest) -> StreamBroken:
    error = StreamBroken(f"{request.pool} fell silent for {request.idle:g} s.")
    error.code = "upstream_stalled"
    return error


def _broke_off(request: UpstreamRequest, error: Exception) -> str:
    return f"{request.pool} broke off its answer: {_why(error)}."


def _why(error: BaseException) -> str:
    if not isinstance(error, aiohttp.ClientConnectorError):
        return type(error).__name__
    fault = error.os_error
    if fault.errno is not None and fault.errno > 0 and not isinstance(fault, ssl.SSLError):
        # The error's own words name the provider's address.
        return os.strerror(fault.errno)
    return fault.strerror or type(fault).__name__
