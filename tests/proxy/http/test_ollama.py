"""Ollama's clients see the models that they may use, in Ollama's form, and its errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ollama
import orjson
import pytest

from pipelines.routing.routes import Routes
from proxy.http.ollama import MAX_BODY, VERSION
from tests.builders import a_completion, a_deployment
from tests.fakes.asgi import Client
from tests.fakes.ports import JSON, FakeReply, FakeTransport, fake_ports
from tests.proxy.http.serving import BEARER, House, known

GPT, CLAUDE = a_deployment("d1", "gpt"), a_deployment("d2", "claude")
HELLO = [{"role": "user", "content": "hi"}]


def a_house(models: Sequence[str] | None = None, *replies: FakeReply) -> House:
    routes = Routes([GPT, CLAUDE])
    return House(fake_ports(FakeTransport(*replies), routes=routes, keys=known(models)))


async def ask(
    house: House, path: str, body: Any = None, method: str = "GET", keyed: bool = True
) -> Client:
    raw = b"" if body is None else orjson.dumps(body)
    headers = [BEARER] if keyed else []
    return await Client(house.gateway, path, raw, method=method, headers=headers).answer()


async def test_the_models_are_listed_in_ollamas_form() -> None:
    client = await ask(a_house(), "/api/tags")
    found = ollama.ListResponse.model_validate(client.json)
    assert [one.model for one in found.models] == ["gpt", "claude"]
    names = [one["name"] for one in client.json["models"]]
    assert names == ["gpt", "claude"]
    assert len({one["digest"] for one in client.json["models"]}) == 2
    assert all(len(one["digest"]) == 64 for one in client.json["models"])


async def test_a_caller_sees_only_what_it_may_use() -> None:
    client = await ask(a_house(["claude"]), "/api/tags")
    assert [one["name"] for one in client.json["models"]] == ["claude"]


async def test_nothing_is_held_in_memory() -> None:
    assert (await ask(a_house(), "/api/ps")).json == {"models": []}


async def test_the_version_is_one_that_clients_take() -> None:
    assert (await ask(a_house(), "/api/version")).json == {"version": VERSION}
    assert tuple(int(part) for part in VERSION.split(".")) >= (0, 6, 4)


@pytest.mark.parametrize("field", ["model", "name"])
async def test_one_model_is_shown(field: str) -> None:
    client = await ask(a_house(), "/api/show", {field: "gpt"}, "POST")
    shown = ollama.ShowResponse.model_validate(client.json)
    assert shown.capabilities is not None
    assert {"completion", "tools"} <= set(shown.capabilities)
    assert shown.modelinfo is not None
    assert shown.modelinfo["general.basename"] == "gpt"


@pytest.mark.parametrize("name", ["claude", "none"])
async def test_a_model_that_is_not_there_for_the_caller_is_a_404(name: str) -> None:
    client = await ask(a_house(["gpt"]), "/api/show", {"model": name}, "POST")
    assert client.status == 404
    assert isinstance(client.json["error"], str)
    assert "'gpt'" in client.json["error"]


@pytest.mark.parametrize("body", [None, {}, {"model": 5}, [], {"x": "y" * MAX_BODY}])
async def test_a_body_that_names_no_model_is_refused(body: Any) -> None:
    client = await ask(a_house(), "/api/show", body, "POST")
    assert client.status in (400, 413)
    assert isinstance(client.json["error"], str)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/api/tags", "GET"),
        ("/api/ps", "GET"),
        ("/api/version", "GET"),
        ("/api/show", "POST"),
        ("/api/chat", "POST"),
        ("/api/generate", "POST"),
        ("/api/embed", "POST"),
        ("/api/embeddings", "POST"),
    ],
)
async def test_a_stranger_sees_nothing(path: str, method: str) -> None:
    body = {"model": "gpt", "messages": HELLO, "prompt": "x", "input": "x"}
    client = await ask(a_house(), path, body, method, keyed=False)
    assert client.status == 401
    assert isinstance(client.json["error"], str)
    assert b"gpt" not in client.body


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/api/pull", "POST"),
        ("/api/delete", "DELETE"),
        ("/api/blobs/x", "POST"),
        ("/api/chat", "GET"),
    ],
)
async def test_what_only_a_server_with_models_can_do_is_not_there(path: str, method: str) -> None:
    client = await ask(a_house(), path, {"model": "gpt"}, method)
    assert client.status == 404
    assert client.json == {"error": f"The gateway has nothing at {method} {path}."}


async def test_a_chat_is_answered_by_a_provider_of_another_dialect() -> None:
    house = a_house(None, FakeReply([a_completion("hello")], headers=[JSON]))
    body = {"model": "gpt", "messages": HELLO, "stream": False}
    client = await ask(house, "/api/chat", body, "POST")
    assert client.status == 200
    assert client.headers["content-type"] == "application/json"
    said = ollama.ChatResponse.model_validate(client.json)
    assert (said.message.content, said.done_reason, said.eval_count) == ("hello", "stop", 12)
