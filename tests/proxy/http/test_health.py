"""Anybody learns whether the gateway lives; what it serves is told to callers who are known."""

from __future__ import annotations

import time
from typing import Any

import pytest

from pipelines.errors import ConnectFailed
from pipelines.registry import DIALECTS
from pipelines.routing.health import Rest
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Routes
from proxy import __version__
from proxy.clock import SystemClock
from proxy.config.probing import ProbeSettings
from proxy.probes import Probe, Probes
from tests.builders import SECRET, a_deployment
from tests.fakes.asgi import Client
from tests.fakes.ports import FakeTransport, fake_ports
from tests.proxy.http.serving import BEARER, House, known

Header = tuple[bytes, bytes]

LISTED = {"healthy_endpoints", "unhealthy_endpoints", "healthy_count", "unhealthy_count"}
WRONG = (b"authorization", b"Bearer sk-wrong")


def a_house(**settings: Any) -> House:
    routes = Routes([a_deployment("d1", "gpt"), a_deployment("d2", "acme/*")])
    return House(fake_ports(routes=routes, keys=known()), **settings)


async def ask(house: House, path: str, *headers: Header, method: str = "GET") -> Client:
    return await Client(house.gateway, path, method=method, headers=headers).answer()


async def test_a_stranger_learns_the_state_and_no_more() -> None:
    client = await ask(a_house(), "/health")
    assert client.status == 200
    assert set(client.json) == {"status", "version", "uptime_seconds", "models"}
    assert client.json["status"] == "healthy"
    assert client.json["version"] == __version__
    assert client.json["models"] == 2
    assert client.json["uptime_seconds"] >= 0


@pytest.mark.parametrize("header", [WRONG, (b"authorization", b"Basic YTpi"), (b"api-key", b"x")])
async def test_a_wrong_key_is_a_strangers(header: Header) -> None:
    client = await ask(a_house(), "/health", header)
    assert client.status == 200
    assert not LISTED & set(client.json)


async def test_a_known_caller_learns_the_deployments_as_litellm_lists_them() -> None:
    client = await ask(a_house(), "/health", BEARER)
    assert set(client.json) > LISTED
    assert client.json["healthy_count"] == len(client.json["healthy_endpoints"]) == 2
    assert client.json["unhealthy_endpoints"] == []
    assert client.json["unhealthy_count"] == 0
    assert client.json["healthy_endpoints"][0] == {
        "model": "acme/gpt",
        "model_name": "gpt",
        "model_id": "d1",
        "api_base": "https://acme.example/v1",
    }
    assert SECRET.encode() not in client.body


async def test_the_key_may_stand_in_the_header_of_the_configuration() -> None:
    house = a_house(key_header="X-My-Key")
    assert set((await ask(house, "/health", (b"x-my-key", b"sk-test"))).json) > LISTED


async def test_no_question_calls_a_model() -> None:
    house = a_house()
    for path in ("/health", "/health/liveliness", "/health/liveness", "/health/readiness"):
        await ask(house, path, BEARER)
    assert not house.ports.transport.requests  # type: ignore[attr-defined]
    assert not house.journal.records


@pytest.mark.parametrize("path", ["/health/liveliness", "/health/liveness"])
async def test_who_lives_says_so(path: str) -> None:
    client = await ask(a_house(), path)
    assert client.status == 200
    assert client.json == "I'm alive!"


async def test_who_is_ready_says_so() -> None:
    client = await ask(a_house(), "/health/readiness")
    assert client.status == 200
    assert client.json["status"] == "healthy"
    assert client.json["version"] == __version__


@pytest.mark.parametrize("path", ["/health/liveliness", "/health/liveness", "/health/readiness"])
async def test_a_gateway_that_drains_wants_no_new_calls(path: str) -> None:
    house = a_house()
    house.live.begin()
    client = await ask(house, path)
    assert client.status == 503
    assert client.json == {"status": "shutting_down"}


async def test_a_gateway_that_drains_says_so_on_its_health() -> None:
    house = a_house()
    house.live.begin()
    assert (await ask(house, "/health")).json["status"] == "draining"


@pytest.mark.parametrize("path", ["/health/liveliness", "/health/liveness", "/health/readiness"])
async def test_options_is_answered_as_litellm_does(path: str) -> None:
    assert (await ask(a_house(), path, method="OPTIONS")).status == 200


async def test_the_root_says_what_this_is() -> None:
    client = await ask(a_house(), "/")
    assert client.json == {"name": "Headgate", "version": __version__, "api": "/v1"}


@pytest.mark.parametrize("path", ["/", "/health", "/health/liveliness", "/health/readiness"])
async def test_head_is_answered(path: str) -> None:
    assert (await ask(a_house(), path, method="HEAD")).status == 200


async def test_a_deployment_that_rests_is_unhealthy_and_says_why() -> None:
    house = a_house()
    house.runtime.health.rested("d1", Rest(time.time() + 60, "it refuses", 60.0))
    answer = (await ask(house, "/health", BEARER)).json
    assert [one["model_id"] for one in answer["healthy_endpoints"]] == ["d2"]
    (unwell,) = answer["unhealthy_endpoints"]
    assert unwell["model_id"] == "d1"
    assert unwell["error"] == "it refuses"
    assert 59 < unwell["rests_for_seconds"] <= 60
    assert answer["unhealthy_count"] == 1


async def test_details_can_be_left_out() -> None:
    house = a_house(probing=ProbeSettings(details=False))
    house.runtime.health.rested("d1", Rest(time.time() + 60, "it refuses", 60.0))
    (unwell,) = (await ask(house, "/health", BEARER)).json["unhealthy_endpoints"]
    assert set(unwell) == {"model", "model_name", "model_id"}


async def test_one_model_can_be_asked_for() -> None:
    client = Client(a_house().gateway, "/health", method="GET", headers=[BEARER])
    client.scope["query_string"] = b"model_id=d2"
    assert [one["model_id"] for one in (await client.answer()).json["healthy_endpoints"]] == ["d2"]


async def test_who_names_a_model_has_its_provider_asked_now_if_he_is_an_admin() -> None:
    house = a_house()
    transport = FakeTransport(ConnectFailed("it is not there"))
    probe = Probe(transport, DIALECTS, RoutePolicy(), SystemClock())
    routes, health = house.runtime.routes, house.runtime.health
    house.runtime.probes = Probes(probe, ProbeSettings(), routes, health, SystemClock())
    client = Client(house.gateway, "/health", method="GET", headers=[BEARER])
    client.scope["query_string"] = b"model=gpt"
    answer = (await client.answer()).json
    assert len(transport.requests) == 1
    (unwell,) = answer["unhealthy_endpoints"]
    assert unwell["error"] == "it is not there"
    assert unwell["last_check"].endswith("+00:00")
