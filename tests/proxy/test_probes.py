"""Probes are cheap, and what they find decides where calls go, where the operator wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import orjson
import pytest

from pipelines.deployment import Deployment
from pipelines.errors import ConnectFailed, Denied, FirstByteTimeout, Overloaded, UpstreamError
from pipelines.registry import DIALECTS
from pipelines.routing.health import Health, Rest
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Routes
from proxy.clock import SystemClock
from proxy.config.probing import ProbeSettings
from proxy.probes import Checked, Probe, Probes
from tests.builders import a_completion, a_deployment, a_provider
from tests.fakes.ports import FakeReply, FakeTransport, Silence

LISTS = replace(a_provider(), models_path="/models")
JSON = [(b"content-type", b"application/json")]


def a_reply(status: int = 200, raw: bytes = b'{"data":[]}') -> FakeReply:
    return FakeReply([raw], status, JSON)


async def probed(transport: FakeTransport, deployment: Deployment, within: float = 5.0) -> Checked:
    return await Probe(transport, DIALECTS, RoutePolicy(), SystemClock())(deployment, within)


async def test_a_provider_with_a_list_of_models_is_asked_for_it() -> None:
    transport = FakeTransport(a_reply())
    found = await probed(transport, a_deployment(provider=LISTS))
    assert found.error is None
    (request,) = transport.requests
    assert (request.method, request.url) == ("GET", "https://acme.example/v1/models")
    assert "Authorization" in request.headers


@pytest.mark.parametrize("status", [401, 403, 500, 503])
async def test_a_list_that_is_refused_says_that_it_is_not_well(status: int) -> None:
    found = await probed(FakeTransport(a_reply(status)), a_deployment(provider=LISTS))
    assert found.error is not None
    assert str(status) in found.error.message
    assert isinstance(found.error, Denied) is (status < 500)


async def test_where_there_is_no_list_one_token_is_asked_for() -> None:
    transport = FakeTransport(a_reply(404), a_reply(raw=a_completion()))
    found = await probed(transport, a_deployment(provider=LISTS))
    assert found.error is None
    assert transport.requests[1].url.endswith("/chat/completions")
    assert orjson.loads(transport.requests[1].body)["max_tokens"] == 1
    assert transport.still_open == 0


async def test_a_model_that_is_named_for_it_is_called_instead() -> None:
    transport = FakeTransport(a_reply(raw=a_completion()))
    await probed(transport, a_deployment(provider=LISTS, probe_model="small"))
    assert orjson.loads(transport.requests[0].body)["model"] == "small"


async def test_the_call_is_one_of_the_deployments_mode() -> None:
    answer = b'{"object":"list","data":[{"index":0,"embedding":[1.0]}],"usage":{"total_tokens":1}}'
    transport = FakeTransport(a_reply(raw=answer))
    assert (await probed(transport, a_deployment(mode="embedding"))).error is None
    assert transport.requests[0].url.endswith("/embeddings")


async def test_what_would_be_dear_is_not_called() -> None:
    transport = FakeTransport(a_reply())
    assert (await probed(transport, a_deployment(mode="image_generation"))).error is None
    assert (await probed(transport, a_deployment(group="acme/*"))).error is None
    assert not transport.requests


async def test_an_error_of_the_call_is_what_is_wrong() -> None:
    error = (await probed(FakeTransport(ConnectFailed("gone")), a_deployment())).error
    assert isinstance(error, ConnectFailed)


async def test_a_provider_that_says_nothing_is_left() -> None:
    transport = FakeTransport(FakeReply([Silence()], 200, JSON))
    assert isinstance((await probed(transport, a_deployment(), 0.05)).error, FirstByteTimeout)
    assert transport.still_open == 0


class House:
    """Probes of two deployments of one group, whose answers are written by hand."""

    def __init__(self, names: Sequence[str] = ("d1", "d2"), **settings: object) -> None:
        self.deployments = [a_deployment(name) for name in names]
        self.health = Health()
        self.wrong: dict[str, UpstreamError] = {}
        self.asked: list[str] = []
        self.called = True
        decided = replace(ProbeSettings(routing=True), **settings)  # type: ignore[arg-type]
        probe: Probe = self  # type: ignore[assignment]
        routes = Routes(self.deployments)
        self.probes = Probes(probe, decided, routes, self.health, SystemClock())

    async def __call__(self, deployment: Deployment, within: float) -> Checked:
        self.asked.append(deployment.id)
        error = self.wrong.get(deployment.id)
        return Checked(SystemClock().time(), 0.0, error, self.called and error is None)

    def resting(self) -> list[str]:
        return sorted(self.health.rests(SystemClock().time()))


async def test_calls_go_round_who_is_not_well_until_it_is() -> None:
    house = House()
    house.wrong["d1"] = ConnectFailed("gone")
    await house.probes.cycle()
    assert house.resting() == ["d1"]
    found = house.probes.last("d1")
    assert found is not None
    assert found.error is house.wrong["d1"]
    house.wrong.clear()
    await house.probes.cycle()
    assert house.resting() == []


async def test_a_group_is_never_closed_as_a_whole() -> None:
    house = House()
    house.wrong = {"d1": ConnectFailed("gone"), "d2": ConnectFailed("gone")}
    await house.probes.cycle()
    assert house.resting() == []


async def test_the_last_one_that_was_well_takes_the_others_rests_with_it() -> None:
    house = House()
    house.wrong["d1"] = ConnectFailed("gone")
    await house.probes.cycle()
    house.wrong["d2"] = ConnectFailed("gone")
    await house.probes.cycle()
    assert house.resting() == []


async def test_a_list_of_models_wakes_nobody_who_rests_because_of_calls() -> None:
    house = House()
    house.called = False
    now = SystemClock().time()
    house.health.rested("d1", Rest(now + 60, "it is at its limit", 60.0))
    await house.probes.cycle()
    assert house.resting() == ["d1"]
    house.wrong["d2"] = ConnectFailed("gone")
    await house.probes.cycle()
    house.wrong.clear()
    await house.probes.cycle()
    assert house.resting() == ["d1"]


async def test_nothing_rests_where_the_operator_does_not_want_it() -> None:
    house = House(routing=False)
    house.wrong["d1"] = ConnectFailed("gone")
    await house.probes.cycle()
    assert house.resting() == []


async def test_who_is_merely_busy_may_be_let_off() -> None:
    house = House(ignores_transient=True)
    house.wrong["d1"] = Overloaded("busy")
    await house.probes.cycle()
    assert house.resting() == []


async def test_a_probe_wakes_who_rests_because_of_calls() -> None:
    house = House(routing=False)
    now = SystemClock().time()
    house.health.rested("d1", Rest(now + 60, "it refused", 60.0))
    await house.probes.cycle()
    assert house.resting() == []


async def test_only_those_are_probed_that_are_watched() -> None:
    house = House(groups=frozenset({"other"}))
    await house.probes.cycle()
    assert house.asked == []


async def test_they_are_probed_again_and_again() -> None:
    house = House(every=0.01)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await house.probes.run()
    assert house.asked.count("d1") > 2
