"""A caller sees the models that it may use, those behind wildcards too, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest

from pipelines.access import Layer
from pipelines.deployment import Deployment
from pipelines.errors import ConnectFailed
from pipelines.exchange import Principal
from pipelines.parties import Party, PartyRules
from pipelines.routing.routes import Routes
from tests.builders import a_deployment, a_provider
from tests.fakes.asgi import Client
from tests.fakes.ports import JSON, FakeKeys, FakeReply, FakeTransport, fake_ports
from tests.proxy.http.serving import BEARER, KEY, House, known


def wild(group: str = "acme/*") -> Deployment:
    provider = replace(a_provider(), models_path="/models")
    return replace(a_deployment("w", group, provider=provider), model="*")


def listing(*names: str) -> FakeReply:
    return FakeReply([orjson.dumps({"data": [{"id": name} for name in names]})], headers=[JSON])


def a_house(
    *deployments: Deployment,
    models: Sequence[str] | None = None,
    transport: FakeTransport | None = None,
    **settings: object,
) -> House:
    routes = Routes(deployments, {"alias": "gpt"})
    return House(fake_ports(transport, routes=routes, keys=known(models)), **settings)


async def ask(house: House, path: str = "/v1/models", **more: object) -> Client:
    headers = more.get("headers", [BEARER])
    assert isinstance(headers, list)
    return await Client(house.gateway, path, method="GET", headers=headers).answer()


async def names(house: House, path: str = "/v1/models") -> list[str]:
    client = await ask(house, path)
    assert client.status == 200
    return [entry["id"] for entry in client.json["data"]]


GPT, CLAUDE = a_deployment("d1", "gpt"), a_deployment("d2", "claude")


@pytest.mark.parametrize("path", ["/models", "/v1/models", "/openai/v1/models"])
async def test_the_models_are_listed_in_openais_form(path: str) -> None:
    client = await ask(a_house(GPT), path)
    assert client.headers["content-type"] == "application/json"
    assert client.json["object"] == "list"
    assert {entry["object"] for entry in client.json["data"]} == {"model"}
    assert all(isinstance(entry["id"], str) for entry in client.json["data"])


@pytest.mark.parametrize("path", ["//models", "/v1//models", "//v1///models"])
async def test_slashes_too_many_are_one(path: str) -> None:
    assert await names(a_house(GPT), path) == ["gpt", "alias"]


async def test_names_are_listed_once_in_the_configurations_order() -> None:
    twice = replace(GPT, id="d3")
    assert await names(a_house(CLAUDE, GPT, twice)) == ["claude", "gpt", "alias"]


async def test_hidden_names_are_not_listed() -> None:
    routes = Routes([GPT, CLAUDE], hidden=frozenset({"claude"}))
    assert await names(House(fake_ports(routes=routes, keys=known()))) == ["gpt"]


async def test_a_caller_sees_only_what_it_may_use() -> None:
    assert await names(a_house(GPT, CLAUDE, models=["claude", "other"])) == ["claude"]


async def test_a_wildcard_is_filled_in_with_what_its_provider_lists() -> None:
    transport = FakeTransport(listing("small", "large"))
    house = a_house(GPT, wild(), transport=transport)
    assert await names(house) == ["gpt", "alias", "acme/large", "acme/small"]
    assert await names(house) == ["gpt", "alias", "acme/large", "acme/small"]
    assert len(transport.requests) == 1


async def test_every_layer_has_a_say_and_the_callers_own_names_are_listed() -> None:
    principal = Principal(
        "ann",
        aliases={"fast": "gpt", "dear": "claude"},
        layers=(Layer("key", frozenset({"gpt", "claude"})), Layer("team", frozenset({"gpt"}))),
    )
    routes = Routes([GPT, CLAUDE])
    house = House(fake_ports(routes=routes, keys=FakeKeys({KEY: principal})))
    assert await names(house) == ["gpt", "fast"]


async def test_a_user_of_openwebui_sees_what_he_may_use() -> None:
    class Users:
        async def joined(self, principal: Principal, party: Party) -> Principal:
            assert party == Party(user="u1", role="user")
            return replace(principal, layers=(Layer("team", frozenset({"claude"})),))

    ports = replace(
        fake_ports(routes=Routes([GPT, CLAUDE]), keys=known()),
        users=Users(),
        parties=PartyRules(headers=((b"x-openwebui-user-id", "user"),)),
    )
    user = [(b"x-openwebui-user-id", b"u1"), (b"x-openwebui-user-role", b"user")]
    assert await names(House(ports)) == ["gpt", "claude"]
    client = await ask(House(ports), headers=[BEARER, *user])
    assert [entry["id"] for entry in client.json["data"]] == ["claude"]


async def test_what_a_wildcard_lists_is_filtered_too() -> None:
    transport = FakeTransport(listing("small", "large"))
    house = a_house(GPT, wild(), models=["acme/small"], transport=transport)
    assert await names(house) == ["acme/small"]


async def test_a_provider_that_fails_leaves_the_other_names() -> None:
    house = a_house(GPT, wild(), transport=FakeTransport(ConnectFailed("no")))
    assert await names(house) == ["gpt", "alias"]


async def test_nobody_is_asked_where_discovery_is_off() -> None:
    transport = FakeTransport(listing("small"))
    house = a_house(GPT, wild(), transport=transport, discover_models=False)
    assert await names(house) == ["gpt", "alias"]
    assert not transport.requests


async def test_there_may_be_no_models() -> None:
    assert (await ask(House(fake_ports(keys=known())))).json == {"object": "list", "data": []}


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt", "/v1/models/none"])
async def test_a_stranger_sees_nothing(path: str) -> None:
    house = a_house(GPT)
    for headers in ([], [(b"authorization", b"Bearer sk-wrong")], [(b"authorization", b"Basic x")]):
        client = await ask(house, path, headers=headers)
        assert client.status == 401
        assert set(client.json["error"]) == {"message", "type", "param", "code"}
        assert b"gpt" not in client.body


async def test_the_key_may_stand_in_the_header_of_the_configuration() -> None:
    house = a_house(GPT, key_header="X-My-Key")
    assert (await ask(house, headers=[(b"x-my-key", b"sk-test")])).status == 200
    assert (await ask(house, headers=[(b"x-litellm-api-key", b"sk-test")])).status == 401


async def test_one_model_is_answered_by_its_name() -> None:
    client = await ask(a_house(GPT), "/v1/models/gpt")
    assert client.status == 200
    assert client.json["id"] == "gpt"


@pytest.mark.parametrize("name", ["with/slash:tag", "a/b/c", "ü b", "models"])
async def test_a_name_may_have_slashes_and_more(name: str) -> None:
    client = await ask(a_house(a_deployment("d", name)), f"/v1/models/{name}")
    assert client.json["id"] == name


async def test_an_alias_and_a_name_behind_a_wildcard_are_models_too() -> None:
    house = a_house(GPT, wild(), discover_models=False)
    assert (await ask(house, "/v1/models/alias")).status == 200
    assert (await ask(house, "/v1/models/acme/any")).json["id"] == "acme/any"


async def test_an_unknown_model_is_a_404_that_names_those_there_are() -> None:
    client = await ask(a_house(GPT), "/v1/models/none")
    assert client.status == 404
    assert client.json["error"]["code"] == "model_not_found"
    assert "'gpt'" in client.json["error"]["message"]


@pytest.mark.parametrize("name", ["claude", "acme/any"])
async def test_a_model_that_the_caller_may_not_use_is_not_there_for_it(name: str) -> None:
    house = a_house(GPT, CLAUDE, wild(), models=["gpt"], discover_models=False)
    client = await ask(house, f"/v1/models/{name}")
    assert client.status == 404
    assert "'gpt'" in client.json["error"]["message"]
    assert "claude'." not in client.json["error"]["message"].removeprefix(f"The model '{name}'")


async def test_head_is_answered_as_get() -> None:
    client = await Client(
        a_house(GPT).gateway, "/v1/models", method="HEAD", headers=[BEARER]
    ).answer()
    assert client.status == 200
