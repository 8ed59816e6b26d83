"""One endpoint answers every operation: it reads the call, runs the chain, writes the reply."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from pipelines.errors import ConnectFailed, Overloaded, StreamBroken
from pipelines.operations import GENERATE, OPERATIONS
from pipelines.record import Record
from pipelines.routing.routes import Routes
from tests.builders import ENDPOINTS, a_body, a_chunk, a_completion, a_deployment, a_stream, sse
from tests.fakes.asgi import Client
from tests.fakes.ports import JSON, FakeReply, FakeTransport, fake_ports
from tests.proxy.http.serving import BEARER, DONE, Gated, House, known

CHAT = "/v1/chat/completions"
WHOLE = FakeReply([a_completion()], headers=[JSON])
WRONG = (b"authorization", b"Bearer sk-wrong")
Header = tuple[bytes, bytes]
SERVED = [one for one in OPERATIONS if one.name in ENDPOINTS]
BY_PATH = [one for one in OPERATIONS if one is not GENERATE]


def a_house(*replies: Any, **settings: Any) -> tuple[House, FakeTransport]:
    transport = FakeTransport(*(replies or (WHOLE,)))
    routes = Routes([a_deployment("d1", "gpt"), a_deployment("d2", "a/b")])
    return House(fake_ports(transport, routes=routes, keys=known()), **settings), transport


async def post(
    house: House, body: bytes, *headers: Header, path: str = CHAT, key: Header | None = BEARER
) -> Client:
    given = [*headers, *([key] if key else [])]
    return await Client(house.gateway, path, body, headers=given).answer()


def the_record(house: House) -> Record:
    [record] = house.journal.records
    return record


async def test_a_chat_goes_through_to_the_provider_and_back() -> None:
    house, transport = a_house()
    body = a_body()
    client = await post(house, body)
    assert client.status == 200
    assert client.body == a_completion()
    assert client.headers["x-litellm-model-id"] == "d1"
    assert transport.requests[0].body == body
    assert the_record(house).outcome == "ok"


async def test_a_stream_goes_through_piece_by_piece() -> None:
    first, rest = sse(a_chunk("a")), a_stream("b")
    provider = Gated(first, rest)
    house, _ = a_house(provider)
    client = Client(house.gateway, CHAT, a_body(stream=True), headers=[BEARER])
    client.start()
    await client.until_sent(2)
    assert client.body == first
    provider.gate.set()
    await client.ended()
    assert client.body.startswith(first)
    assert client.body.endswith(DONE)
    assert client.headers["content-type"] == "text/event-stream"


@pytest.mark.parametrize("operation", BY_PATH, ids=lambda one: one.name)
async def test_every_operation_has_an_endpoint_that_knows_its_name(operation: Any) -> None:
    house, _ = a_house()
    await post(house, b"{}", path=f"/v1{operation.path}")
    assert the_record(house).operation == operation.name


@pytest.mark.parametrize("operation", SERVED, ids=lambda one: one.name)
async def test_every_operation_of_the_provider_is_served(operation: Any) -> None:
    house, transport = a_house(FakeReply([b'{"choices":[],"data":[]}'], headers=[JSON]))
    fields = dict.fromkeys(operation.requires, "x")
    body = orjson.dumps({"model": "gpt", **fields})
    client = await post(house, body, path=f"/v1{operation.path}")
    assert client.status == 200
    assert transport.requests[0].url.endswith(operation.path)
    assert the_record(house).operation == operation.name


async def test_the_model_of_an_azure_path_wins_over_the_bodys() -> None:
    house, transport = a_house()
    path = "/openai/deployments/gpt/chat/completions"
    client = await post(house, a_body(model="other"), path=path)
    assert client.status == 200
    assert orjson.loads(transport.requests[0].body)["model"] == "gpt"


async def test_the_model_of_an_azure_path_stands_in_for_one_that_is_missing() -> None:
    house, transport = a_house()
    client = await post(house, b'{"messages":[]}', path="/openai/deployments/a/b/chat/completions")
    assert client.status == 200
    assert orjson.loads(transport.requests[0].body)["model"] == "a/b"


async def test_a_body_over_the_limit_is_a_413_to_those_who_are_known() -> None:
    house, transport = a_house(max_body_bytes=100)
    client = await post(house, a_body() + b" " * 100)
    assert client.status == 413
    assert "max_body_bytes" in client.json["error"]["message"]
    assert not transport.requests
    assert (the_record(house).outcome, the_record(house).status) == ("refused", 413)


@pytest.mark.parametrize("key", [WRONG, None])
async def test_a_body_over_the_limit_is_a_401_to_strangers(key: Header | None) -> None:
    house, _ = a_house(max_body_bytes=100)
    client = await post(house, a_body() + b" " * 100, key=key)
    assert client.status == 401


async def test_an_announced_body_over_the_limit_is_not_read() -> None:
    house, _ = a_house(max_body_bytes=100)
    headers = [(b"content-length", b"1000"), BEARER]
    client = Client(house.gateway, CHAT, [b"x"], headers=headers, whole=False)
    await client.answer()
    assert client.status == 413


async def test_a_compressed_body_is_a_415() -> None:
    house, _ = a_house()
    assert (await post(house, a_body(), (b"content-encoding", b"gzip"))).status == 415


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'{"messages":[]}', "model"),
        (b'{"model":"","messages":[]}', "model"),
        (b'{"model":"gpt"}', "messages"),
    ],
)
async def test_a_bad_body_is_a_400_that_names_the_field(body: bytes, param: str | None) -> None:
    house, _ = a_house()
    client = await post(house, body)
    assert client.status == 400
    assert client.json["error"]["param"] == param
    assert client.json["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("body", [b"", b"{", b'{"messages":[]}'])
async def test_a_stranger_is_not_told_what_is_wrong_with_his_body(body: bytes) -> None:
    house, _ = a_house()
    client = await post(house, body, key=WRONG)
    assert client.status == 401
    assert client.json["error"]["code"] == "invalid_api_key"


async def test_an_unknown_model_is_a_404_that_names_the_models_there_are() -> None:
    house, _ = a_house()
    client = await post(house, a_body(model="none"))
    assert client.status == 404
    assert client.json["error"]["code"] == "model_not_found"
    assert "'gpt'" in client.json["error"]["message"]


async def test_a_client_that_leaves_within_its_body_gets_no_answer_and_no_record() -> None:
    house, transport = a_house()
    client = Client(house.gateway, CHAT, [b"{"], headers=[BEARER], whole=False)
    client.start()
    await asyncio.sleep(0)
    client.leave()
    await client.ended()
    assert not client.sent
    assert not transport.requests
    assert not house.journal.records
    assert len(house.live) == 0


@pytest.mark.parametrize("given", [b"abc", b"A.b_c:d-9", b"x" * 128])
async def test_the_id_that_a_client_gives_is_the_calls(given: bytes) -> None:
    house, _ = a_house()
    client = await post(house, a_body(), (b"x-litellm-call-id", given))
    assert client.headers["x-litellm-call-id"] == given.decode()
    assert the_record(house).id == given.decode()


@pytest.mark.parametrize("given", [b"", b"a b", b"a\nb", b"\xff", b"x" * 129, b"<script>"])
async def test_an_id_that_is_not_safe_is_replaced(given: bytes) -> None:
    house, _ = a_house()
    client = await post(house, a_body(), (b"x-litellm-call-id", given))
    assert len(client.headers["x-litellm-call-id"]) == 32
    assert the_record(house).id == client.headers["x-litellm-call-id"]


async def test_every_call_has_an_id_of_its_own() -> None:
    house, _ = a_house()
    ids = {(await post(house, a_body())).headers["x-litellm-call-id"] for _ in range(20)}
    assert len(ids) == 20
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in ids)


async def test_calls_to_which_a_client_gives_one_id_are_told_apart_by_their_serial() -> None:
    house, _ = a_house()
    for _ in range(2):
        await post(house, a_body(), (b"x-litellm-call-id", b"mine"))
    first, second = house.journal.records
    assert first.id == second.id == "mine"
    assert first.serial != second.serial


async def test_a_refused_call_has_its_id_too() -> None:
    house, _ = a_house()
    client = await post(house, a_body(), key=None)
    assert client.headers["x-litellm-call-id"] == the_record(house).id


async def test_a_failed_attempt_is_tried_again_and_the_reply_says_so() -> None:
    house, transport = a_house(ConnectFailed("refused"), WHOLE)
    client = await post(house, a_body())
    assert client.status == 200
    assert client.headers["x-litellm-attempted-retries"] == "1"
    assert len(transport.requests) == 2


async def test_an_overloaded_provider_is_told_with_its_wait() -> None:
    house, _ = a_house(Overloaded("acme is limiting the rate.", 429, 61.0))
    client = await post(house, a_body())
    assert client.status == 429
    assert client.headers["retry-after"] == "61"
    assert client.headers["x-litellm-model-id"] == "d1"


async def test_a_stream_that_breaks_is_told_in_the_stream_and_recorded() -> None:
    house, _ = a_house(FakeReply([sse(a_chunk("a")), StreamBroken("acme broke off.")]))
    client = await post(house, a_body(stream=True))
    assert client.status == 200
    assert b"acme broke off." in client.body
    assert client.body.endswith(DONE)
    assert (the_record(house).outcome, the_record(house).status) == ("broken", 200)


async def test_the_clients_address_is_known_and_may_be_missing() -> None:
    house, _ = a_house()
    await post(house, a_body())
    assert the_record(house).client == "192.0.2.7"
    client = Client(house.gateway, CHAT, a_body(), headers=[BEARER])
    client.scope["client"] = None
    await client.answer()
    assert house.journal.records[1].client == ""


async def test_a_server_need_not_offer_extensions() -> None:
    house, _ = a_house()
    client = Client(house.gateway, CHAT, a_body(), headers=[BEARER])
    del client.scope["extensions"]
    assert (await client.answer()).status == 200


async def test_a_call_is_among_the_running_ones_until_its_end() -> None:
    provider = Gated(sse(a_chunk("a")), a_stream("b"))
    house, _ = a_house(provider)
    client = Client(house.gateway, CHAT, a_body(stream=True), headers=[BEARER])
    client.start()
    await client.until_sent(2)
    assert len(house.live) == 1
    provider.gate.set()
    await client.ended()
    assert len(house.live) == 0


async def test_a_call_keeps_the_configuration_that_it_began_with() -> None:
    provider = Gated(sse(a_chunk("a")), a_stream("b"))
    house, _ = a_house(provider)
    client = Client(house.gateway, CHAT, a_body(stream=True), headers=[BEARER])
    client.start()
    await client.until_sent(2)
    other, _ = a_house(FakeReply([a_completion("new")], headers=[JSON]))
    house.gateway.runtime = other.runtime
    provider.gate.set()
    await client.ended()
    assert client.body.endswith(DONE)
    assert b"new" in (await post(house, a_body())).body


async def test_the_clients_own_headers_do_not_reach_the_provider() -> None:
    house, transport = a_house()
    await post(house, a_body(), (b"x-evil", b"1"), (b"cookie", b"a=b"), (b"connection", b"x-evil"))
    sent = {name.lower() for name in transport.requests[0].headers}
    assert sent == {"content-type", "authorization"}
    assert "sk-test" not in transport.requests[0].headers["Authorization"]
