"""Wildcards are filled in with what the providers list, and nobody waits too long for it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest

from pipelines.deployment import Deployment
from pipelines.errors import ConnectFailed
from pipelines.events import Headers
from pipelines.provider import CredentialSpec, Provider
from pipelines.providers.credentials.bearer import Bearer
from pipelines.routing.routes import Routes
from pipelines.upstream import UpstreamRequest
from proxy.discovery import Discovery, ollama_is_up

PROVIDER = Provider(
    name="acme",
    title="Acme",
    docs="",
    base_url="",
    base_env=(),
    credential=CredentialSpec("bearer"),
    endpoints={},
    models_path="/models",
)
GROUPS: Mapping[str, str] = {"acme/*": "*"}


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_793_000_000 + self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Reply:
    """A reply that is there at once."""

    def __init__(self, status: int, raw: bytes) -> None:
        self.status = status
        self.headers: Headers = []
        self._raw = raw

    async def reads(self) -> AsyncIterator[bytes]:
        yield self._raw

    async def body(self, limit: int) -> bytes:
        assert len(self._raw) <= limit
        return self._raw


class Lists:
    """A transport that answers each address with its list, once it is let go."""

    def __init__(self) -> None:
        self.listed: object = {"data": [{"id": "b"}, {"id": "a"}]}
        self.status = 200
        self.fault: Exception | None = None
        self.requests: list[UpstreamRequest] = []
        self.go = asyncio.Event()
        self.go.set()

    @asynccontextmanager
    async def open(self, request: UpstreamRequest) -> AsyncIterator[Reply]:
        self.requests.append(request)
        await self.go.wait()
        if self.fault is not None:
            raise self.fault
        raw = self.listed if isinstance(self.listed, bytes) else orjson.dumps(self.listed)
        yield Reply(self.status, raw)


class Tasks:
    """Keeps the tasks that were spawned."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self.tasks.append(task)
        return task

    async def settle(self) -> None:
        await asyncio.gather(*self.tasks, return_exceptions=True)


class Scene:
    """A discovery with everything around it."""

    def __init__(self, groups: Mapping[str, str] = GROUPS, provider: Provider = PROVIDER) -> None:
        deployments = [
            Deployment(
                id=f"id-{group}",
                group=group,
                model=model,
                provider=provider,
                base_url="https://acme.example/v1/",
                credential=Bearer("sk-secret"),
                headers={"X-Org": "o"},
            )
            for group, model in groups.items()
        ]
        self.lists = Lists()
        self.clock = Hand()
        self.tasks = Tasks()
        self.routes = Routes(deployments)
        self.discovery = Discovery(self.lists, self.clock, self.routes, self.tasks)


def test_a_wildcard_offers_what_its_provider_lists_sorted_by_public_name() -> None:
    async def run() -> None:
        scene = Scene()
        assert await scene.discovery.models() == ("acme/a", "acme/b")
        (request,) = scene.lists.requests
        assert (request.method, request.url) == ("GET", "https://acme.example/v1/models")
        assert request.headers["Authorization"] == "Bearer sk-secret"
        assert request.headers["X-Org"] == "o"
        assert (request.body, request.streaming, request.pool) == (b"", False, "acme")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("group", "model", "expected"),
    [
        ("acme/*", "*", ("acme/gpt-5", "acme/gpt-5-mini", "acme/other")),
        ("*", "*", ("gpt-5", "gpt-5-mini", "other")),
        ("mine/*", "gpt-*", ("mine/5", "mine/5-mini")),
        ("*-small", "gpt-*-mini", ("5-small",)),
    ],
)
def test_every_name_that_is_offered_is_routed_to_the_model_it_stands_for(
    group: str, model: str, expected: tuple[str, ...]
) -> None:
    async def run() -> None:
        scene = Scene({group: model})
        ids = ["gpt-5", "other", "gpt-5-mini"]
        scene.lists.listed = {"data": [{"id": name} for name in ids]}
        names = await scene.discovery.models()
        assert names == expected
        assert {found.model for name in names for found in scene.routes.find(name)} <= set(ids)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("groups", "provider"),
    [
        ({"gpt-5": "gpt-5"}, PROVIDER),
        ({"any/*": "gpt-5"}, PROVIDER),
        ({"any/*/*": "*/*"}, PROVIDER),
        ({"re:any/(.*)": "*"}, PROVIDER),
        (GROUPS, replace(PROVIDER, models_path="")),
    ],
)
def test_what_is_no_wildcard_or_cannot_be_listed_is_not_asked(
    groups: Mapping[str, str], provider: Provider
) -> None:
    async def run() -> None:
        scene = Scene(groups, provider)
        assert await scene.discovery.models() == ()
        assert scene.lists.requests == []

    asyncio.run(run())


def test_a_list_is_kept_for_five_minutes() -> None:
    async def run() -> None:
        scene = Scene()
        await scene.discovery.models()
        scene.lists.listed = {"data": [{"id": "new"}]}
        scene.clock.now += 299
        assert await scene.discovery.models() == ("acme/a", "acme/b")
        scene.clock.now += 2
        assert await scene.discovery.models() == ("acme/new",)
        assert len(scene.lists.requests) == 2

    asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "listed", "fault"),
    [
        (200, {}, ConnectFailed("nobody is there")),
        (401, {"data": []}, None),
        (200, b"<html>", None),
        (200, {"error": {"message": "no"}}, None),
        (200, 7, None),
    ],
)
def test_a_failure_keeps_the_last_names_and_is_remembered_for_thirty_seconds(
    status: int, listed: object, fault: Exception | None
) -> None:
    async def run() -> None:
        scene = Scene()
        await scene.discovery.models()
        scene.lists.status, scene.lists.listed, scene.lists.fault = status, listed, fault
        scene.clock.now += 301
        for _ in range(3):
            assert await scene.discovery.models() == ("acme/a", "acme/b")
        assert len(scene.lists.requests) == 2
        scene.clock.now += 31
        await scene.discovery.models()
        assert len(scene.lists.requests) == 3

    asyncio.run(run())


def test_a_provider_that_never_answered_offers_nothing() -> None:
    async def run() -> None:
        scene = Scene()
        scene.lists.fault = ConnectFailed("nobody is there")
        assert await scene.discovery.models() == ()

    asyncio.run(run())


def test_a_look_up_that_dies_of_something_unforeseen_is_not_begun_again_at_once() -> None:
    async def run() -> None:
        scene = Scene()
        scene.lists.fault = ZeroDivisionError()
        assert await scene.discovery.models() == ()
        assert await scene.discovery.models() == ()
        assert len(scene.lists.requests) == 1
        await scene.tasks.settle()

    asyncio.run(run())


def test_a_slow_list_is_not_waited_for_and_is_there_the_next_time() -> None:
    async def run() -> None:
        scene = Scene()
        scene.lists.go.clear()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        assert await scene.discovery.models(within=0.05) == ()
        assert loop.time() - begun < 0.3
        assert await scene.discovery.models(within=0.0) == ()
        scene.lists.go.set()
        await scene.tasks.settle()
        assert await scene.discovery.models(within=0.0) == ("acme/a", "acme/b")
        assert len(scene.lists.requests) == 1

    asyncio.run(run())


def test_a_caller_who_leaves_does_not_end_the_look_up() -> None:
    async def run() -> None:
        scene = Scene()
        scene.lists.go.clear()
        caller = asyncio.create_task(scene.discovery.models())
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        scene.lists.go.set()
        await scene.tasks.settle()
        assert await scene.discovery.models(within=0.0) == ("acme/a", "acme/b")

    asyncio.run(run())


def test_all_providers_are_asked_at_the_same_time() -> None:
    async def run() -> None:
        scene = Scene({"x/*": "*", "y/*": "*", "z/*": "*"})
        scene.lists.go.clear()
        asking = asyncio.create_task(scene.discovery.models(within=5.0))
        await asyncio.sleep(0.02)
        assert len(scene.lists.requests) == 3
        scene.lists.go.set()
        assert await asking == ("x/a", "x/b", "y/a", "y/b", "z/a", "z/b")

    asyncio.run(run())


def test_odd_entries_are_passed_over_and_a_bare_list_is_taken() -> None:
    async def run() -> tuple[str, ...]:
        scene = Scene()
        good = {"id": "a:b/c"}
        odd = [{"id": 7}, {"id": ""}, {"id": "x\n"}, {"id": "y" * 201}, {}, None, "z"]
        scene.lists.listed = [good, *odd, good]
        return await scene.discovery.models()

    assert asyncio.run(run()) == ("acme/a:b/c",)


def test_a_provider_gives_at_most_two_thousand_names() -> None:
    async def run() -> tuple[str, ...]:
        scene = Scene()
        scene.lists.listed = {"data": [{"id": f"m{number:05}"} for number in range(5000)]}
        return await scene.discovery.models()

    names = asyncio.run(run())
    assert (len(names), names[-1]) == (2000, "acme/m01999")


def test_ollama_is_up_when_its_port_accepts_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert ollama_is_up(port=port)
    assert not ollama_is_up(port=port)
