"""Google's clients see the models that they may use, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import pytest

from pipelines.routing.routes import Routes
from tests.builders import a_deployment
from tests.fakes.asgi import Client
from tests.fakes.ports import fake_ports
from tests.proxy.http.serving import BEARER, House, known

NAMES = ("gpt", "claude", "meta/llama")


def a_house(models: Sequence[str] | None = None) -> House:
    routes = Routes([a_deployment(name, name) for name in NAMES])
    return House(fake_ports(routes=routes, keys=known(models)))


async def ask(house: House, path: str, query: str = "", signed: bool = True) -> Client:
    headers = [BEARER] if signed else []
    client = Client(house.gateway, path, method="GET", headers=headers)
    client.scope["query_string"] = query.encode()
    return await client.answer()


async def test_the_models_are_listed_in_googles_form() -> None:
    client = await ask(a_house(), "/v1beta/models")
    assert [one["name"] for one in client.json["models"]] == [f"models/{name}" for name in NAMES]
    assert "countTokens" in client.json["models"][0]["supportedGenerationMethods"]
    assert "nextPageToken" not in client.json


async def test_pages_follow_each_other() -> None:
    house = a_house()
    first = (await ask(house, "/v1beta/models", "pageSize=2")).json
    assert (len(first["models"]), first["nextPageToken"]) == (2, "2")
    second = (await ask(house, "/v1beta/models", "pageSize=2&pageToken=2")).json
    assert [one["displayName"] for one in second["models"]] == ["meta/llama"]


async def test_only_what_the_caller_may_use_is_there() -> None:
    client = await ask(a_house(["gpt"]), "/v1beta/models")
    assert [one["displayName"] for one in client.json["models"]] == ["gpt"]
    assert (await ask(a_house(["gpt"]), "/v1beta/models/claude")).status == 404


async def test_one_model_is_told_by_its_name() -> None:
    client = await ask(a_house(), "/v1beta/models/meta/llama")
    assert client.json["name"] == "models/meta/llama"
    refused = await ask(a_house(), "/v1beta/models/nobody")
    assert (refused.status, refused.json["error"]["status"]) == (404, "NOT_FOUND")


async def test_strangers_and_odd_pages_are_refused_in_googles_form() -> None:
    refused = await ask(a_house(), "/v1beta/models", signed=False)
    assert (refused.status, refused.json["error"]["status"]) == (401, "UNAUTHENTICATED")
    odd = await ask(a_house(), "/v1beta/models", "pageToken=x")
    assert (odd.status, odd.json["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("path", ["/v1beta/models", "/v1beta/models/gpt"])
async def test_the_key_may_stand_in_the_address(path: str) -> None:
    key = BEARER[1].decode().removeprefix("Bearer ")
    assert (await ask(a_house(), path, f"key={quote(key)}", signed=False)).status == 200
