"""What the tests of the HTTP side share: a chain whose source is written by hand, and a gateway.

The rule: only the outermost things are fakes; the stages, the guard and the reply are the real
ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from pipelines.assembly import StageSpec, assemble
from pipelines.call import Call
from pipelines.chain import Chain
from pipelines.dialects.openai_dialects import OPENAI_CHAT
from pipelines.events import Data, End, Event, Flow, Media, Proceed
from pipelines.exchange import Exchange, Principal
from pipelines.ports import Ports
from pipelines.registry import DEFAULT_STAGES, DIALECTS
from pipelines.routing.routes import Routes
from pipelines.stage import Stage
from pipelines.usage import NO_USAGE
from proxy.app import Gateway
from proxy.background import Background
from proxy.config.settings import Settings
from proxy.discovery import Discovery
from proxy.http.asgi import LEFT, Receive, Scope, Send
from proxy.http.guard import ClientGuard
from proxy.http.live import Live
from proxy.http.reply import Reply
from proxy.runtime import Runtime, explainer, stored_models
from proxy.stores.cache.memory import MemoryReplies
from proxy.transport.client import HttpTransport
from tests.builders import a_deployment, a_head, a_stream_call, an_exchange
from tests.fakes.ports import FakeJournal, FakeKeys, FakeReply, fake_ports

KEY = "sk-test"
BEARER = (b"authorization", b"Bearer " + KEY.encode())
THE_END = End(NO_USAGE)
ONE = b"data: 1\n\n"
DONE = b"data: [DONE]\n\n"

Script = Callable[[Exchange], Flow]


class Source:
    """A chain's source whose flow is written by hand."""

    name = "stream"
    needs: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()

    def __init__(self, script: Script) -> None:
        self._script = script

    def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        return self._script(exchange)


class Stalling:
    """A source that stops before one of its four events, and remembers by what it was left."""

    def __init__(self, before: int, media: Media = Media.SSE) -> None:
        self.at = asyncio.Event()
        self.left_by: list[str] = []
        self._before = before
        self._events: tuple[Event, ...] = (a_head(media), Data(ONE), Data(ONE), THE_END)

    def source(self) -> Source:
        """The source, which may run once."""
        return Source(self._script)

    async def _script(self, _: Exchange) -> Flow:
        try:
            for number, event in enumerate(self._events):
                if number == self._before:
                    self.at.set()
                    await asyncio.sleep(3600)
                yield event
        except BaseException as error:
            self.left_by.append(type(error).__name__)
            raise


class Watcher:
    """A stage that passes everything on and writes its name into `trail` when it is closed."""

    needs: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()

    def __init__(self, name: str, trail: list[str]) -> None:
        self.name = name
        self._trail = trail

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        try:
            async for event in proceed():
                yield event
        finally:
            self._trail.append(self.name)


def playing(*steps: Event | BaseException) -> Source:
    """A source that gives these events; an exception among them is raised in its place."""

    async def script(_: Exchange) -> Flow:
        for step in steps:
            if isinstance(step, BaseException):
                raise step
            yield step

    return Source(script)


def streaming(*pieces: bytes) -> Source:
    """A source that streams these pieces and ends well."""
    return playing(a_head(), *(Data(piece) for piece in pieces), THE_END)


class Calls:
    """An application that answers each request by one chain, and remembers what it worked with.

    `cancelling` holds how many cancels each request's task had left when its reply was over.
    """

    def __init__(self, *stages: Stage, call: Call | None = None) -> None:
        self._chain = Chain(stages)
        self._call = call
        self.background = Background()
        self.ping_interval = 0.0
        self.exchanges: list[Exchange] = []
        self.guards: list[ClientGuard] = []
        self.cancelling: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        exchange = an_exchange(self._call or a_stream_call())
        guard = ClientGuard(exchange, receive, self.background, scope["extensions"].get(LEFT))
        self.exchanges.append(exchange)
        self.guards.append(guard)
        reply = Reply(exchange, OPENAI_CHAT, send, self.background, self.ping_interval)
        await reply.run(self._chain, guard)
        task = asyncio.current_task()
        assert task is not None
        self.cancelling.append(task.cancelling())

    async def at_rest(self) -> None:
        """Check that one call was answered and has left nothing behind."""
        await self.background.close(within=1.0)
        assert self.cancelling == [0]


class Gated(FakeReply):
    """A provider's stream whose second piece comes when the gate is opened."""

    def __init__(self, first: bytes, rest: bytes) -> None:
        super().__init__([first, rest])
        self.gate = asyncio.Event()

    async def reads(self) -> AsyncIterator[bytes]:
        first, rest = (piece for piece in self.pieces if isinstance(piece, bytes))
        yield first
        await self.gate.wait()
        yield rest


def known(models: Sequence[str] | None = None) -> FakeKeys:
    """A key store that knows one key, which may use all models or those named."""
    allowed = None if models is None else frozenset(models)
    return FakeKeys({KEY: Principal("tester", "digest", allowed)})


class House:
    """A whole gateway over ports that may be fakes."""

    def __init__(self, ports: Ports | None = None, **settings: Any) -> None:
        given = ports or fake_ports(routes=Routes([a_deployment()]), keys=known())
        self.ports = given
        self.live = Live()
        self.background = Background()
        header = settings.get("key_header")
        specs = [
            StageSpec(name, {"key_header": header} if name == "auth" and header else {})
            for name in DEFAULT_STAGES
        ]
        discovery = Discovery(given.transport, given.clock, given.routes, self.background)
        decided = Settings(source="test", routes=given.routes, **settings)
        self.runtime = Runtime(
            settings=decided,
            chain=assemble(specs, given),
            keys=given.keys,
            routes=given.routes,
            dialects=DIALECTS,
            discovery=discovery,
            background=self.background,
            ledger=given.ledger,
            models=stored_models(decided),
            _http=HttpTransport(1.0),
            replies=MemoryReplies(given.clock, 1 << 20, 1 << 16),
            explainer=explainer(given, decided.choosing),
            responses=given.responses,
            users=given.users,
            parties=given.parties,
            traffic=given.traffic,
            health=given.health,
        )
        self.gateway = Gateway(self.runtime, self.live)

    @property
    def journal(self) -> FakeJournal:
        """The records of the calls."""
        assert isinstance(self.ports.journal, FakeJournal)
        return self.ports.journal
