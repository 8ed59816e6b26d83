"""The gateway's own answers are JSON, and its errors have OpenAI's shape."""

from __future__ import annotations

import orjson
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from pipelines.errors import Denied, Overloaded, UnknownModel
from proxy.http.plain import JsonReply, error_reply, http_error, model_entry, model_list
from tests.fakes.asgi import Client


def a_request(path: str = "/nowhere", method: str = "GET", host: bytes = b"h") -> Request:
    async def nothing(*_: object) -> None:
        return None

    client = Client(nothing, path, method=method)
    client.scope["headers"] = [(b"host", host)]
    return Request(client.scope)


def test_an_answer_is_json_with_its_length() -> None:
    reply = JsonReply({"ä": [1, None]})
    assert reply.body == '{"ä":[1,null]}'.encode()
    assert dict(reply.headers) == {"content-length": "15", "content-type": "application/json"}


def test_an_error_has_openais_shape_and_its_headers() -> None:
    reply = error_reply(Overloaded("busy", 429, 3.0))
    assert reply.status_code == 429
    assert reply.headers["retry-after"] == "3"
    assert reply.headers["content-type"] == "application/json"
    assert orjson.loads(reply.body) == {
        "error": {
            "message": "busy",
            "type": "rate_limit_error",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }
    assert error_reply(Denied("no")).headers["x-should-retry"] == "false"


def test_a_code_is_always_a_string() -> None:
    body = orjson.loads(error_reply(UnknownModel("m")).body)
    assert body["error"]["code"] == "model_not_found"
    assert orjson.loads(error_reply(Overloaded("busy", 503)).body)["error"]["code"]


async def test_what_is_not_there_is_a_404_that_says_where_to_look() -> None:
    reply = await http_error(a_request(), HTTPException(404))
    error = orjson.loads(reply.body)["error"]
    assert reply.status_code == 404
    assert error["type"] == "not_found_error"
    assert error["code"] == "404"
    assert "/nowhere" in error["message"]
    assert "/v1" in error["message"]


async def test_a_wrong_method_is_a_405_that_names_the_right_ones() -> None:
    error = HTTPException(405, headers={"Allow": "POST"})
    reply = await http_error(a_request("/v1/chat/completions"), error)
    assert reply.status_code == 405
    assert reply.headers["allow"] == "POST"
    assert "GET is not allowed at /v1/chat/completions" in bytes(reply.body).decode()


async def test_another_error_of_starlette_keeps_its_status() -> None:
    reply = await http_error(a_request(), HTTPException(418))
    assert reply.status_code == 418
    assert orjson.loads(reply.body)["error"]["message"].endswith("(418).")


async def test_an_unexpected_error_is_a_500_that_tells_nothing() -> None:
    reply = await http_error(a_request(), ZeroDivisionError("secret"))
    assert reply.status_code == 500
    assert b"secret" not in reply.body
    assert orjson.loads(reply.body)["error"]["type"] == "internal_server_error"


@pytest.mark.parametrize("host", [b"[", b"[::1", b"a b", b"\xff", b"h/../x?y#z", b""])
async def test_a_strange_host_is_no_fault_of_ours(host: bytes) -> None:
    reply = await http_error(a_request("/x", host=host), HTTPException(404))
    assert "GET /x." in orjson.loads(reply.body)["error"]["message"]


@pytest.mark.parametrize("path", ["/" + "a" * 5000, "/a?b#c", "/\x00\r\n", "/ü/\ufffd", "//[", ""])
async def test_a_strange_path_is_told_as_it_was_but_not_at_any_length(path: str) -> None:
    reply = await http_error(a_request(path), HTTPException(404))
    message = orjson.loads(reply.body)["error"]["message"]
    assert f"GET {path[:200]}." in message
    assert len(message) < 300


def test_a_model_has_what_openais_clients_want() -> None:
    assert model_entry("openai/gpt-4o") == {
        "id": "openai/gpt-4o",
        "object": "model",
        "created": 1677610602,
        "owned_by": "openai",
    }


def test_a_list_of_models_keeps_its_order() -> None:
    listing = model_list(["b", "a"])
    assert listing["object"] == "list"
    assert listing["data"] == [model_entry("b"), model_entry("a")]
    assert model_list([]) == {"object": "list", "data": []}
