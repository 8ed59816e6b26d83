"""Runs the application on Hypercorn, and ends it in order.

The rule: Hypercorn is imported here and nowhere else; every deadline is our own.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import hypercorn.asyncio.run as hypercorn_run
from hypercorn.asyncio.run import worker_serve
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config, Sockets
from hypercorn.events import Event, RawData
from hypercorn.utils import LifespanFailureError, LifespanTimeoutError, wrap_app

import proxy
from proxy.connection import Line, Service, Timeouts, ends_of
from proxy.framing import MAX_HEAD_BYTES
from proxy.http.asgi import App

T = TypeVar("T")

FIRST_READ = 256 * 1024
FLIGHT = 0.05
FRESH = 1.0
REFUSED = 2.0
KERNEL_QUEUE = 128 * 1024
AFTERMATH = 5.0
UNWIND = 1.0
POLL = 0.01


class ServerError(Exception):
    """The server cannot start; the message is a sentence for whoever started it."""


class Drain(Protocol):
    """What the server asks of the calls that are running when it has to stop."""

    def begin(self) -> None:
        """From now on the gateway is not ready for new calls."""

    async def idle(self) -> None:
        """Return when no call is running."""

    def expire(self) -> None:
        """End every running call now, with an error event."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where to listen and how long to wait; all times are in seconds."""

    host: str = "127.0.0.1"
    port: int = 4000
    drain_timeout: float = 120.0
    keep_alive: float = 75.0
    head_timeout: float = 10.0
    body_timeout: float = 60.0
    write_timeout: float = 60.0
    backlog: int = 2048
    certfile: str | None = None
    keyfile: str | None = None


class GatewayConfig(Config):
    """Hypercorn's configuration, by which our connections find what they share."""

    def __init__(self, settings: ServerSettings, service: Service) -> None:
        self.service = service
        self.connections: set[Connection] = set()
        self.backlog = settings.backlog
        self.certfile = settings.certfile
        self.keyfile = settings.keyfile
        self.keep_alive_timeout = settings.keep_alive
        self.keep_alive_max_requests = sys.maxsize
        self.h11_max_incomplete_size = MAX_HEAD_BYTES
        self.accesslog = None
        self.errorlog = logging.getLogger("hypercorn.error")
        self.include_server_header = False
        self.include_date_header = False
        # it would count a client's silence while an answer streams, and cut the answer
        self.read_timeout = None
        # only a net below our own deadline: Python 3.11 obeys it, 3.12 and later do not
        self.graceful_timeout = settings.drain_timeout + 2 * (AFTERMATH + UNWIND)


class Connection(TCPServer):
    """An accepted connection: HTTP/1.1 on it is ours, HTTP/2 and WebSocket are Hypercorn's."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._gateway = cast(GatewayConfig, self.config)
        self._line: Line | None = None
        self._aborted = False
        self.task: asyncio.Task[Any] = cast(asyncio.Task[Any], asyncio.current_task())

    async def run(self) -> None:
        """Serve until the connection is closed; raises nothing that a client can cause."""
        connections = self._gateway.connections
        connections.add(self)
        try:
            others = self._speaks_h2() or await self._speak_http1()
            if others and not self.writer.transport.is_closing():
                await super().run()
        except asyncio.CancelledError:
            if not self._aborted:
                raise
        except ExceptionGroup as errors:
            # some frames of a client upset Hypercorn's state machines
            logging.getLogger(__name__).warning("A connection was closed: %s", errors.exceptions)
            self.writer.transport.abort()
        finally:
            connections.discard(self)

    def retire(self) -> None:
        """Close if nothing runs on it; Hypercorn closes its own."""
        if self._line is not None:
            self._line.retire(FRESH)

    def abort(self) -> None:
        """Close now, whatever runs on it."""
        self._aborted = True
        self.writer.transport.abort()
        self.task.cancel()

    async def protocol_send(self, event: Event) -> None:
        """Send for Hypercorn; what it leaves behind of a WebSocket that was refused is ended."""
        data = event.data if type(event) is RawData and self._line is not None else b""
        if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 101 "):
            self.loop.call_later(REFUSED, self.abort)
        await super().protocol_send(event)

    def _speaks_h2(self) -> bool:
        tls = self.writer.get_extra_info("ssl_object")
        return tls is not None and tls.selected_alpn_protocol() == "h2"

    async def _speak_http1(self) -> bool:
        transport = cast(asyncio.Transport, self.writer.transport)
        if transport.is_closing():
            return False
        line = Line(self._gateway.service, transport, self.reader, ends_of(self.writer, self.state))
        self._line = line
        try:
            first = await self.reader.read(FIRST_READ)
            if first and not transport.is_closing():
                line.start(first)
                if self.reader.at_eof():
                    line.eof_received()
                    transport.close()
                return await line.over
        except OSError:
            pass  # the client reset the connection before it asked anything
        finally:
            if not line.over.done():
                transport.abort()
                line.connection_lost(None)
        return False


class _Connections:
    """Stands in for the TCPServer that Hypercorn makes for a connection, while ours are wanted."""

    def __init__(self, plain: Callable[..., TCPServer]) -> None:
        self.plain = plain
        self.users = 0

    def __call__(self, *parts: Any) -> TCPServer:
        ours = any(isinstance(part, GatewayConfig) for part in parts)
        return Connection(*parts) if ours else self.plain(*parts)


@contextmanager
def our_connections() -> Iterator[None]:
    """Have Hypercorn make our connections inside the block, and its own ones again after it."""
    names = vars(hypercorn_run)
    current = names["TCPServer"]
    stand_in = current if isinstance(current, _Connections) else _Connections(current)
    stand_in.users += 1
    names["TCPServer"] = stand_in
    try:
        yield
    finally:
        stand_in.users -= 1
        if not stand_in.users:
            names["TCPServer"] = stand_in.plain


class _Server:
    """One run: Hypercorn at work, and beside it the way from the first signal to the last call."""

    def __init__(
        self, config: GatewayConfig, drain: Drain, timeout: float, wanted_ends: asyncio.Event
    ) -> None:
        self._config = config
        self._drain = drain
        self._timeout = timeout
        self._deadline: asyncio.Timeout | None = None
        self._accepting_ends = asyncio.Event()
        self._ended = False
        self._wanted_ends = wanted_ends

    async def run(self, listener: socket.socket, ready: Callable[[int], None]) -> None:
        """Serve on the socket until the end is wanted and everything has ended."""
        both = (self._work(listener, ready), self._watch())
        for result in await asyncio.gather(*both, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    def signalled(self) -> None:
        """The first signal begins the end, the second makes the deadline now."""
        if not self._wanted_ends.is_set():
            self._wanted_ends.set()
            return
        self._timeout = 0.0
        if self._deadline is not None:
            self._deadline.reschedule(asyncio.get_running_loop().time())

    async def _work(self, listener: socket.socket, ready: Callable[[int], None]) -> None:
        config = self._config
        port: int = listener.getsockname()[1]
        tls = config.ssl_enabled
        sockets = Sockets([listener] if tls else [], [] if tls else [listener], [])

        async def accept() -> None:
            ready(port)
            await self._accepting_ends.wait()

        try:
            app = wrap_app(cast(Any, config.service.app), config.wsgi_max_body_size, "asgi")
            await worker_serve(app, config, sockets=sockets, shutdown_trigger=accept)
        except (LifespanFailureError, LifespanTimeoutError) as error:
            lines = str(error).strip(" '").splitlines()
            raise ServerError(f"The application did not start: {lines[-1]}") from error
        finally:
            self._ended = True
            self._wanted_ends.set()

    async def _watch(self) -> None:
        try:
            await self._wanted_ends.wait()
            if not self._ended:
                await self._stop()
        finally:
            self._accepting_ends.set()
            self._abort()

    async def _stop(self) -> None:
        config = self._config
        self._drain.begin()
        config.service.closing = True
        self._accepting_ends.set()
        await asyncio.sleep(FLIGHT)  # a request may be on its way on a connection that looks idle
        for connection in tuple(config.connections):
            connection.retire()
        try:
            async with asyncio.timeout(self._timeout) as self._deadline:
                await self._drain.idle()
        except TimeoutError:
            self._drain.expire()
        finally:
            self._deadline = None
        await self._wait(AFTERMATH)
        self._abort()
        await self._wait(UNWIND)

    def _abort(self) -> None:
        for connection in tuple(self._config.connections):
            connection.abort()
        for call in tuple(self._config.service.calls):
            call.cancel()

    async def _wait(self, seconds: float) -> None:
        tasks = {one.task for one in self._config.connections} | self._config.service.calls
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)


async def serve(
    app: App,
    settings: ServerSettings,
    drain: Drain,
    *,
    ready: Callable[[int], None] | None = None,
    stop: asyncio.Event | None = None,
    louder: Callable[[], None] = lambda: None,
) -> None:
    """Serve until `stop` is set, or SIGTERM or SIGINT comes; then drain. SIGUSR1: be `louder`."""
    check_package()
    timeouts = Timeouts(
        head=settings.head_timeout,
        body=settings.body_timeout,
        write=settings.write_timeout,
        idle=settings.keep_alive,
    )
    config = GatewayConfig(settings, Service(app, timeouts))
    _check_tls(config)
    server = _Server(config, drain, settings.drain_timeout, stop or asyncio.Event())
    with (
        listen(settings.host, settings.port, settings.backlog) as listener,
        our_connections(),
        _signals(server.signalled, louder) if stop is None else nullcontext(),
    ):
        await server.run(listener, ready or (lambda port: None))


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run the coroutine to its end, on uvloop where it is installed."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main())


def check_package(file: str | None = proxy.__file__, folder: Path = Path(__file__).parent) -> None:
    """Raise ServerError if the imported package `proxy` is not ours, or not ours alone."""
    foreign = file is None or Path(file).resolve().parent != folder.resolve()
    if foreign or (folder / "proxy.py").exists():
        place = Path(file).parent if file else folder
        raise ServerError(
            f"The package `proxy` in {place} is not Headgate's alone: the PyPI package proxy.py "
            "has the same name; install Headgate in an environment of its own."
        )


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """A socket that listens on the address; raises ServerError if that cannot be had."""
    if not 0 <= port <= 65535:
        raise ServerError(f"The port {port} is not between 0 and 65535.")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise ServerError(f"The host {host!r} is neither an address nor a known name.") from None
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise _cannot_bind(error, port, host) from error
    sock.setblocking(False)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        # what the kernel would take for a client that does not read, we could not see stand still
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, KERNEL_QUEUE)
    return sock


def _cannot_bind(error: OSError, port: int, host: str) -> ServerError:
    if error.errno == errno.EADDRINUSE:
        reason = "is in use by another program; stop that one, or choose another port"
    elif error.errno == errno.EADDRNOTAVAIL:
        reason = "cannot be listened on: the address is not one of this machine's"
    elif error.errno == errno.EACCES:
        reason = "may not be listened on by this user; choose a port above 1023"
    else:
        reason = f"cannot be listened on: {error.strerror or error}"
    return ServerError(f"Port {port} of {host} {reason}.")


def _check_tls(config: Config) -> None:
    if (config.certfile is None) != (config.keyfile is None):
        raise ServerError("TLS needs both a certificate file and a key file; only one is given.")
    try:
        config.create_ssl_context()
    except OSError as error:  # ssl.SSLError is one too
        raise ServerError(
            f"TLS cannot use {config.certfile} with {config.keyfile}: {error.strerror or error}."
        ) from error


@contextmanager
def _signals(end: Callable[[], None], louder: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    wanted = {signal.SIGTERM: end, signal.SIGINT: end, signal.SIGUSR1: louder}
    for number, work in wanted.items():
        loop.add_signal_handler(number, work)
    try:
        yield
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
