"""Who may read the metrics, and how they come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipelines.exchange import Principal
from pipelines.routing.routes import Routes
from proxy.app import Gateway
from proxy.clock import SystemClock
from proxy.config.metering import MetricSettings
from proxy.metering.meter import Meter
from tests.builders import a_deployment
from tests.fakes.asgi import Client
from tests.fakes.ports import FakeKeys, fake_ports
from tests.proxy.http.serving import BEARER, KEY, House, known

TOKEN = "scrape-me-please"


def a_gateway(
    keys: FakeKeys | None = None, master_key: str | None = KEY, **settings: Any
) -> Gateway:
    routes = Routes([a_deployment("d1", "gpt")])
    given = MetricSettings(**settings)
    house = House(fake_ports(routes=routes, keys=keys or known()))
    runtime = replace(
        house.runtime,
        settings=replace(house.runtime.settings, metering=given, master_key=master_key),
        meter=Meter(given, routes, SystemClock()),
    )
    return Gateway(runtime, house.live)


async def scrape(gateway: Gateway, *headers: tuple[bytes, bytes], path: str = "/metrics") -> Client:
    return await Client(gateway, path, method="GET", headers=headers).answer()


async def test_an_admin_reads_them() -> None:
    client = await scrape(a_gateway(), BEARER)
    assert client.status == 200
    assert client.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = [one.name for one in text_string_to_metric_families(client.body.decode())]
    assert {"headgate_workers", "headgate_open_calls", "litellm_in_flight_requests"} <= set(names)
    assert (await scrape(a_gateway(), BEARER, path="/metrics/")).status == 200


@pytest.mark.parametrize("key", ["", "Bearer sk-wrong", f"Bearer {TOKEN}"])
async def test_a_stranger_does_not(key: str) -> None:
    headers = [(b"authorization", key.encode())] if key else []
    client = await scrape(a_gateway(), *headers)
    assert client.status == 401
    assert b"headgate_" not in client.body


@pytest.mark.parametrize(
    ("role", "routes", "status"),
    [
        ("proxy_admin_viewer", (), 200),
        ("internal_user", (), 403),
        ("customer", ("/chat/completions",), 403),
        ("customer", ("/metrics",), 200),
    ],
)
async def test_other_keys_read_them_where_their_routes_say_so(
    role: str, routes: tuple[str, ...], status: int
) -> None:
    keys = FakeKeys({KEY: Principal("a", role=role, routes=routes)})
    assert (await scrape(a_gateway(keys), BEARER)).status == status


async def test_a_token_may_be_meant_for_it() -> None:
    gateway = a_gateway(token=TOKEN)
    assert (await scrape(gateway, (b"authorization", f"Bearer {TOKEN}".encode()))).status == 200
    assert (await scrape(gateway, (b"authorization", b"Bearer x"))).status == 401
    assert (await scrape(gateway, BEARER)).status == 200
    body = await Client(
        gateway, "/v1/models", method="GET", headers=[(b"authorization", TOKEN.encode())]
    ).answer()
    assert body.status == 401


async def test_they_may_be_for_everybody() -> None:
    assert (await scrape(a_gateway(public=True))).status == 200
    assert (await scrape(a_gateway(master_key=None))).status == 200
    assert (await scrape(a_gateway(master_key=""))).status == 401


async def test_a_gateway_that_measures_nothing_has_none() -> None:
    house = House(fake_ports(keys=known()))
    assert (await scrape(house.gateway, BEARER)).status == 404
