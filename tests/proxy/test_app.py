"""Every path leads where OpenAI's and Azure's clients expect, and errors are told in JSON."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.errors import ConnectFailed
from pipelines.operations import GENERATE, OPERATIONS
from pipelines.routing.routes import Routes
from proxy.app import ROOTS
from proxy.http.asgi import Message
from tests.builders import ENDPOINTS, a_body, a_completion, a_deployment
from tests.fakes.asgi import Client
from tests.fakes.ports import JSON, FakeReply, FakeTransport, fake_ports
from tests.proxy.http.serving import BEARER, House, known

# Those that the builders' provider serves; the others are the same code with other rows.
SERVED = [one for one in OPERATIONS if one.name in ENDPOINTS]
PATHS = [root + one.path for root in ROOTS for one in SERVED]
BY_MODEL = [one for one in OPERATIONS if one is not GENERATE]
MODELS = ["gpt-4o", "gpt", "ollama/mistral", "openai/gpt-4o", "a/b/c", "chat", "ü", "v1:latest"]
AZURE = ["/openai/deployments/{}{}", "/engines/{}{}"]
ANSWER = b'{"choices":[],"data":[]}'


def a_house(*models: str) -> tuple[House, FakeTransport]:
    transport = FakeTransport(FakeReply([ANSWER], headers=[JSON]))
    routes = Routes([a_deployment(f"d-{name}", name) for name in models or ("gpt",)])
    return House(fake_ports(transport, routes=routes, keys=known())), transport


async def ask(
    house: House, path: str, body: bytes = b"", method: str = "POST", keyed: bool = True
) -> Client:
    headers = [BEARER] if keyed else []
    return await Client(house.gateway, path, body, method=method, headers=headers).answer()


def a_whole_body(**more: Any) -> bytes:
    return orjson.dumps({"messages": [], "prompt": "x", "input": "x", **more})


def is_openais_error(client: Client, status: int) -> bool:
    assert client.status == status
    assert client.headers["content-type"] == "application/json"
    assert set(client.json) == {"error"}
    assert set(client.json["error"]) == {"message", "type", "param", "code"}
    assert isinstance(client.json["error"]["code"], str)
    return True


@pytest.mark.parametrize("path", PATHS)
async def test_every_operation_is_served_below_every_root(path: str) -> None:
    house, transport = a_house()
    client = await ask(house, path, a_whole_body(model="gpt"))
    assert client.status == 200
    assert transport.requests[0].url.endswith(path.removeprefix("/openai").removeprefix("/v1"))


@pytest.mark.parametrize("operation", SERVED, ids=lambda one: one.name)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("form", AZURE)
async def test_the_path_may_name_the_model_as_azures_clients_do(
    form: str, model: str, operation: Any
) -> None:
    house, transport = a_house(model)
    client = await ask(house, form.format(model, operation.path), a_whole_body())
    assert client.status == 200
    assert orjson.loads(transport.requests[0].body)["model"] == model
    assert transport.requests[0].url.endswith(operation.path)


@pytest.mark.parametrize(
    "path",
    [
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/chat///completions",
        "//chat/completions",
        "//openai//deployments/gpt//chat/completions",
    ],
)
async def test_slashes_too_many_are_one(path: str) -> None:
    house, _ = a_house()
    assert (await ask(house, path, a_body())).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/v1",
        "/v2/chat/completions",
        "/v1/chat",
        "/v1/chat/completions/more",
        "/v1/v1/chat/completions",
        "/openai/deployments/gpt",
        "/openai/deployments/gpt/images/generations",
        "/CHAT/COMPLETIONS",
        "*",
        "",
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_what_is_not_there_is_a_404_in_openais_form(method: str, path: str) -> None:
    house, transport = a_house()
    client = await ask(house, path, a_body(), method)
    assert is_openais_error(client, 404)
    assert not transport.requests


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions/", "/chat/completions/", "/embeddings/", "/health/", "/models/"]
)
@pytest.mark.parametrize("method", ["POST", "GET", "HEAD"])
async def test_a_slash_at_the_end_is_never_redirected(method: str, path: str) -> None:
    house, _ = a_house()
    client = await ask(house, path, a_body(), method)
    assert client.status in (404, 405)
    assert "location" not in client.headers
    if method != "HEAD":
        assert is_openais_error(client, client.status)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH"])
async def test_a_wrong_method_on_an_operation_is_a_405(method: str, path: str) -> None:
    house, transport = a_house()
    client = await ask(house, path, a_body(), method)
    assert is_openais_error(client, 405)
    assert client.headers["allow"] == "POST"
    assert not transport.requests


@pytest.mark.parametrize("form", AZURE)
async def test_a_wrong_method_on_azures_path_is_a_405_too(form: str) -> None:
    house, _ = a_house()
    client = await ask(house, form.format("gpt", "/chat/completions"), method="GET")
    assert is_openais_error(client, 405)


async def test_a_line_end_after_a_path_does_not_lead_elsewhere() -> None:
    house, _ = a_house()
    assert is_openais_error(await ask(house, "/v1/chat/completions\n", a_body()), 404)


@pytest.mark.parametrize("path", ["/v1/models", "/health", "/", "/v1/models/gpt"])
async def test_a_post_where_there_is_only_something_to_read_is_a_405(path: str) -> None:
    house, _ = a_house()
    client = await ask(house, path, a_body())
    assert is_openais_error(client, 405)
    assert "GET" in client.headers["allow"]


async def test_the_head_of_the_root_is_answered_at_once() -> None:
    house, _ = a_house()
    assert (await ask(house, "/", method="HEAD", keyed=False)).status == 200


async def test_an_unknown_field_is_accepted() -> None:
    house, _ = a_house()
    body = a_body(top_k=5, min_p=0.1, num_ctx=2048, keep_alive="5m", think=True, mine={"a": 1})
    assert (await ask(house, "/v1/chat/completions", body)).status == 200


async def test_the_role_developer_is_accepted() -> None:
    house, transport = a_house()
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    body = a_body(messages=messages)
    assert (await ask(house, "/v1/chat/completions", body)).status == 200
    assert transport.requests[0].body == body


async def test_a_responses_body_on_chat_gets_a_clear_400() -> None:
    house, _ = a_house()
    body = orjson.dumps({"model": "gpt", "input": "hello"})
    client = await ask(house, "/v1/chat/completions", body)
    assert is_openais_error(client, 400)
    assert "Responses API" in client.json["error"]["message"]


async def test_an_error_of_the_house_outside_of_calls_is_json_and_tells_nothing() -> None:
    house, _ = a_house()

    class Broken:
        async def holder(self, digest: str) -> None:
            return None

        async def find(self, secret: str | None) -> None:
            raise ZeroDivisionError("secret-of-the-house")

    house.runtime.keys = Broken()
    client = Client(house.gateway, "/v1/models", method="GET", headers=[BEARER])
    with pytest.raises(ZeroDivisionError):
        # It leaves the application, so that the server logs it.
        await client.answer()
    assert is_openais_error(client, 500)
    assert b"secret" not in client.body


async def test_the_lifespan_is_answered() -> None:
    house, _ = a_house()
    asked: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    told: list[str] = []

    async def receive() -> Message:
        return asked.pop(0)

    async def send(message: Message) -> None:
        told.append(message["type"])

    await house.gateway({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_websocket_is_refused() -> None:
    house, _ = a_house()
    told: list[str] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        told.append(message["type"])

    scope = {**Client(house.gateway, "/v1/realtime").scope, "type": "websocket"}
    await house.gateway(scope, receive, send)
    assert told == ["websocket.close"]


async def test_a_new_generation_of_the_configuration_serves_at_once() -> None:
    house, _ = a_house()
    other = House(
        fake_ports(
            FakeTransport(FakeReply([a_completion("new")], headers=[JSON])),
            routes=Routes([a_deployment()]),
            keys=known(),
        )
    )
    house.gateway.runtime = other.runtime
    assert b"new" in (await ask(house, "/v1/chat/completions", a_body())).body
    refused = House(fake_ports(FakeTransport(ConnectFailed("x")), keys=known()))
    house.gateway.runtime = refused.runtime
    assert (await ask(house, "/v1/chat/completions", a_body())).status == 404


@pytest.mark.parametrize("root", ["", "/v1", "/v1beta"])
@pytest.mark.parametrize("verb", ["generateContent", "streamGenerateContent"])
async def test_googles_clients_name_model_and_stream_by_the_path(root: str, verb: str) -> None:
    house, transport = a_house("a/b:c")
    body = orjson.dumps({"contents": [{"parts": [{"text": "Hi"}]}]})
    await ask(house, f"{root}/models/a/b:c:{verb}", body)
    sent = orjson.loads(transport.requests[0].body)
    assert (sent["model"], sent.get("stream", False)) == ("a/b:c", verb.startswith("stream"))
