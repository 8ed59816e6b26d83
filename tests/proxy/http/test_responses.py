"""Kept responses are read, listed and deleted by those who made them, and by nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from pipelines.conversation import Kept
from pipelines.exchange import Principal
from proxy.stores.responses.memory import MemoryResponses
from tests.fakes.asgi import Client
from tests.fakes.ports import FakeClock, FakeKeys, fake_ports
from tests.proxy.http.serving import BEARER, KEY, House

RESPONSE = b'{"id":"resp_2","object":"response","output":[{"type":"message","id":"msg_o"}]}'
OTHER = (b"authorization", b"Bearer sk-other")
HELLO = b'[{"role":"user","content":"Hello"},{"type":"reasoning","id":"rs_1"}]'
AGAIN = b'[{"type":"function_call_output","call_id":"c","output":"x"}]'


async def a_house() -> House:
    store = MemoryResponses(FakeClock())
    first = RESPONSE.replace(b"resp_2", b"resp_1")
    await store.put(Kept("resp_1", "digest", "", "", HELLO, first))
    await store.put(Kept("resp_2", "digest", "resp_1", "", AGAIN, RESPONSE))
    keys = FakeKeys({KEY: Principal("me", "digest"), "sk-other": Principal("you", "other")})
    return House(replace(fake_ports(keys=keys), responses=store))


async def ask(house: House, path: str, method: str = "GET", query: bytes = b"") -> Client:
    client = Client(house.gateway, path, method=method, headers=[BEARER])
    client.scope["query_string"] = query
    return await client.answer()


@pytest.mark.parametrize("root", ["", "/v1", "/openai/v1"])
async def test_a_response_is_read_as_it_was_given(root: str) -> None:
    client = await ask(await a_house(), f"{root}/responses/resp_2")
    assert (client.status, client.body) == (200, RESPONSE)
    assert client.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/v1/responses/resp_2", "/v1/responses/resp_2/input_items"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_another_key_gets_404(path: str, method: str) -> None:
    house = await a_house()
    if method == "DELETE" and path.endswith("items"):
        assert (await ask(house, path, method)).status == 405
        return
    client = await Client(house.gateway, path, method=method, headers=[OTHER]).answer()
    assert client.status == 404
    assert client.json["error"]["message"] == "Response with id 'resp_2' not found."
    assert (await ask(house, "/v1/responses/resp_2")).status == 200


async def test_a_stranger_is_refused_and_an_unknown_id_is_not_found() -> None:
    house = await a_house()
    client = await Client(house.gateway, "/v1/responses/resp_2", method="GET").answer()
    assert client.status == 401
    assert (await ask(house, "/v1/responses/resp_9")).status == 404
    none = House(fake_ports(keys=FakeKeys({KEY: Principal("me", "digest")})))
    assert (await ask(none, "/v1/responses/resp_2")).status == 404


async def test_a_deleted_response_is_gone() -> None:
    house = await a_house()
    client = await ask(house, "/v1/responses/resp_2", "DELETE")
    assert client.json == {"id": "resp_2", "object": "response", "deleted": True}
    assert (await ask(house, "/v1/responses/resp_2")).status == 404
    assert (await ask(house, "/v1/responses/resp_2", "DELETE")).status == 404


async def items(house: House, query: str) -> dict[str, Any]:
    client = await ask(house, "/v1/responses/resp_2/input_items", query=query.encode())
    assert client.status == 200
    found: dict[str, Any] = orjson.loads(client.body)
    return found


async def test_the_items_are_those_of_the_whole_conversation_newest_first() -> None:
    listed = await items(await a_house(), "")
    assert [one["type"] for one in listed["data"]] == [
        "function_call_output",
        "message",
        "reasoning",
        "message",
    ]
    words = [{"type": "input_text", "text": "Hello"}]
    assert listed["data"][-1] == {
        "id": "msg_1_i0",
        "type": "message",
        "role": "user",
        "content": words,
    }
    assert (listed["first_id"], listed["last_id"]) == ("item_2_i0", "msg_1_i0")
    assert (listed["object"], listed["has_more"]) == ("list", False)


async def test_the_items_come_in_pages() -> None:
    house = await a_house()
    first = await items(house, "order=asc&limit=3")
    assert [one["id"] for one in first["data"]] == ["msg_1_i0", "rs_1", "msg_o"]
    assert first["has_more"] is True
    rest = await items(house, f"order=asc&after={first['last_id']}")
    assert [one["id"] for one in rest["data"]] == ["item_2_i0"]
    assert rest["has_more"] is False
    last = await items(house, "order=asc&after=item_2_i0")
    assert (last["data"], last["first_id"]) == ([], None)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=²", "after=nothing"])
async def test_a_page_that_cannot_be_is_refused(query: str) -> None:
    path = "/v1/responses/resp_2/input_items"
    client = await ask(await a_house(), path, query=query.encode())
    assert client.status == 400
    assert client.json["error"]["param"] == query.partition("=")[0]


async def test_a_kept_response_is_not_streamed() -> None:
    client = await ask(await a_house(), "/v1/responses/resp_2", query=b"stream=true")
    assert (client.status, client.json["error"]["param"]) == (400, "stream")
