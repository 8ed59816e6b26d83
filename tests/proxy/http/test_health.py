"""Anybody learns whether the gateway lives; what it serves is told to callers who are known."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.routing.routes import Routes
from proxy import __version__
from tests.builders import SECRET, a_deployment
from tests.fakes.asgi import Client
from tests.fakes.ports import fake_ports
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
