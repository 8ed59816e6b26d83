"""A client in front of an ASGI application, without a server in between.

The rule: it does what a server does and no more. It feeds `receive`, takes what is sent piece by
piece, can leave at any moment, and says `http.disconnect` after the last piece, as ASGI demands.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from proxy.http.asgi import LEFT, App, Message, Scope

PATIENCE = 5.0
START = "http.response.start"
BODY = "http.response.body"


class Client:
    """One request to an application, and its answer as far as it was sent.

    `sent` holds what reached the client, `late` what the app sent although it had been told that
    the client left; `waiting` says that the app waits in `send`. Where `lingers` is off, `send`
    gives no turn of the loop away. A client that `calls_back` offers our server's extension. A body
    that is not `whole` never ends. An app that breaks ASGI's order gets an error.
    """

    calls_back = False

    def __init__(
        self,
        app: App,
        path: str = "/v1/chat/completions",
        body: bytes | Iterable[bytes] = b"",
        method: str = "POST",
        headers: Iterable[tuple[bytes, bytes]] = (),
        whole: bool = True,
    ) -> None:
        self._app = app
        self._inbox = _requests([body] if isinstance(body, bytes) else list(body), whole)
        self._waiters: list[asyncio.Future[None]] = []
        self._held = sys.maxsize
        self._left: Callable[[], None] | None = None
        self._told = False
        self._task: asyncio.Task[None] | None = None
        self.scope = _scope(method, path, headers)
        self.sent: list[Message] = []
        self.late: list[Message] = []
        self.waiting = False
        self.gone = False
        self.lingers = True

    def start(self) -> asyncio.Task[None]:
        """Send the request; the app runs in a task of its own."""
        if self.calls_back:
            self.scope["extensions"][LEFT] = self.watch
        self._task = asyncio.create_task(self._run())
        return self._task

    async def answer(self) -> Client:
        """Send the request and wait until the app has returned; raises what the app raised."""
        self.start()
        await self.ended()
        return self

    async def ended(self) -> None:
        """Wait until the app has returned; raises what the app raised."""
        assert self._task is not None
        async with asyncio.timeout(PATIENCE):
            await self._task

    async def until(self, true: Callable[[Client], bool]) -> None:
        """Wait until something is true of this client."""
        async with asyncio.timeout(PATIENCE):
            while not true(self):
                await self._change()

    async def until_sent(self, count: int) -> None:
        """Wait until so many messages were sent."""
        await self.until(lambda it: len(it.sent) >= count)

    def hold(self, after: int = 0) -> None:
        """Read no further than so many messages: `send` waits."""
        self._held = after

    def go_on(self) -> None:
        """Read on."""
        self._held = sys.maxsize
        self._wake()

    def leave(self) -> None:
        """Close the connection."""
        self.gone = True
        self._wake()
        if self._left is not None and not self.complete:
            self._told = True
            self._left()

    @property
    def status(self) -> int:
        """The status of the answer."""
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer; none may come twice."""
        pairs: list[tuple[bytes, bytes]] = list(self.sent[0]["headers"])
        found = {name.decode(): value.decode("latin-1") for name, value in pairs}
        assert len(found) == len(pairs), pairs
        return found

    @property
    def pieces(self) -> list[bytes]:
        """The bodies of the messages after the first, empty ones too."""
        return [message["body"] for message in self.sent[1:]]

    @property
    def body(self) -> bytes:
        """The body of the answer."""
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        """The body of the answer as JSON."""
        return orjson.loads(self.body)

    @property
    def complete(self) -> bool:
        """Whether the answer was sent to its end."""
        return len(self.sent) > 1 and not self.sent[-1].get("more_body", False)

    async def _run(self) -> None:
        await self._app(self.scope, self.receive, self.send)

    async def receive(self) -> Message:
        """What the client sends, or that it left."""
        while not (self.gone or self.complete):
            if self._inbox:
                return self._inbox.pop(0)
            await self._change()
        self._told = self.gone
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take one message of the answer."""
        if self.gone:
            if self._told:
                self.late.append(message)
            await asyncio.sleep(0)
            return
        kind = BODY if self.sent else START
        if message["type"] != kind or self.complete:
            raise RuntimeError(f"{message} cannot come after {self.sent[-1:]}")
        self.sent.append(message)
        self._wake()
        if self.lingers:
            # A server may run others before it returns, and those may see what was sent.
            await asyncio.sleep(0)
        while len(self.sent) >= self._held and not self.gone:
            self.waiting = True
            self._wake()
            await self._change()
        self.waiting = False

    def watch(self, left: Callable[[], None]) -> None:
        """Call back when the client leaves before its answer is complete."""
        self._left = left
        if self.gone:
            left()

    async def _change(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            self._waiters.remove(waiter)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


def _requests(parts: list[bytes], whole: bool) -> list[Message]:
    messages: list[Message] = [
        {"type": "http.request", "body": part, "more_body": True} for part in parts
    ]
    messages[-1]["more_body"] = not whole
    return messages


def _scope(method: str, path: str, headers: Iterable[tuple[bytes, bytes]]) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"gateway.test"), *headers],
        "client": ("192.0.2.7", 50_000),
        "server": ("gateway.test", 80),
        "state": {},
        "extensions": {},
    }
