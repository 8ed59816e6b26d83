"""The admin API is loaded by the first call to it, and answers like any other part."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from starlette.routing import Match

from proxy.admin.late import ROOTS, LateAdmin
from proxy.admin.table import ENDPOINTS
from tests.architecture.tree import ROOT
from tests.fakes.asgi import Client
from tests.proxy.admin.harness import Admin
from tests.proxy.http.serving import House

SERVED = ("/docs", "/openapi.json", *(one.path for one in ENDPOINTS))
FOREIGN = (
    "/",
    "/keys",
    "/models",
    "/v1/models/a",
    "/v2/rerank",
    "/v1/chat/completions",
    "/favicon.ico",
)
PROGRAM = """
import asyncio, sys
from tests.fakes.asgi import Client
from tests.proxy.http.serving import House

async def main():
    house = House()
    for path in ("/v1/models", "/favicon.ico", "/openapi.json"):
        answer = await Client(house.gateway, path, method="GET").answer()
        print(path, answer.status, "proxy.admin.table" in sys.modules)

asyncio.run(main())
"""


def a_late() -> LateAdmin:
    return LateAdmin(lambda: Admin().backing)


def matched(path: str) -> bool:
    match, _ = a_late().matches({"type": "http", "path": path, "method": "GET"})
    return match is Match.FULL


def test_every_route_is_below_one_of_the_roots() -> None:
    assert [path for path in SERVED if not matched(path)] == []


def test_every_root_leads_to_a_route() -> None:
    idle = [root for root in ROOTS if not any(f"{path}/".startswith(f"{root}/") for path in SERVED)]
    assert idle == []


@pytest.mark.parametrize("path", FOREIGN)
def test_what_is_not_the_admin_apis_is_left_to_others(path: str) -> None:
    assert not matched(path)


def test_nothing_of_it_is_loaded_until_it_is_called() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == [
        "/v1/models 401 False",
        "/favicon.ico 404 False",
        "/openapi.json 200 True",
    ]


async def test_the_first_calls_may_come_at_once() -> None:
    house = House()
    paths = ("/openapi.json", "/docs", "/key/info", "/nothing")
    found = await asyncio.gather(
        *(Client(house.gateway, path, method="GET").answer() for path in paths)
    )
    assert [one.status for one in found] == [200, 200, 401, 404]


async def test_an_address_below_it_that_is_none_is_told_as_everywhere() -> None:
    house = House()
    unknown = await Client(house.gateway, "/key/nothing/at/all", method="GET").answer()
    assert (unknown.status, set(unknown.json)) == (404, {"error"})
    wrong = await Client(house.gateway, "/key/generate", method="GET").answer()
    assert (wrong.status, set(wrong.json)) == (405, {"error"})
