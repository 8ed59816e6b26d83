"""The scheme of an address says who carries a request."""

from __future__ import annotations

import asyncio

import pytest

from proxy.transport.choice import SchemeTransport
from tests.builders import an_upstream_request
from tests.fakes.ports import FakeReply, FakeTransport


def opened_by(url: str) -> list[str]:
    transports = {name: FakeTransport(FakeReply()) for name in ("http", "mock", "other")}
    choice = SchemeTransport(
        transports["http"], {"mock": transports["mock"], "other": transports["other"]}
    )
    request = an_upstream_request()
    request.url = url

    async def ask() -> None:
        async with choice.open(request) as reply:
            assert reply.status == 200

    asyncio.run(ask())
    assert all(transport.still_open == 0 for transport in transports.values())
    return [name for name, transport in transports.items() if transport.requests]


@pytest.mark.parametrize(
    "url", ["http://a.example/v1", "https://a.example/v1", "HTTPS://A.EXAMPLE"]
)
def test_what_is_http_goes_over_http(url: str) -> None:
    assert opened_by(url) == ["http"]


@pytest.mark.parametrize("scheme", ["mock", "other"])
def test_a_scheme_of_its_own_has_a_transport_of_its_own(scheme: str) -> None:
    assert opened_by(f"{scheme}://demo/v1") == [scheme]


@pytest.mark.parametrize("url", ["ftp://a.example", "nonsense", "", "mockery://x", "://"])
def test_everything_else_goes_over_http_which_says_what_is_wrong(url: str) -> None:
    assert opened_by(url) == ["http"]
